"""The folder of a run's results as one unit: at every moment all its files are of the same run.

A run claims its folder DIR/NAME before it starts, with a lock on DIR/.NAME.lock: a second run into it is refused at
once. To write, it makes a folder beside, DIR/.NAME.<number>.new, with all of the new files, flushed to the disk, and
with whatever else is in DIR/NAME (a user's notes, figures, a store of blocks). Then the two change places in one step.
What is left, the old files, is cleared. So, whenever the power, the disk or the process fails:

- before the exchange DIR/NAME is as it was; after it, it is the new one; it is never a mixture, nor missing.
- files that are not the run's are linked and so in both; other folders are moved, as a folder cannot be linked. After a
  kill in the instant between their move and the exchange they are in the folder beside.
- the next run into DIR/NAME finds the folder beside, moves what is not the run's back to where it was, and clears it.

A file that a run no longer has (its text is None) goes with the old ones: so a store of blocks that is removed when the
results are written goes in the same instant. Two things differ where a system cannot exchange two folders: see
``klbench.files.exchange``. Where DIR/NAME is a link to a folder, that folder is the one that is replaced, and the link
stays; a mount point cannot be replaced and is refused.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from uuid import uuid4

from klbench.errors import RunError
from klbench.files.exchange import ASIDE, put
from klbench.files.lock import Locked, insisting, locked
from klbench.files.writing import ELSEWHERE, explained, flush_folder, write_flushed

_NEW = ".new"
_RESULTS, _LATER = "results.csv", ("report.html", "figures")
"""What a run is about, and what is written once that is safe."""


def _first(name: str) -> str:
    return name.partition("/")[0]


@dataclass(frozen=True)
class Claim:
    """The right to write one folder of results.

    Args:
        folder: the folder, as the user wrote it.
        place: its real path, links followed.
        names: the names that files of a run can have, ``figures/*.svg`` among them; every other file in the folder
            is the user's.
    """

    folder: Path
    place: Path
    names: frozenset[str]

    def write(self, files: Mapping[str, str | None]) -> None:
        """Make the folder hold every text of ``files`` (name to text, UTF-8), and no other file of a run.

        Raises:
            RunError: it cannot be written, and is as it was.
        """
        new = self.place.with_name(f".{self.place.name}.{uuid4().hex}{_NEW}")
        try:
            self._stage(new, {name: text for name, text in files.items() if text is not None})
            put(new, self.place)
            flush_folder(self.place.parent)
        except OSError as error:
            self._clear()
            message = f"cannot write to {self.folder}: {error.strerror or error}"
            raise RunError(message, help=[self.state(files), ELSEWHERE]) from error
        finally:
            insisting(self._clear)

    def state(self, files: Mapping[str, str | None]) -> str:
        """A sentence on what the folder holds, after a write of ``files`` that may have been cut off."""
        lacking = [name for name, text in files.items() if _read(self.place / name) != text]
        if not lacking:
            return f"{self.folder} holds the results of this run, all of them"
        if _RESULTS in files and _RESULTS not in lacking and all(name in _LATER for name in map(_first, lacking)):
            return f"{self.folder} holds the results of this run, without {', '.join(lacking)}"
        return f"{self.folder} is as it was before" if self.place.exists() else "nothing was written"

    def read(self, name: str) -> str | None:
        """The text of a file in the folder; None if it does not exist or cannot be read."""
        return _read(self.place / name)

    def _stage(self, new: Path, texts: Mapping[str, str]) -> None:
        """Make the new folder, beside the place it is for."""
        new.mkdir()
        for name, text in texts.items():
            (new / name).parent.mkdir(exist_ok=True)
            write_flushed(new / name, text)
        if self.place.exists():
            new.chmod(stat.S_IMODE(self.place.stat().st_mode))
            _share_all(self.place, new, self.names)
        flush_folder(new)

    def _clear(self) -> None:
        clear(self.place, self.names)


@contextmanager
def claim(folder: Path, names: Iterable[str] = ()) -> Iterator[Claim]:
    """Hold a folder for one run: no other run writes into it, and ``Claim.write`` could write ``names`` there now.

    The remains of a run that was killed are cleared. If nothing is written, nothing is left behind.

    Raises:
        RunError: another run has the folder, or it cannot be written.
    """
    with ExitStack() as held:
        with explained(folder, ELSEWHERE), _refusing_a_second(folder):
            _refuse_what_is_in_the_way(folder)
            claimed = Claim(folder, Path(os.path.realpath(folder)), frozenset(names))
            held.enter_context(_unmade(claimed.place.parent))
            held.enter_context(locked(claimed.place.with_name(f".{claimed.place.name}.lock")))
            clear(claimed.place, claimed.names)
            _refuse_unfit(claimed)
        yield claimed


def ensure_writable(folder: Path, names: Iterable[str] = ()) -> None:
    """Check, before a run starts, that ``claim`` would succeed; nothing is left behind.

    Raises:
        RunError: it would fail.
    """
    with claim(folder, names):
        pass


def clear(place: Path, names: frozenset[str]) -> None:
    """Clear the remains of writing ``place`` beside it: a run's files are removed, all others are moved back.

    Files that the system does not release stay, and are cleared the next time.
    """
    for left in sorted(_left_beside(place), key=lambda left: left.suffix != ASIDE):
        with suppress(OSError):
            if left.suffix == ASIDE and not os.path.lexists(place):
                left.rename(place)  # a write in two steps was cut off between the two
                continue
            _take_all_back(left, place, names)


def _left_beside(place: Path) -> Iterator[Path]:
    form = re.compile(rf"\.{re.escape(place.name)}\.[0-9a-f]{{32}}({re.escape(_NEW)}|{re.escape(ASIDE)})")
    with suppress(OSError):
        yield from (entry for entry in place.parent.iterdir() if form.fullmatch(entry.name))


def _take_all_back(left: Path, home: Path, names: frozenset[str]) -> None:
    for entry in list(left.iterdir()):
        if within := _within(entry, names):
            with suppress(FileExistsError):
                (home / entry.name).mkdir()
            _take_all_back(entry, home / entry.name, within)
            with suppress(OSError):
                (home / entry.name).rmdir()  # if it was made for nothing
        else:
            _take_back(entry, home / entry.name, is_of_a_run=_is_of_a_run(entry.name, names))
    left.rmdir()


def _within(entry: Path, names: frozenset[str]) -> frozenset[str]:
    """The names that files of a run can have in a folder; none where it is the user's."""
    inside = f"{entry.name}/"
    if entry.is_symlink() or not entry.is_dir():
        return frozenset()
    return frozenset(name.removeprefix(inside) for name in names if name.startswith(inside))


def _is_of_a_run(name: str, names: frozenset[str]) -> bool:
    return any(fnmatchcase(name, each) for each in names)


def _take_back(left: Path, home: Path, *, is_of_a_run: bool) -> None:
    """Remove a file of a run, or one that is also at home; move any other home, unless another is there."""
    if is_of_a_run:
        left.unlink()
    elif not os.path.lexists(home):
        left.rename(home)
    elif os.path.samestat(left.lstat(), home.lstat()):
        left.unlink()


def _share_all(place: Path, new: Path, names: frozenset[str]) -> None:
    """Have what is the user's in the new folder too, and in the folders in it that have files of a run."""
    for entry in list(place.iterdir()):
        if within := _within(entry, names):
            there = new / entry.name
            there.mkdir(exist_ok=True)
            _share_all(entry, there, within)
            with suppress(OSError):
                there.rmdir()  # if it is empty
        elif not _is_of_a_run(entry.name, names):
            _share(entry, new / entry.name)


def _share(entry: Path, there: Path) -> None:
    """Link a user's file into a second folder; move a folder, or a file if the file system has no links."""
    if not stat.S_ISDIR(entry.lstat().st_mode):
        with suppress(OSError, NotImplementedError):
            os.link(entry, there, follow_symlinks=False)
            return
    entry.rename(there)


@contextmanager
def _refusing_a_second(folder: Path) -> Iterator[None]:
    try:
        yield
    except Locked as held:
        owner = f": {held.owner}" if held.owner else ""
        help = ["wait until it has ended", ELSEWHERE]
        raise RunError(f"another run writes to {folder}{owner}", help=help) from None


def _refuse_what_is_in_the_way(folder: Path) -> None:
    for path in (folder, *folder.parents):
        if path.is_symlink() and not path.exists():
            raise FileNotFoundError(errno.ENOENT, f"{path} is a link that leads nowhere")
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{path} is a file")


def _refuse_unfit(claimed: Claim) -> None:
    place = claimed.place
    if not place.exists():
        return
    if os.path.ismount(place):
        raise OSError(errno.EBUSY, "it is a mount point, which cannot be replaced; write into a folder below it")
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    for name in sorted(claimed.names):
        if (place / name).is_dir():
            raise IsADirectoryError(errno.EISDIR, f"{name} is a folder there")


@contextmanager
def _unmade(folder: Path) -> Iterator[None]:
    """Remove at the end those of ``folder`` and its parents that did not exist before and are empty then."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    finally:
        for path in missing:
            with suppress(OSError):
                path.rmdir()


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None
