"""What a layout declares: how it is recognised, how its records become rows, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from klbench.dumps.columns import Columns
from klbench.dumps.containers.container import Record
from klbench.dumps.notices import Notices
from klbench.dumps.row import Role, Row


@dataclass(frozen=True)
class Opening:
    """How a dump is opened.

    Args:
        columns: what the user named, by its place.
        seed: of what is drawn from stored distributions.
        roles: whose log-probabilities the first record has: every other has to have them too.
        notices: where what is to be said is put.
    """

    columns: Columns
    seed: int
    roles: tuple[Role, ...]
    notices: Notices


@dataclass(frozen=True)
class Layout:
    """One kind of record.

    Args:
        name: ``nemo-rl``.
        said: the sentence that tells what was read, from the first record and the columns that the user named.
        recognises: whether a record is of this layout.
        roles: whose log-probabilities a record has.
        rows: the sequences of one record.
        entry: the estimator of the framework that is measured by default, None where there is none.
        together: the sequences of several files that belong together, record by record; None where files follow one
            another.
        known: the estimators of whole distributions whose exact value each token has.
        last: it is tried once no other layout knows the record.
    """

    name: str
    said: Callable[[Record, Columns], str]
    recognises: Callable[[Record], bool]
    roles: Callable[[Record, Columns], tuple[Role, ...]]
    rows: Callable[[Record, Opening], Iterable[Row]]
    entry: str | None = None
    together: Together | None = None
    last: bool = False
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Together:
    """Files that belong together.

    Args:
        files: how many it takes at most; with one the layout's own ``rows`` are used.
        least: how many it takes at least.
        roles: of all of them.
        said: the sentence that tells what was read.
        rows: the sequences, from the records of each file side by side.
    """

    files: int
    least: int
    roles: tuple[Role, ...]
    said: Callable[[tuple[Path, ...]], str]
    rows: Callable[[tuple[Iterator[Record], ...], Opening], Iterator[Row]]


@dataclass(frozen=True)
class Refusal:
    """A kind of record that has no log-probabilities per token, and what to do instead.

    Args:
        what: what it is, after "PATH is": ``a file of verl's with texts and scores``.
        recognises: whether a record is of this kind.
        help: what to do.
    """

    what: str
    recognises: Callable[[Record], bool]
    help: tuple[str, ...]
