"""Files that an expression names: found beside the spec, or among those that ship with klbench, and read once.

A file is sought in the folder of its ``Text``, the spec's or the current one, and then by its bare name in
``klbench/texts``. Nothing of a file is ever evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from klbench.distributions.expression import Text
from klbench.errors import SpecError
from klbench.wording import joined

MOST_BYTES = 16 * 2**20
_KEPT = 8
"""Files whose bytes are kept: the policies of a pair read a few, again and again."""


class FileFault(SpecError):  # noqa: N818
    """A file cannot be used: ``what`` completes "given ..., which ...", ``advice`` says what to do."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"a file that is named {what}", help=[advice])
        self.what = what
        self.advice = advice


def shipped() -> tuple[str, ...]:
    """The names of the files that ship with klbench, sorted."""
    return tuple(sorted(path.name for path in _texts().iterdir() if path.suffix in (".txt", ".npy")))


def found(name: Text) -> Path:
    """Where a file is.

    Raises:
        FileFault: nowhere, or it is a folder.
    """
    folder = Path(name.folder) if name.folder is not None else Path()
    try:
        beside = folder / Path(name.text).expanduser()
        if beside.is_dir():
            raise FileFault("is a folder", "name a file in it")
        if beside.is_file():
            return beside
        if name.text in shipped():
            return _texts() / name.text
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, FileFault):
            raise
        raise FileFault("is no path of a file", "a path relative to the spec's folder") from None
    where = "in the current folder" if name.folder is None else f"in {name.folder}"
    advice = f"a path relative to the spec's folder, or what ships with klbench: {joined(shipped(), 'or')}"
    raise FileFault(f"is not there: there is no such file {where}", advice)


def is_shipped(name: Text) -> bool:
    """Whether a file is the one that ships with klbench."""
    try:
        return found(name).parent == _texts()
    except FileFault:
        return False


def content(name: Text) -> bytes:
    """The bytes of a file.

    Raises:
        FileFault: it is not there, cannot be read, or is too large.
    """
    path = found(name)
    try:
        about = path.stat()
        if about.st_size > MOST_BYTES:
            raise FileFault(f"has {about.st_size:,} bytes", f"at most {MOST_BYTES:,}")
        return _read(path.absolute(), about.st_mtime_ns, about.st_size)
    except OSError as error:
        raise FileFault(f"cannot be read: {error.strerror}", f"let {path} be read") from None


def digest(names: Sequence[Text]) -> str:
    """A digest of the contents of files, which changes when one of them does."""
    parts = [name.text.encode() + b"\0" + sha256(content(name)).digest() for name in names]
    return sha256(b"\0".join(parts)).hexdigest()


@lru_cache(_KEPT)
def _read(path: Path, _changed: int, _size: int) -> bytes:
    return path.read_bytes()


def _texts() -> Path:
    return Path(str(files("klbench"))) / "texts"
