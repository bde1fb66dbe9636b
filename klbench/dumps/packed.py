"""Rows of a dump packed for measuring: the counted tokens of all sequences one after another, in files that are mapped.

A dump may be larger than memory, and its rows of any length: so it is read once, held to its rules row by row, and put
into a folder of its own as plain numbers. What is measured then looks up sequences by their numbers, group by group.
"""

from __future__ import annotations

import mmap as mmap_module
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from klbench.dumps.row import Role
from klbench.dumps.scratch import Scratch

if TYPE_CHECKING:
    from klbench.dumps.clean import Clean

MADV_DONTNEED = getattr(mmap_module, "MADV_DONTNEED", 4)

Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]
Whole = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Texts:
    """The texts of all tokens, one after another in UTF-8, and where each ends [N]."""

    path: Path
    ends: Whole

    def of(self, token: int) -> str:
        """The text of one token."""
        start = int(self.ends[token - 1]) if token else 0
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(int(self.ends[token]) - start).decode()


@dataclass(frozen=True)
class Packed:
    """n sequences with N counted tokens, in G groups.

    Args:
        log_probs: by role [N], nats.
        known: what the file knows exactly of each token, by an estimator's name [N].
        starts: where each sequence begins among the tokens, and the end [n + 1].
        order: the sequences group by group [n].
        group_starts: where each group begins in ``order``, and the end [G + 1].
        positions: where in its sequence each token stands, from 0 [N].
        places: where each sequence is in its file [n].
        texts: the text of each token, where the file has it.
        empty: the places of sequences without a counted token, which are not among the n.
        mappings: the mapped files.
        folder: where they lie, as long as somebody has this.
    """

    log_probs: Mapping[Role, Numbers]
    known: Mapping[str, Numbers]
    starts: Whole
    order: Whole
    group_starts: Whole
    positions: Whole
    places: Sequence[str]
    empty: Sequence[str]
    texts: Texts | None
    mappings: Sequence[mmap] = field(repr=False, compare=False)
    folder: Scratch = field(repr=False, compare=False)

    def release(self) -> None:
        """Let go of the pages that were read: they would count as memory as long as the files are mapped."""
        for mapping in self.mappings if hasattr(mmap, "madvise") else ():
            mapping.madvise(MADV_DONTNEED)

    @property
    def sequences(self) -> int:
        """n."""
        return len(self.starts) - 1

    @property
    def tokens(self) -> int:
        """N."""
        return int(self.starts[-1])

    @property
    def groups(self) -> int:
        """G."""
        return len(self.group_starts) - 1

    @property
    def longest(self) -> int:
        """How many tokens the longest sequence has."""
        return int(np.diff(self.starts).max()) if self.sequences else 0

    def of_groups(self, first: int, last: int) -> tuple[Whole, Whole]:
        """The sequences of some groups, and the group of each counted from the first [m], [m]."""
        begin, end = self.group_starts[first], self.group_starts[last]
        sizes: Whole = np.diff(self.group_starts[first : last + 1])
        groups: Whole = np.repeat(np.arange(last - first), sizes)
        sequences: Whole = self.order[begin:end]
        return sequences, groups

    def tokens_of(self, sequences: Whole) -> Whole:
        """The numbers of all tokens of some sequences, one sequence after another."""
        starts, lengths = self.starts[sequences], self.starts[sequences + 1] - self.starts[sequences]
        ends = np.cumsum(lengths)
        within: Whole = np.arange(int(ends[-1]) if len(ends) else 0)
        tokens: Whole = within + np.repeat(starts - (ends - lengths), lengths)
        return tokens


class Packer:
    """Writes rows into a folder, one after another, and hands over what they are together."""

    def __init__(self, roles: Sequence[Role], known: Sequence[str] = ()) -> None:
        self._folder = Scratch()
        root = self._folder.path
        self._files: dict[str, BinaryIO] = {name: (root / f"{name}.f64").open("wb") for name in (*roles, *known)}
        self._files["positions"] = (root / "positions.i64").open("wb")
        self._roles, self._names = tuple(roles), tuple(known)
        self._starts, self._group_of = array("q", [0]), array("q")
        self._groups: dict[object, int] = {}
        self._texts = (root / "texts").open("wb")
        self._text_ends: array[int] | None = array("q")
        self._places: list[str] = []
        self._empty: list[str] = []
        self._mappings: list[mmap] = []

    def add(self, rows: Iterable[Clean]) -> Packed:
        """Pack all of these rows."""
        with ExitStack() as opened:
            for file in (*self._files.values(), self._texts):
                opened.callback(file.close)
            for row in rows:
                self._one(row)
        return self._packed()

    def _one(self, row: Clean) -> None:
        if not len(row.positions):
            self._empty.append(row.place)
            return
        for role in self._roles:
            self._files[role].write(np.asarray(row.log_probs[role], dtype=np.float64).tobytes())
        for name in self._names:
            self._files[name].write(np.asarray(row.known[name], dtype=np.float64).tobytes())
        self._files["positions"].write(np.asarray(row.positions, dtype=np.int64).tobytes())
        self._add_texts(row)
        self._starts.append(self._starts[-1] + len(row.positions))
        # a row that nobody groups is a group of its own
        key = ("row", len(self._places)) if row.group is None else ("group", row.group)
        self._group_of.append(self._groups.setdefault(key, len(self._groups)))
        self._places.append(row.place)

    def _add_texts(self, row: Clean) -> None:
        # of texts that only some rows have none are kept
        if row.texts is None:
            self._text_ends = None
        if self._text_ends is not None:
            for text in row.texts or ():
                self._text_ends.append(self._texts.tell() + self._texts.write(text.encode(errors="replace")))

    def _packed(self) -> Packed:
        group_of = np.array(self._group_of, dtype=np.int64)
        order = np.argsort(group_of, kind="stable")
        sizes = np.bincount(group_of, minlength=len(self._groups))
        return Packed(
            {role: self._mapped(role) for role in self._roles},
            {name: self._mapped(name) for name in self._names},
            np.array(self._starts, dtype=np.int64),
            order.astype(np.int64),
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            self._mapped("positions"),
            tuple(self._places),
            tuple(self._empty),
            None
            if self._text_ends is None
            else Texts(Path(self._texts.name), np.array(self._text_ends, dtype=np.int64)),
            self._mappings,
            self._folder,
        )

    def _mapped(self, name: str) -> np.ndarray:
        kind = np.int64 if name == "positions" else np.float64
        if not self._starts[-1]:
            return np.empty(0, dtype=kind)
        with Path(self._files[name].name).open("rb") as file:
            self._mappings.append(mmap(file.fileno(), 0, access=ACCESS_READ))
        return np.frombuffer(self._mappings[-1], dtype=kind)
