"""What ``klbench explain`` and ``klbench list`` say of what frameworks ship. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from klbench.cli import output
from klbench.cli.card import HERE, card, follows_table, letters
from klbench.estimators.catalogue import unweighted
from klbench.frameworks import catalogue
from klbench.frameworks.entry import Entry
from klbench.frameworks.on_sequences import LEGEND as ON_SEQUENCES
from klbench.identity.computed import load
from klbench.identity.words import of_kinks, of_nonfinite, of_value, of_zones
from klbench.report.entries import SHORTHAND, clamps, default_follows, default_place, value_name
from klbench.report.fitting import Fitting

if TYPE_CHECKING:
    from klbench.estimators.estimator import Estimator
    from klbench.identity.identity import Identity


def explain_entry(estimator: Estimator) -> None:
    """Explain one entry, found by any of its names, plain or × q/sampler."""
    entry = catalogue.find(unweighted(estimator.name))
    identity, facts = load()[entry.qualified], dict(_facts(entry, load()[entry.qualified]))
    title, whose = f"{entry.qualified}, an estimator as {entry.framework} ships it", "its"
    if estimator.weighted:
        title, whose = f"{title}, × ρ", f"{entry.qualified}'s"
        facts |= {"formula": _formula(entry, estimator), "value": "", "same as": "", "biased": estimator.biased_when}
        facts |= {"infinite variance": estimator.infinite_variance_when}
    below = follows_table(identity, default_place(entry), whose, drawn=entry.qualified)
    output.data(card(title, estimator.summary, facts, below))


def explain_framework(framework: str) -> None:
    """List what one framework ships, the newest releases first."""
    entries = [entry for entry in catalogue.entries() if entry.framework == framework]
    about = f"What it ships, release by release; klbench explain {entries[0].qualified} says everything about one."
    facts = dict(_of_framework(framework))
    below = Text(), _overview(entries), Text(), Text("\n".join(LEGEND))
    output.data(card(f"{framework}, a framework", about, facts, *below))


def _formula(entry: Entry, estimator: Estimator) -> str:
    return estimator.formula if entry.against_sampler else f"{estimator.formula}, where {letters(estimator.formula)}"


def _facts(entry: Entry, identity: Identity) -> Iterator[tuple[str, str]]:
    later = f" (from {entry.aliases_since})" if entry.aliases_since else ""
    yield "also called", ", ".join(f"{entry.framework}:{alias}{later}" for alias in entry.aliases)
    yield "formula", _formula(entry, entry.estimator())
    yield "clamps", entry.clamps if entry.clamps != "none" else ""
    yield from _breaks(entry, identity)
    yield "put", _put(entry)
    yield "target", entry.target.both_names
    yield "value", of_value(identity)
    yield "biased", entry.biased_when
    yield "infinite variance", entry.infinite_variance_when
    yield "casts", f"log-probabilities of lower precision to {entry.cast}" if entry.cast else ""
    yield "releases", entry.versions
    yield "option", entry.option
    yield "on sequences", _on_sequences(entry)
    yield from _of_framework(entry.framework)
    yield "same as", ", ".join(alias.qualified for alias in catalogue.same_as(entry))
    yield "source", str(entry.source)


def _on_sequences(entry: Entry) -> str:
    """What its KL is an estimate of on sequences: in plain words, in a spec's words, and what else can be chosen."""
    on = entry.sequences
    called = f"{on.estimates} ({on.called})" if on.is_settled else on.estimates
    return ": ".join(filter(None, (called, on.note)))


def _of_framework(name: str) -> Iterator[tuple[str, str]]:
    """What is true of all that a framework ships."""
    framework = catalogue.about()[name]
    yield "coefficient", framework.coefficient
    yield "log-probs", framework.log_probs
    yield "k in the reward", f"taken {framework.reward}" if framework.reward else ""
    yield "aggregation", framework.aggregation
    yield "precision", framework.precision
    yield "code seen", framework.seen


def _breaks(entry: Entry, identity: Identity) -> Iterator[tuple[str, str]]:
    """Where it saturates and where it is no number, in words, all of it computed."""
    zones = identity.zones
    yield "saturated", of_zones(zones.clamped) if zones.clamped else ""
    if zones.stopped and not entry.against_sampler:
        same = zones.stopped == zones.clamped
        yield "no gradient", "in the loss, where it is saturated" if same else f"in the loss, {of_zones(zones.stopped)}"
    elif zones.clamped:
        yield "no gradient", "nowhere: what is clamped is not what is differentiated"
    yield "kink", " and ".join(f"at {where}" for where in of_kinks(zones))
    yield "infinite or NaN", "\n".join(of_nonfinite(zones.nonfinite))


def _put(entry: Entry) -> str:
    if entry.placement is None:
        return "nowhere: it is only logged"
    weight = {
        "ratio": ", × ρ, differentiated",
        "detached": ", × sg(ρ)",
        "ratio-sequence": ", × the sequence's ρ, differentiated",
        "ratio-geometric": ", × the geometric mean of the sequence's ρ, differentiated",
    }
    return f"in the {entry.placement}{weight.get(entry.weighting, '')} ({HERE} below)"


def list_entries(entries: Sequence[Entry]) -> None:
    """The table of entries: one line each where it fits, else each framework's under its name."""
    output.data(_overview(entries))
    output.text("\n")
    output.data(Text("\n".join(LEGEND)))


def _overview(entries: Sequence[Entry]) -> RenderableType:
    """A line for each entry, as wide as there is room."""
    wide = _wide(entries), _wide(entries, formula=False)
    return Fitting((*wide, _narrow(entries, on_sequences=True), _narrow(entries)))


LEGEND = (
    "clamps: log r to ±a, then the value to ±b; – where there is none.",
    *SHORTHAND,
    "follows: the divergence whose gradient equals the mean gradient in that placement, on samples of q and where no "
    "clamp is active, compared exactly.",
    "on sequences (where there is room): what its KL is an estimate of by default, where tokens make sequences.",
    *ON_SEQUENCES,
    "klbench explain NAME says more of each; klbench frameworks audits them all.",
)


def _wide(entries: Iterable[Entry], *, formula: bool = True) -> Table:
    more = ["formula, r = p/q"] if formula else []
    table = _table("framework:name", "releases", "value", *more, "clamps", "placement", "on sequences", "follows")
    for entry in entries:
        told = [_formula_of_value(entry)] if formula else []
        first = [entry.versions, value_name(entry), *told, clamps(entry), default_place(entry)]
        table.add_row(Text(entry.qualified, style="cyan"), *first, _in_short(entry), _follows(entry))
    return table


def _formula_of_value(entry: Entry) -> str:
    return entry.arithmetic.formula + (", r = sampler/q" if entry.against_sampler else "")


def _narrow(entries: Iterable[Entry], *, on_sequences: bool = False) -> Table:
    more = ["on sequences"] if on_sequences else []
    table, before = _table("framework", "value", "clamps", "placement", *more, "follows", gap=0), ""
    for entry in entries:
        owner = entry.qualified.removesuffix(entry.name)
        if owner != before:
            table.add_row(Text(owner, style="bold cyan"))
            before = owner
        told = [_in_short(entry)] if on_sequences else []
        cells = value_name(entry), clamps(entry), default_place(entry)
        table.add_row(Text(f" {entry.name}", style="cyan"), *cells, *told, _follows(entry))
    return table


def _table(*headers: str, gap: int = 1) -> Table:
    """Columns that stand ``gap`` and one more apart; with none the narrow table has 80 columns at most."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0))
    for header in headers:
        table.add_column(header, no_wrap=True)
    return table


def _in_short(entry: Entry) -> Text:
    on = entry.sequences
    return Text(on.short, style="" if on.is_settled else "dim")


def _follows(entry: Entry) -> Text:
    follows = default_follows(entry)
    return Text(follows, style="red" if follows in ("0", "none") else "")
