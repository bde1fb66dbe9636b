"""``klbench explain``: one estimator, distribution, column or word; what frameworks ship is in ``shipped``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from klbench.cli import glossary, output, words
from klbench.cli.card import card, follows_table, letters, stacked
from klbench.cli.completion import explained
from klbench.cli.options import Format, Shown
from klbench.errors import SpecError, nearest
from klbench.estimators.estimator import OPTIMAL

if TYPE_CHECKING:
    from rich.console import RenderableType

    from klbench.distributions.expression import Text
    from klbench.distributions.family import Family
    from klbench.estimators.estimator import Estimator, EstimatorFamily
    from klbench.identity.identity import Identity
    from klbench.report.columns import Column
    from klbench.report.records import Record


DATA = "data"
"""What has a page of its own: the files of a run."""
_ALIKE = 0.7
"""How alike a name must be to one of the many there are: less, and what is suggested has nothing to do with it."""

HEADERS = {
    "measured": ("bias_over_true", "bias_over_true_cv", "stdev_over_true", "cosine", "mean"),
    "bias/true": ("bias_over_true", "bias_over_true_cv"),
    "stdev/true": ("stdev_over_true",),
    "regressed": ("bias_over_true_cv",),
    "exact": ("exact_bias_over_true", "exact_stdev_over_true", "exact_cosine", "exact"),
    "z": ("z_bias", "z_stdev"),
    "bias/true regressed": ("bias_over_true_cv",),
    "bias/true exact": ("exact_bias_over_true",),
    "bias/true z": ("z_bias",),
    "stdev/true exact": ("exact_stdev_over_true",),
    "stdev/true z": ("z_stdev",),
    "cosine exact": ("exact_cosine",),
    "k < 0": ("negative_fraction",),
    "k̂": ("khat",),
    "rounding": ("rounding_over_true",),
    "‖mean‖": ("mean",),
}
"""What the table calls a column, and the columns of the files that it may stand for."""


def explain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            autocompletion=explained,
            help="An estimator (k3, verl:low_var_kl), a framework, a distribution, a column of the results, a word of "
            "the spec, a mark or header of a table.",
        ),
    ],
    format: Shown = Format.TABLE,
) -> None:
    """Explain an estimator, framework, distribution, column or word."""
    if name.strip() == DATA:
        from klbench.cli.explain_data import explain_data

        explain_data(format)
        return
    if format is not Format.TABLE:
        from klbench.cli.records import show_one

        show_one(_record(name.strip()), format)
        return
    _explain(name.strip())


def _explain(name: str) -> None:
    from klbench.distributions import catalogue as distributions
    from klbench.estimators import catalogue as estimators
    from klbench.frameworks import catalogue as shipped

    in_print = [*_words(name, glossary.meanings(name))]
    by_family = {family.name: family for family in estimators.every_family()}
    if ":" in name and not in_print:
        _explain_named(name)
    elif name in distributions.EVERY or name in distributions.ALIASES or name in distributions.REFUSED:
        _explain_distribution(distributions.find(name))
    elif name in by_family:
        _explain_family(by_family[name])
    elif not in_print and _stem(name) in {_stem(known) for known in estimators.every_name()}:
        _explain_estimator(
            estimators.find(name), {word.kind.removeprefix("a "): word.meaning for word in words.meanings(name)}
        )
    elif name in shipped.frameworks():
        _explain_framework(name)
    elif cards := [*in_print, *_in_results_or_spec(name)]:
        output.data(stacked(cards))
    else:
        raise _unknown(name)


def _record(name: str) -> Record:
    """The same as ``_explain`` shows, for another program."""
    from klbench.cli import records
    from klbench.distributions import catalogue as distributions
    from klbench.estimators import catalogue as estimators
    from klbench.frameworks import catalogue as shipped

    by_family = {family.name: family for family in estimators.every_family()}
    if ":" in name:
        estimator = _named(name)
        return records.of_entry(shipped.find(estimators.unweighted(name)), estimator)
    if name in distributions.EVERY or name in distributions.ALIASES or name in distributions.REFUSED:
        return records.of_distribution(distributions.find(name))
    if name in by_family:
        return records.of_estimator_family(by_family[name])
    if _stem(name) in {_stem(known) for known in estimators.every_name()}:
        return records.of_estimator(estimators.find(name))
    if name in shipped.frameworks():
        return records.of_framework(name)
    columns, meanings = list(_columns_called(name)), list(words.meanings(name))
    if not (columns or meanings or (meanings := list(words.keys(name)))):
        raise _unknown(name)
    return records.of_meanings(name, columns, meanings)


def _explain_named(name: str) -> None:
    """What a framework ships."""
    from klbench.cli.shipped import explain_entry

    explain_entry(_named(name))


def _named(name: str) -> Estimator:
    """What a framework ships, under a name with a colon; a user's own function is refused."""
    from klbench.estimators.catalogue import find
    from klbench.users.estimator import UserFunction

    estimator = find(name)
    if not isinstance(estimator.joint, UserFunction):
        return estimator
    hints = [f"klbench identify {estimator.joint.name} imports it and finds out"]
    raise SpecError(f"{estimator.joint.name} is a function of your own: klbench knows nothing about it yet", help=hints)


def _explain_framework(framework: str) -> None:
    from klbench.cli.shipped import explain_framework

    explain_framework(framework)


def _unknown(name: str) -> SpecError:
    from klbench.frameworks import catalogue as shipped
    from klbench.spec import builtin

    owner, at, _ = name.partition("@")
    if at and owner in shipped.frameworks():
        hints = [f"klbench explain {owner} lists what it ships; write {name}:NAME for one of them"]
        return SpecError(f"{name!r} names a release and nothing in it", help=hints)
    if name in builtin.names():
        return SpecError(f"{name!r} is a built-in spec", help=[f"klbench validate {name} shows what it measures"])
    if "*" in name.rstrip("*"):
        return _no_such_weighted(name)
    near = nearest(name, _known(), alike=_ALIKE)
    meant = ", ".join(shipped.called(name) or filter(None, [near]))
    lists = "klbench list estimators|frameworks|distributions shows the names; so does the header of results.csv"
    return SpecError(f"unknown name {name!r}", help=[f"did you mean {meant}?" if meant else lists])


def _no_such_weighted(name: str) -> SpecError:
    """What finding it says: its weight, or the name behind that, is none."""
    from klbench.estimators.catalogue import find

    try:
        find(name)
    except SpecError as error:
        return error
    return SpecError(f"unknown name {name!r}")


def _known() -> Iterator[str]:
    """Every name that can be explained, those with a colon left out."""
    from klbench.distributions.catalogue import EVERY
    from klbench.estimators.catalogue import every_name
    from klbench.frameworks.catalogue import frameworks
    from klbench.report.columns import COLUMNS
    from klbench.spec.model import PairSpec, Spec

    yield from (
        *every_name(),
        *frameworks(),
        *EVERY,
        *HEADERS,
        *glossary.known(),
        *words.known(),
        *(column.name for column in COLUMNS),
    )
    yield from (*Spec.model_fields, *PairSpec.model_fields)


def _stem(name: str) -> str:
    from klbench.estimators.catalogue import unweighted

    return unweighted(name).partition("(")[0]


def _explain_family(family: EstimatorFamily) -> None:
    optimal = f"; {family.name}({OPTIMAL}) fits it" if family.optimal else ""
    _explain_estimator(family.make(family.example), {"in parentheses": family.parameter.rstrip(",") + optimal})


def _explain_estimator(estimator: Estimator, more: Mapping[str, str] = MappingProxyType({})) -> None:
    facts = {
        **more,
        "formula": f"{estimator.formula}, where {letters(estimator.formula)}",
        "target": estimator.target.both_names,
        "unbiased": "yes" if estimator.unbiased else "no",
        "biased": estimator.biased_when,
        "never negative": "yes" if estimator.nonnegative else "no",
        "infinite variance": estimator.infinite_variance_when,
        "used by": estimator.used_by,
        "source": estimator.source,
    }
    identity = _identity(estimator)
    from klbench.estimators.catalogue import unweighted

    whose = f"{unweighted(estimator.name)}'s" if estimator.weighted else "its"
    below = () if identity is None else (follows_table(identity, whose=whose, drawn=estimator.name),)
    _print(f"{estimator.name}, an estimator", estimator.summary, facts, *below)


def _identity(estimator: Estimator) -> Identity | None:
    """The computed identity; for a weighted estimator that of the plain one, whose table has its weights."""
    from klbench.estimators.catalogue import unweighted
    from klbench.identity.computed import load

    return load().get(unweighted(estimator.name))


def _explain_distribution(family: Family) -> None:
    arguments = {f"  {p.name}": p.constraint.text + _default(p.default) for p in family.parameters}
    arguments |= {f"  {p.name}": f"{p.constraint.text}; may be left out" for p in family.parameters if p.optional}
    facts = {"write": family.signature, **arguments, "on": family.support_text, "for example": family.example}
    _print(f"{family.name}, a {family.kind} distribution", family.summary, facts)


def _columns(name: str) -> Iterator[RenderableType]:
    """A card for each of the columns called so."""
    for column in _columns_called(name):
        yield card(f"{column.name}, a column of {column.where}", column.about.description, {})


def _columns_called(name: str) -> Iterator[Column]:
    """The columns called so, in the files or in the table."""
    from klbench.report.columns import COLUMNS

    by_key = {glossary.key(header): columns for header, columns in HEADERS.items()}
    own = ("noise_ratio",) if name.startswith("noise/") else (name,)
    for meant in by_key.get(glossary.key(name), own):
        yield from (column for column in COLUMNS if column.name == meant)


def _in_results_or_spec(name: str) -> Sequence[RenderableType]:
    """The columns and the values of keys called so; the key of that name, if there are none."""
    return [*_columns(name), *_words(name, words.meanings(name))] or [*_words(name, words.keys(name))]


def _words(name: str, meanings: Iterable[words.Word]) -> Iterator[RenderableType]:
    """What the word means in a spec."""
    for word in meanings:
        yield card(f"{name}, {word.kind}", word.meaning, {"in a spec": word.written} if word.written else {})


def _default(value: float | Text | None) -> str:
    from klbench.distributions.expression import value_text

    return "" if value is None else f"; {value_text(value)} by default"


def _print(title: str, summary: str, facts: Mapping[str, str], *below: RenderableType) -> None:
    output.data(card(title, summary, facts, *below))
