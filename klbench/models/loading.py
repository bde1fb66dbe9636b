"""Loading a checkpoint and its tokenizer with transformers: once in a process, for evaluation.

Code that a checkpoint brings along is never run.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from threading import Lock
from typing import Any

import torch

from klbench.distributions.checkpoints import GGUF, local_path
from klbench.errors import RunError, SpecError
from klbench.memory import is_out_of_memory, out_of_memory
from klbench.models.hub import WRITTEN, not_there, transformers
from klbench.models.policy import Checkpoint
from klbench.models.prompts import Prompt

_KEPT = 3
"""Models that are kept: as many as a pair has members, so that the next case of a grid finds them."""
_LOADING = Lock()
_CACHES = ("cache", "past_key_values")
"""What a model calls the keys and values of what it has read, the newer name first."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model ready to be read from.

    Args:
        called: the checkpoint, as messages name it.
        model: transformers' own.
        vocabulary: how many logits it gives for a next token.
        longest: the most tokens that it reads; None where its configuration does not say.
        takes: the names of what its forward pass takes.
        ends: the tokens that end a sequence, as its configuration says.
    """

    called: str
    model: Any
    vocabulary: int
    longest: int | None
    takes: frozenset[str]
    ends: frozenset[int]

    @property
    def cache(self) -> str | None:
        """What it calls its cache; None where it has none that can be handed back."""
        return next((name for name in _CACHES if name in self.takes), None)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        device: torch.device = self.model.device
        return device


def load(checkpoint: Checkpoint, device: torch.device) -> Loaded:
    """The model of a checkpoint; the same one if it was loaded before and its files have not changed.

    Raises:
        RunError: transformers is missing, there is no such checkpoint, or it cannot be loaded here.
    """
    with _LOADING:
        return _loaded(checkpoint, checkpoint.name.folder, checkpoint.stamp(), device)


@lru_cache(_KEPT)
def _loaded(checkpoint: Checkpoint, _folder: str | None, _stamp: object, device: torch.device) -> Loaded:
    dtype = "auto" if checkpoint.dtype == "auto" else getattr(torch, checkpoint.dtype)
    place, given = _place(checkpoint)
    with _told(checkpoint):
        model = transformers().AutoModelForCausalLM.from_pretrained(place, dtype=dtype, **given)
        model = model.to(device).eval().requires_grad_(False)
    config = model.config.get_text_config()
    takes = frozenset(inspect.signature(model.forward).parameters)
    longest = getattr(config, "max_position_embeddings", None)
    return Loaded(checkpoint.called, model, int(config.vocab_size), longest, takes, _ends(model))


def tokenizer_of(checkpoint: Checkpoint) -> Any:
    """The tokenizer of a checkpoint.

    Raises:
        RunError: as of the model.
    """
    place, given = _place(checkpoint)
    with _LOADING, _told(checkpoint, "the tokenizer"):
        tokenizer = transformers().AutoTokenizer.from_pretrained(place, **given)
    if getattr(tokenizer, "vocab_size", None) == 0:
        # what transformers makes of a folder with a model alone
        raise RunError(f"the tokenizer of {checkpoint.called} is not there", help=[WRITTEN])
    return tokenizer


def tokens_of(prompts: Sequence[Prompt], tokenizer: Any, called: str) -> list[list[int]]:
    """The tokens of each prompt, those that the tokenizer adds and those of its chat template among them.

    Raises:
        SpecError: there is no chat template, it refuses the messages, or a prompt has no token.
    """
    return [_tokens(number, prompt, tokenizer, called) for number, prompt in enumerate(prompts, 1)]


def _tokens(number: int, prompt: Prompt, tokenizer: Any, called: str) -> list[int]:
    if prompt.text is not None:
        tokens: list[int] = tokenizer(prompt.text).input_ids
    else:
        if not getattr(tokenizer, "chat_template", None):
            help = ['a text a line, or {"text": "..."}, is taken as it is']
            raise SpecError(f"the tokenizer of {called} has no chat template for messages", help=help)
        messages = [dict(message) for message in prompt.messages]
        try:
            text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        except Exception as error:  # the template's own, of any kind
            help = ["messages as the template wants them, such as a user's"]
            raise SpecError(f"prompt {number}: the chat template of {called} refuses it: {error}", help=help) from error
        tokens = tokenizer(text, add_special_tokens=False).input_ids
    if not tokens:
        raise SpecError(f"prompt {number} has no token", help=["a prompt of at least one token"])
    return list(tokens)


def ends_of(tokenizer: Any, loaded: Loaded) -> frozenset[int]:
    """The tokens that end a sequence: the tokenizer's, and those of the model's configuration."""
    own = getattr(tokenizer, "eos_token_id", None)
    return loaded.ends | (frozenset() if own is None else {int(own)})


def _ends(model: Any) -> frozenset[int]:
    configs = (getattr(model, "generation_config", None), model.config)
    named = [getattr(config, "eos_token_id", None) for config in configs]
    listed = [each if isinstance(each, list | tuple) else [each] for each in named if each is not None]
    return frozenset(int(token) for tokens in listed for token in tokens)


def _place(checkpoint: Checkpoint) -> tuple[str, Mapping[str, object]]:
    """What transformers is asked for, and how."""
    path = local_path(checkpoint.name)
    if path is None:
        return checkpoint.called, {"revision": checkpoint.revision or "main"}
    if path.suffix == GGUF and path.is_file():
        return str(path.parent), {"gguf_file": path.name, "local_files_only": True}
    return str(path), {"local_files_only": True}


@contextmanager
def _told(checkpoint: Checkpoint, part: str = "") -> Iterator[None]:
    """What transformers raises, as an error about the checkpoint; it shows no progress of its own meanwhile."""
    in_folder = local_path(checkpoint.name) is not None
    logging = transformers().utils.logging
    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with redirect_stderr(StringIO()):  # the bars of what reads GGUF have no switch
            yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            help = ["a narrower dtype, such as bfloat16", "a smaller checkpoint"]
            raise RunError(f"{out_of_memory(error)}, loading {checkpoint.called}", help=help) from error
        raise not_there(checkpoint.called, error, part=part, in_folder=in_folder) from error
    except ImportError as error:
        first = next(iter(str(error).strip().splitlines()), "a package is missing")
        what = f"{part} of {checkpoint.called}" if part else checkpoint.called
        raise RunError(f"{what} cannot be loaded: {first}", help=["pip install what it names"]) from error
    except Exception as error:  # whatever a file that is torn makes of it, in any of the packages that read it
        raise not_there(checkpoint.called, error, part=part, in_folder=in_folder) from error
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()
