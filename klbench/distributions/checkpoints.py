"""Where a checkpoint is that an expression names: a folder, a GGUF file, or a name on a hub. No torch here.

Nothing of a checkpoint is read here but the names, sizes and times of its files, by which one knows it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from klbench.distributions.expression import Text

GGUF = ".gguf"
"""How a file ends that is a whole checkpoint by itself."""
CONFIG = "config.json"
"""What every folder of a checkpoint has."""
_HUB = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?", re.ASCII)
_ALLOWED = "a folder that save_pretrained has written, seen from the spec's folder, or a hub's name: \"owner/name\""


def checkpoint_fault(name: Text) -> tuple[str, str] | None:
    """Why a name is none of a checkpoint, and what to do; None where it is one, as far as its files' names tell."""
    try:
        path = _beside(name)
        if path.is_dir():
            return None if (path / CONFIG).is_file() else (f"is a folder without {CONFIG}", _ALLOWED)
        if path.is_file():
            return None if path.suffix == GGUF else ("is a file", f"its folder, or a file that ends in {GGUF}")
    except (OSError, ValueError, RuntimeError):
        return "is no path", _ALLOWED
    if not _HUB.fullmatch(name.text) or name.text.endswith(GGUF):
        return f"is not there: there is no such folder in {name.folder or 'the current folder'}", _ALLOWED
    return None


def local_path(name: Text) -> Path | None:
    """The folder or file of a checkpoint; None of one that is on a hub."""
    path = _beside(name)
    return path.absolute() if path.exists() else None


def stamps(path: Path) -> Iterator[tuple[str, int, int]]:
    """The name, the size and the time of change of each file of a checkpoint, in the order of their names."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            about = file.stat()
            yield str(file.relative_to(path.parent)), about.st_size, about.st_mtime_ns


def _beside(name: Text) -> Path:
    return (Path(name.folder) if name.folder is not None else Path()) / Path(name.text).expanduser()
