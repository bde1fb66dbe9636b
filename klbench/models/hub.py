"""transformers, imported where it is used; without it the error says how to get it."""

from __future__ import annotations

from typing import Any

from klbench.errors import RunError

WRITTEN = "a folder that save_pretrained of the model and of its tokenizer has written"
_LONGEST = 300
"""What is told of a message of transformers' that is a list, in letters."""


def transformers() -> Any:
    """The module.

    Raises:
        RunError: it is not installed, or cannot be imported.
    """
    try:
        import transformers
    except ImportError as error:
        raise RunError("Model(...) needs transformers", help=["pip install 'klbench[models]'"]) from error
    return transformers


def commit_of(name: str, revision: str | None) -> str:
    """The commit of a checkpoint on a hub, as its own cache or the hub knows it; empty where it does not say.

    Raises:
        RunError: transformers is missing, or neither has it.
    """
    transformers()
    from transformers.utils.hub import cached_file, extract_commit_hash

    try:
        path = cached_file(name, "config.json", revision=revision or "main")
    except (OSError, ValueError) as error:
        raise not_there(name, error) from error
    return extract_commit_hash(path, None) or ""


def not_there(name: str, error: Exception, *, part: str = "", in_folder: bool = False) -> RunError:
    """The error about a checkpoint, or a ``part`` of it, that cannot be had from the hub or from a folder."""
    whole = " ".join(str(error).split()) or type(error).__name__
    first = next(iter(str(error).strip().splitlines()), whole)
    # a sentence that announces a list is told with it
    said = f"{whole[:_LONGEST]}{'…' * (len(whole) > _LONGEST)}" if first.rstrip().endswith(":") else first
    from_hub = "a folder, or the name of a checkpoint that the hub, or its cache on this machine, has"
    what = f"{part} of {name}" if part else name
    return RunError(f"{what} cannot be loaded: {said}", help=[WRITTEN if in_folder else from_hub])
