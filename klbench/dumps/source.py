"""The files of a dump as a spec or a call names them, and what is compared in them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from klbench.dumps.row import Role
from klbench.dumps.scratch import Scratch
from klbench.errors import SpecError

if TYPE_CHECKING:
    from klbench.dumps.loaded import Loaded


@dataclass(frozen=True)
class Source:
    """Files in their order.

    Args:
        paths: absolute.
        columns: the names of columns that were said, by role, mask or group.
        skip_bad: whether sequences with unusable numbers are left out, and named.
        seed: which tokens are drawn where a file has whole distributions.
    """

    paths: tuple[str, ...]
    columns: tuple[tuple[str, str], ...] = ()
    skip_bad: bool = False
    seed: int = 0

    @property
    def is_shipped(self) -> bool:
        """Whether all files are those that ship with klbench: then no folder has to be known."""
        return all(Path(path).parent == _texts() for path in self.paths)

    def stamps(self) -> tuple[tuple[int, int], ...]:
        """The size of each file and when it was changed, by which one knows it again."""
        return tuple((about.st_size, about.st_mtime_ns) for about in (Path(path).stat() for path in self.paths))

    def loaded(self) -> Loaded:
        """What the files hold, packed; read once in a process.

        Raises:
            SpecError: what is wrong with their content.
            RunError: what is wrong with the machine.
        """
        return _loaded(self, self.stamps())


@dataclass(frozen=True)
class Side:
    """What is compared in a dump: two of its columns, and which of them, or a third, is of what drew the tokens.

    Args:
        source: the files.
        q, p: whose log-probabilities are q's and p's.
        sampler: whose are those of what drew the tokens; None where that is q.
        called: ``q‖p``, ``sampler‖q``; empty where there is no other.
    """

    source: Source
    q: Role
    p: Role
    sampler: Role | None
    called: str = ""

    @property
    def is_first(self) -> bool:
        """Whether it is the first that is told of these files, or the only one."""
        return self.called in ("", "q‖p")

    @property
    def kind(self) -> str:
        """``reference`` or ``mismatch``."""
        return "reference" if self.p == "log_p" else "mismatch"


def sides_of(source: Source, roles: Sequence[Role]) -> tuple[Side, ...]:
    """What can be compared, given which columns there are.

    The KL to the reference, and the mismatch of the trainer and the engine that drew the tokens. Without the trainer's
    log-probabilities it is the KL of that engine to the reference.

    Raises:
        SpecError: there are not two columns.
    """
    there = set(roles)
    to_reference = Side(source, "log_q", "log_p", "log_sampler" if "log_sampler" in there else None, "q‖p")
    mismatch = Side(source, "log_sampler", "log_q", None, "sampler‖q")
    if {"log_q", "log_p", "log_sampler"} <= there:
        return to_reference, mismatch
    if {"log_q", "log_p"} <= there:
        return (Side(source, "log_q", "log_p", None),)
    if {"log_q", "log_sampler"} <= there:
        return (Side(source, "log_sampler", "log_q", None),)
    if {"log_p", "log_sampler"} <= there:
        return (Side(source, "log_sampler", "log_p", None),)
    have = f"{' and '.join(sorted(there))} alone" if there else "none of them"
    help = ["two of log_q, log_p, log_sampler are compared", "klbench explain data lists the names that are known"]
    raise SpecError(f"{Path(source.paths[0]).name} has {have}", help=help)


def files_of(named: Sequence[str], folder: str | None) -> tuple[str, ...]:
    """The files that paths and patterns name, absolute, each pattern's sorted.

    What is in no folder is sought by its bare name among the dumps that ship with klbench.

    Raises:
        SpecError: there is no such file.
    """
    found: list[str] = []
    for name in named:
        if name == STANDARD_INPUT:
            found.append(str(_standard_input()[1]))
            continue
        path = Path(folder or "") / Path(name).expanduser()
        matching = [path] if path.exists() else _matching(path) or _shipped(name)
        if not matching:
            raise SpecError(f"there is no file {name!r}", help=[f"a path or a pattern, seen from {folder or '.'}"])
        for each in matching:
            if each.is_dir():
                raise SpecError(f"{name!r} is a folder", help=[f"name files in it: {name.rstrip('/')}/*.jsonl"])
        found += [str(each.absolute()) for each in matching]
    return tuple(dict.fromkeys(found))


def _matching(path: Path) -> list[Path]:
    """The files that a pattern means, sorted."""
    pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else str(path)
    root = Path(path.anchor) if path.is_absolute() else Path()
    return sorted(each for each in root.glob(pattern) if each.is_file()) if any(c in pattern for c in "*?[") else []


def _shipped(name: str) -> list[Path]:
    """The dump of that bare name that ships with klbench."""
    return [path for path in _texts().glob("*.jsonl") if path.name == name]


def _texts() -> Path:
    return Path(str(files("klbench"))) / "texts"


@lru_cache(maxsize=2)
def _loaded(source: Source, _stamps: tuple[tuple[int, int], ...]) -> Loaded:
    from klbench.dumps.loaded import load

    return load(source)


def named_by(files: Sequence[str]) -> str:
    """The name of results of these files: the stem of the first, of letters, digits, - and _."""
    stem = Path(files[0]).name.partition(".")[0]
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in stem)
    return kept.strip("-") or ("stdin" if files[0] == STANDARD_INPUT else "data")


STANDARD_INPUT = "-"


@lru_cache(maxsize=1)
def _standard_input() -> tuple[Scratch, Path]:
    """Standard input, kept in a file of its own as long as the process: lines of JSON."""
    folder = Scratch()
    path = folder.path / "stdin.jsonl"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return folder, path
