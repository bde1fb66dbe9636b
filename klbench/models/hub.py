"""transformers, imported where it is used; without it the error says how to get it."""

from __future__ import annotations

from typing import Any

from klbench.errors import RunError


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


def not_there(name: str, error: Exception) -> RunError:
    """The error about a checkpoint that cannot be had."""
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    help = ["a folder, or the name of a checkpoint that the hub, or its cache on this machine, has"]
    return RunError(f"{name} cannot be loaded: {first}", help=help)
