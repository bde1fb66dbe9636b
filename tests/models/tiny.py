"""Language models of a few thousand weights, made on the spot, and a tokenizer of a few dozen words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

WORDS = ("<eos>", "<unk>", "<user>", "<answer>", *(f"w{number}" for number in range(36)))
VOCABULARY = len(WORDS)
EOS = 0
LONGEST = 64
TEMPLATE = (
    "{% for m in messages %}<user> {{ m['content'] }} {% endfor %}{% if add_generation_prompt %}<answer>{% endif %}"
)
PROMPTS = ("w1 w2 w3", "w4", "w5 w6 w7 w8 w9", "w10 w11")


def write_tokenizer(folder: Path, *, template: str | None = TEMPLATE) -> None:
    numbered = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(numbered, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>", unk_token="<unk>")
    wrapped.chat_template = template
    wrapped.save_pretrained(folder)


def gpt2(seed: int, vocabulary: int = VOCABULARY) -> Any:
    torch.manual_seed(seed)
    sizes = {"n_positions": LONGEST, "n_embd": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.3}
    ends = {"eos_token_id": EOS, "bos_token_id": EOS}
    return GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, **sizes, **ends))


def llama(seed: int) -> Any:
    torch.manual_seed(seed)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    more = {"num_key_value_heads": 2, "max_position_embeddings": LONGEST, "initializer_range": 0.3}
    ends = {"eos_token_id": EOS, "bos_token_id": EOS, "pad_token_id": None}
    return LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, **sizes, **more, **ends))


def write(folder: Path, model: Any, *, template: str | None = TEMPLATE) -> Path:
    model.save_pretrained(folder)
    write_tokenizer(folder, template=template)
    return folder


def spec_text(
    q: str,
    p: str,
    sampler: str | None = None,
    *,
    prompts: str = "prompts.txt",
    length: int = 8,
    samples: int = 96,
    estimators: Sequence[str] = ("k1", "k3", "full"),
    **more: object,
) -> str:
    """A spec of one pair, as YAML (which JSON is)."""
    pair = {"name": "tiny", "q": q, "p": p, "prompts": prompts, "length": length}
    pair |= {} if sampler is None else {"sampler": sampler}
    spec: Mapping[str, object] = {
        "name": "tiny",
        "samples": samples,
        "estimators": list(estimators),
        **more,
        "pairs": [pair],
    }
    return json.dumps(spec)
