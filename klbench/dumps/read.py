"""Opening a dump: which layout its files have, said in one sentence, and its sequences one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from klbench.dumps.columns import Columns, ensure_known_places
from klbench.dumps.containers.container import STANDARD_INPUT, Record
from klbench.dumps.containers.found import container_of
from klbench.dumps.layouts.found import layout_of
from klbench.dumps.layouts.layout import Layout, Opening
from klbench.dumps.names import NEUTRAL, OPTIONS
from klbench.dumps.notices import Notices
from klbench.dumps.row import ROLES, Role, Row
from klbench.errors import SURELY, SpecError, nearest
from klbench.wording import few


@dataclass
class OpenDump:
    """Files of one layout.

    Args:
        layout: its name.
        said: the sentence that tells what is read.
        roles: whose log-probabilities there are, by the first record.
        entry: the framework's estimator that is measured by default, or None.
        notices: what is to be said, filled while rows are read and complete once all are.
        there: the names of the first record's columns.
    """

    layout: str
    said: str
    roles: tuple[Role, ...]
    entry: str | None
    notices: list[str]
    _paths: tuple[Path, ...]
    _columns: Columns
    _seed: int
    _declared: Layout
    _ahead: list[Iterator[Record]] = field(default_factory=list)
    there: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The name of the first file."""
        return "standard input" if self._paths[0] == STANDARD_INPUT else self._paths[0].name

    @property
    def known(self) -> tuple[str, ...]:
        """The estimators of whole distributions whose exact value each token has."""
        return self._declared.known

    def rows(self) -> Iterator[Row]:
        """The sequences, in the order of the files and of what is in them. Files are read anew for each call.

        Raises:
            SpecError: something in a file is not as its layout has it.
            RunError: a file cannot be read.
        """
        notices = Notices(self.notices)
        opening = Opening(self._columns, self._seed, self.roles, notices)
        together = self._declared.together
        if together is not None and len(self._paths) > 1:
            files = tuple(self._records(path, notices) for path in self._paths)
            yield from together.rows(files, opening)
        else:
            for path in self._paths:
                for record in self._records(path, notices):
                    if not self._declared.recognises(record) and not self._named(record):
                        raise _another_layout(record, self.layout)
                    yield from self._declared.rows(record, opening)
        notices.finish()

    def _records(self, path: Path, notices: Notices) -> Iterator[Record]:
        if path != STANDARD_INPUT:
            return container_of(path).records(path, notices)
        if not self._ahead:
            raise SpecError("standard input can be read once", help=["save it in a file"])
        return self._ahead.pop()

    def _named(self, record: Record) -> bool:
        """Whether a record is read by the columns that the user named."""
        return self._declared.last and bool(self._columns) and isinstance(record.value, Mapping)


def open_dump(paths: Sequence[Path], columns: Mapping[str, str], seed: int = 0) -> OpenDump:
    """Files as a dump, of which only the first record of each is read.

    Args:
        paths: in the order in which they are read; ``-`` is standard input, as .jsonl.
        columns: what the user named: a column by log_q, log_p, log_sampler, mask, group.
        seed: of the tokens that are drawn where whole distributions are stored.

    Raises:
        SpecError: there is no such file, nobody knows its kind or its layout, or two have different layouts.
        RunError: a file cannot be read, or what reads it is not installed.
    """
    if not paths:
        raise SpecError("no file is named", help=["klbench data FILE..."])
    if list(paths).count(STANDARD_INPUT) > 1:
        raise SpecError("- is named more than once", help=["standard input can be read once"])
    ensure_known_places(columns)
    ahead: list[Iterator[Record]] = []
    notices: list[str] = []
    first: Record | None = None
    layout: Layout | None = None
    for path in paths:
        record = _first(path, ahead, notices)
        found = layout_of(record, columns)
        if first is None or layout is None:
            first, layout = record, found
        elif found is not layout:
            help = ["files of one layout together; measure others on their own"]
            raise SpecError(f"{paths[0]} is {layout.name}, and {path} is {found.name}", help=help)
    assert first is not None
    assert layout is not None
    return _opened(tuple(paths), dict(columns), seed, layout, first, ahead)


def ensure_two_roles(dump: OpenDump) -> None:
    """Holds that a dump has log-probabilities of two policies.

    Raises:
        SpecError: it has those of one alone, of which there is no KL.
    """
    if len(dump.roles) < 2:
        help = [
            *([f"its columns: {few(list(dump.there))}"] if dump.there else []),
            *_meant(dump.there),
            "a KL compares two: the policy's or the reference's log-probabilities of the same tokens are needed too",
            "klbench explain data has the names of columns, and the lines that write the neutral form",
        ]
        raise SpecError(f"{dump.file}: there is only {', '.join(dump.roles) or 'nothing'}", help=help)


def _meant(there: Sequence[str]) -> Iterator[str]:
    """The columns that nobody knows and that are nearly called as one that is known."""
    for name in there:
        near = None if name in NEUTRAL.all() else nearest(name, ROLES, alike=SURELY)
        if near is not None:
            yield f"{name}: did you mean {near}? {OPTIONS[near]} {name} says so"


def _opened(
    paths: tuple[Path, ...],
    columns: Columns,
    seed: int,
    layout: Layout,
    first: Record,
    ahead: list[Iterator[Record]],
) -> OpenDump:
    roles, said = layout.roles(first, columns), layout.said
    together = layout.together
    sentence = said(first, columns)
    if together is not None and (len(paths) > 1 or together.least > 1):
        if not together.least <= len(paths) <= together.files:
            number = f"{together.files}" if together.least == together.files else f"at most {together.files}"
            help = ["the first file has the tokens, the second scores the same ones"]
            raise SpecError(f"{layout.name}: {number} files are read together, and {len(paths)} named", help=help)
        roles, sentence = together.roles, together.said(paths)
    there = tuple(map(str, first.value)) if isinstance(first.value, Mapping) else ()
    return OpenDump(layout.name, sentence, roles, layout.entry, [], paths, columns, seed, layout, ahead, there)


def _first(path: Path, ahead: list[Iterator[Record]], notices: list[str]) -> Record:
    """The first record of a file. Standard input is kept, for it cannot be read again."""
    records = container_of(path).records(path, Notices(notices))
    record = next(records, None)
    if record is None:
        name = "standard input" if path == STANDARD_INPUT else str(path)
        raise SpecError(f"{name} has no sequences", help=notices)
    if path == STANDARD_INPUT:
        ahead.append(chain([record], records))
    return record


def _another_layout(record: Record, name: str) -> SpecError:
    help = ["all of a file is read by the layout of its first record"]
    return SpecError(f"{record.place}: this is no record of {name}, as the first one is", help=help)
