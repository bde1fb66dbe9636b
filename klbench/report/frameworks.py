"""The page of the audit of frameworks' KL estimators: for the terminal, as Markdown, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from klbench.frameworks.catalogue import entries
from klbench.frameworks.entry import Entry
from klbench.frameworks.on_sequences import LEGEND as ON_SEQUENCES
from klbench.frameworks.on_sequences import tally
from klbench.identity.audit import STANDARD, Practice, Reading, Standard, divergences
from klbench.report.bullets import bullets
from klbench.report.entries import SHORTHAND, clamps, default_place, value_name
from klbench.report.escaping import escaped
from klbench.report.fitting import Fitting
from klbench.report.numbers import MISSING
from klbench.report.verdict import KINDS, RARE, Kind, kind, summary, verdict
from klbench.wording import share

TITLE = "What frameworks' KL estimators really do"
NUMBERS = ("#", "value", "clamps", "placement", "bias/true", "length", "cosine", "noise", "clamped", "NaN")
LEGEND = (
    "clamps: log r to ±a, then the value to ±b; – where there is none. r = p/q.",
    *SHORTHAND,
    "bias/true: of one sample's value, relative to KL(q‖p).",
    "length: that of the mean gradient, in units of ‖∇KL(q‖p)‖; cosine: that of the angle between the two. Both are 1 "
    "if the gradient is right.",
    "noise: √(trace of the covariance of one sample's gradient)/‖∇KL(q‖p)‖; for what is only logged, the value's "
    "stdev/true. A mean of n samples has noise/√n. ∞: the variance is infinite, so no error bar is possible.",
    "clamped: the share of samples for which a clamp is active. NaN: the share whose value or gradient is not finite "
    "if log-probabilities come in float16.",
    "on sequences: what its KL estimates by default, where tokens make sequences. The numbers are of one token.",
    *ON_SEQUENCES,
)
REPRODUCE = (
    "Reproduce it with klbench frameworks (this page: --format {}; the numbers: --format json). "
    "klbench explain verl:low_var_kl says everything about one of them, with its source; klbench identify "
    "my_module:my_kl does so for a function of your own."
)


@dataclass(frozen=True)
class Numbered:
    """A practice with its number on the page."""

    number: int
    practice: Practice


def ordered(practices: Sequence[Practice]) -> dict[Kind, list[Numbered]]:
    """The practices under their headings, numbered from 1 on the whole page."""
    by_kind = {heading: sorted((p for p in practices if kind(p) is heading), key=_rank) for heading in KINDS}
    sorted_all = [practice for group in by_kind.values() for practice in group]
    return {
        heading: [Numbered(1 + sorted_all.index(practice), practice) for practice in group]
        for heading, group in by_kind.items()
    }


def _rank(practice: Practice) -> tuple[object, ...]:
    entry = practice.entry
    return value_name(entry) != entry.arithmetic.name, entry.arithmetic.name, clamps(entry) != MISSING, clamps(entry)


def introduction(practices: Sequence[Practice]) -> str:
    """The introduction of the page, one paragraph."""
    shipped = [entry for practice in practices for entry in practice.entries]
    owners = len({entry.framework for entry in shipped})
    return (
        f"{owners} frameworks ship {len(shipped)} estimators (releases that differ count separately). {len(practices)} "
        "of them are distinct. Each is put where its framework puts it by default and measured on four pairs of a "
        "policy q and a reference p. What a gradient follows is found by comparing it with the gradients of a list of "
        "divergences, on tokens where no clamp is active. Every number is an exact sum over tokens: nothing is "
        "sampled, so nothing has an error bar."
    )


def opening(practices: Sequence[Practice]) -> tuple[str, tuple[str, ...]]:
    """The opening of the page: introduction and summary for the whole audit, or the size of a part of it."""
    shown, shipped = sum(len(practice.entries) for practice in practices), len(entries())
    if shown == shipped:
        on_sequences = tally(entry.sequences for practice in practices for entry in practice.entries)
        return introduction(practices), (*summary(practices), on_sequences)
    return (
        f"{shown} of the {shipped} estimators that frameworks ship, each where its framework puts it, on four pairs of "
        "a policy q and a reference p. Every number is exact. klbench frameworks shows them all.",
        (),
    )


def label(practice: Practice) -> str:
    """``k3 · clamps 20, 10 · loss``."""
    entry = practice.entry
    bounds = clamps(entry)
    middle = [] if bounds == MISSING else [f"clamps {bounds}"]
    cast = [f"in {entry.cast}"] if all(entry.cast for entry in practice.entries) else []
    return " · ".join([value_name(entry), *middle, *cast, default_place(entry)])


def shipped_by(practice: Practice, mark: str = "") -> str:
    """The names of all entries that ship it, grouped by what it is on sequences; ``mark`` stands around each name."""
    groups = by_sequences(practice)
    named = {
        short: ", ".join(f"{mark}{entry.qualified}{mark}" for entry in entries) for short, entries in groups.items()
    }
    return "; ".join(f"{short}: {names}" for short, names in named.items())


def by_sequences(practice: Practice) -> dict[str, list[Entry]]:
    """The entries of a practice by what it estimates on sequences, what most do first."""
    groups: dict[str, list[Entry]] = {}
    for entry in practice.entries:
        groups.setdefault(entry.sequences.short, []).append(entry)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


def number_rows(practices: Sequence[Numbered], pair: str) -> list[tuple[str, ...]]:
    """The rows of one pair's table; rows with the same text are one, with all their numbers."""
    return [(_numbers([item.number for item in alike]), *row) for row, alike in alike_on(practices, pair).items()]


def alike_on(practices: Sequence[Numbered], pair: str) -> dict[tuple[str, ...], list[Numbered]]:
    """The practices whose rows on a pair have the same text, by that text without their numbers."""
    rows: dict[tuple[str, ...], list[Numbered]] = {}
    for item in practices:
        rows.setdefault(_row(item.practice, item.practice.readings[pair]), []).append(item)
    return rows


def _row(practice: Practice, reading: Reading) -> tuple[str, ...]:
    entry = practice.entry
    clamps_nothing = clamps(entry) == MISSING and entry.weight is None
    return (
        *(value_name(entry), clamps(entry), default_place(entry)),
        *map(figure, (reading.bias_over_true, reading.length, reading.cosine, reading.noise)),
        MISSING if clamps_nothing else _share(reading.clamp_share) or "0",
        _share(reading.broken.get("float16", 0.0)) or MISSING,
    )


def _share(fraction: float) -> str:
    """A share of the samples; empty if it is almost 0."""
    return share(fraction) if fraction > RARE else ""


def _numbers(numbers: Sequence[int]) -> str:
    """``3, 7–9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def figure(value: float) -> str:
    """A number to three digits, with an ordinary minus sign; ∞, and – if there is none."""
    if not isfinite(value):
        return "∞" if value > 0 else MISSING
    if abs(value) < _TINY:
        return "0"
    return f"{value:.3g}" if abs(value) < _LARGE else f"{value:.2e}".replace("e+0", "e").replace("e+", "e")


_TINY, _LARGE = 1e-6, 1e5


def to_page(practices: Sequence[Practice]) -> RenderableType:
    """The page at a terminal."""
    kinds = ordered(practices)
    numbered = [item for group in kinds.values() for item in group]
    said, sentences = opening(practices)
    return Group(
        Text(TITLE, style="bold cyan"),
        "",
        Text(said),
        *(("", bullets(sentences)) if sentences else ()),
        *(part for heading in KINDS if kinds[heading] for part in _under(heading, kinds[heading])),
        *(part for standard in STANDARD for part in _pair(standard.name, numbered)),
        "",
        *(Text(line, style="dim") for line in (*LEGEND, REPRODUCE.format("markdown"))),
    )


def _under(heading: Kind, numbered: Sequence[Numbered]) -> Iterator[RenderableType]:
    yield from ("", Text(heading.title, style="bold"), Text(heading.says, style="italic"), "")
    grid = Table.grid(padding=(0, 1, 0, 0))
    for item in numbered:
        told = Text.assemble((label(item.practice), "cyan"), "\n", verdict(item.practice))
        grid.add_row(f"{item.number:>2}", Group(told, Text(shipped_by(item.practice), style="dim")))
    yield grid


def _pair(name: str, numbered: Sequence[Numbered]) -> Iterator[RenderableType]:
    standard = next(standard for standard in STANDARD if standard.name == name)
    yield from ("", Text(f"{standard.name}: KL(q‖p) = {figure(divergences()[name])}", style="bold"), Text(standard.why))
    for role, text in roles(standard):
        yield Text(f"{role} = {text}", style="dim")
    rows = number_rows(numbered, name)
    yield from ("", Fitting((_drawn(NUMBERS, rows), _drawn(_LEAN, rows))))


_TEXTS = 4
_LEAN = tuple(header for header in NUMBERS if header not in ("clamps", "placement", "NaN"))


def _drawn(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """An empty table with these headers."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    kept = [index for index, header in enumerate(NUMBERS) if header in headers]
    for index in kept:
        table.add_column(NUMBERS[index], no_wrap=True, justify="left" if index < _TEXTS else "right")
    for row in rows:
        table.add_row(*(row[index] for index in kept))
    return table


def roles(standard: Standard) -> Iterator[tuple[str, str]]:
    """The distributions of a standard pair, by role."""
    yield from (("q", standard.q), ("p", standard.p))
    if standard.sampler:
        yield "sampler", standard.sampler


def to_markdown(practices: Sequence[Practice]) -> str:
    """The page as a Markdown document."""
    return "\n".join(_markdown(practices)) + "\n"


def _markdown(practices: Sequence[Practice]) -> Iterator[str]:
    kinds = ordered(practices)
    said, sentences = opening(practices)
    yield from (f"# {TITLE}", "", said, "", *(f"- {sentence}" for sentence in sentences), *[""] * bool(sentences))
    for heading in filter(kinds.__getitem__, KINDS):
        yield from (f"## {heading.title}", "", heading.says, "")
        rows = [_told(numbered) for numbered in kinds[heading]]
        yield from _table(("#", "what", "verdict", "on sequences", "shipped by"), rows, texts=5)
    yield from ("## Pair by pair", "")
    numbered = [item for group in kinds.values() for item in group]
    for standard in STANDARD:
        told = ", ".join(f"{role} = `{text}`" for role, text in roles(standard))
        yield from (f"### {standard.name}: KL(q‖p) = {figure(divergences()[standard.name])}", "")
        yield from (f"{standard.why} {told}.", "")
        yield from _table(NUMBERS, number_rows(numbered, standard.name), texts=_TEXTS)
    yield from ("## How to read it", "", *(f"- {escaped(line)}" for line in LEGEND), "", REPRODUCE.format("markdown"))


def _told(item: Numbered) -> tuple[str, ...]:
    practice = item.practice
    on_sequences = by_sequences(practice)
    names = shipped_by(practice, mark="`")
    if len(on_sequences) == 1:
        names = names.partition(": ")[2]
    return str(item.number), escaped(label(practice)), escaped(verdict(practice)), ", ".join(on_sequences), names


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> Iterator[str]:
    yield f"| {' | '.join(headers)} |"
    yield f"|{'|'.join(':--' if index < texts else '--:' for index in range(len(headers)))}|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def to_json(practices: Sequence[Practice]) -> str:
    """Every number of the page, unrounded; null where there is none, "inf" where it is infinite."""
    kinds = ordered(practices)
    document = {
        "title": TITLE,
        "pairs": [{**asdict(standard), "kl": divergences()[standard.name]} for standard in STANDARD],
        "estimators": [_record(numbered) for heading in KINDS for numbered in kinds[heading]],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _record(item: Numbered) -> dict[str, Any]:
    practice, entry = item.practice, item.practice.entry
    return {
        "number": item.number,
        "names": [shipped.qualified for shipped in practice.entries],
        "on_sequences": {shipped.qualified: _on_sequences(shipped) for shipped in practice.entries},
        "value": value_name(entry),
        "formula": entry.formula,
        "clamps": entry.clamps,
        "cast": entry.cast,
        "placement": default_place(entry),
        "kind": kind(practice).title,
        "verdict": verdict(practice),
        "follows": practice.follows,
        "stale_follows": practice.stale_follows,
        "readings": {name: _finite(asdict(reading)) for name, reading in practice.readings.items()},
        "identity": practice.identity.to_json(),
    }


def _on_sequences(entry: Entry) -> dict[str, str | None]:
    on = entry.sequences
    return {"level": on.level, "aggregation": on.aggregation, "estimates": on.estimates, "note": on.note or None}


def _finite(value: Any) -> Any:
    """The value in a form that JSON can hold."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if not isinstance(value, float) or isfinite(value):
        return value
    return "inf" if value > 0 else None
