"""Finds a family by its name, and checks the arguments a user gives it: names, counts, alternatives, constraints.

Nothing here imports torch. ``bind`` is the boundary: what it returns can be built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

import klbench.distributions.families
from klbench.distributions.constraints import known
from klbench.distributions.expression import Text, Value, value_text
from klbench.distributions.family import Family, Parameter
from klbench.errors import SpecError, unknown
from klbench.wording import counted, joined


def _declared() -> Iterator[Family]:
    """The families that the modules of ``families`` declare: a new file there needs no entry here."""
    for module in iter_modules(klbench.distributions.families.__path__):
        yield from import_module(f"{klbench.distributions.families.__name__}.{module.name}").FAMILIES


EVERY: Mapping[str, Family] = MappingProxyType(
    {family.name: family for family in sorted(_declared(), key=lambda family: family.name)}
)
FAMILIES: Mapping[str, Family] = MappingProxyType(
    {name: family for name, family in EVERY.items() if family.logits is None and family.length is None}
)
"""The classes of torch.distributions."""
POLICIES: Mapping[str, Family] = MappingProxyType(
    {name: family for name, family in EVERY.items() if family.logits is not None}
)
"""Policies over one token, which torch does not have."""
SEQUENCES: Mapping[str, Family] = MappingProxyType(
    {name: family for name, family in EVERY.items() if family.length is not None}
)
"""Policies over sequences of tokens."""

ALIASES: Mapping[str, str] = MappingProxyType({"N": "Normal"})

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "Distribution": "it is the base class of all the others; name one of them",
        "ExponentialFamily": "it is a base class; name one of its members",
        "Independent": "write independent copies as a power: N(0, 1)**10",
        "MixtureSameFamily": "write a mixture as a sum: 0.5*N(-2, 0.5) + 0.5*N(2, 0.5)",
        "TransformedDistribution": "name the transformed family itself, such as LogNormal or Gumbel",
    }
)


class ArgumentError(SpecError):
    """An argument is wrong. ``argument`` is its name, for whoever knows where it was written."""

    def __init__(self, message: str, *, argument: str, help: Sequence[str] = ()) -> None:
        super().__init__(message, help=help)
        self.argument = argument


def find(name: str) -> Family:
    """The family of a class name or of its short name.

    Raises:
        SpecError: where torch has no such class, or klbench writes it another way.
    """
    name = ALIASES.get(name, name)
    if name in REFUSED:
        raise SpecError(f"{name} cannot be written by its own name", help=[REFUSED[name]])
    if name not in EVERY:
        raise unknown("distribution", name, [*EVERY, *ALIASES])
    return EVERY[name]


def takes_texts(family: str, name: str | None = None, position: int | None = None) -> bool:
    """Whether an argument of a family may be a text: the one of this name or in this position, or any."""
    numbered = enumerate(EVERY[family].parameters if family in EVERY else ())
    meant = [p for at, p in numbered if (name is None and position in (None, at)) or p.name == name]
    return any(Text in parameter.constraint.kinds for parameter in meant)


def bind(
    family: str, positional: Sequence[Value] = (), keyword: Mapping[str, Value] | None = None
) -> tuple[tuple[str, Value], ...]:
    """The arguments given, by torch's names and in torch's order, all within their constraints.

    Placeholders are let through: bind again, by keyword, once they are filled. Defaults are not filled in.

    Raises:
        SpecError: an unknown family; an unknown, repeated, missing or superfluous argument; one out of its constraint.
            It is an ``ArgumentError`` where one argument is to blame.
    """
    declared = find(family)
    given = _by_name(declared, positional, keyword or {})
    _check_presence(declared, given)
    for parameter in declared.parameters:
        if parameter.name in given:
            _check_constraint(declared, parameter, given[parameter.name])
    _check_rules(declared, given)
    return tuple(
        (parameter.name, given[parameter.name]) for parameter in declared.parameters if parameter.name in given
    )


def with_defaults(family: Family, arguments: Sequence[tuple[str, Value]]) -> dict[str, Value]:
    """The bound arguments as a mapping, the defaults filled in."""
    defaults = {p.name: p.default for p in family.parameters if p.default is not None}
    return {**defaults, **dict(arguments)}


def _by_name(family: Family, positional: Sequence[Value], keyword: Mapping[str, Value]) -> dict[str, Value]:
    names = [parameter.name for parameter in family.parameters]
    if len(positional) > len(names):
        message = f"{family.name} takes at most {counted(len(names), 'argument')}, {len(positional)} were given"
        raise SpecError(message, help=[f"write {family.signature}"])
    given = dict(zip(names, positional, strict=False))
    for name, value in keyword.items():
        if name not in names:
            error = unknown(f"argument of {family.name}", name, names)
            raise ArgumentError(error.message, argument=name, help=error.help)
        if name in given:
            raise ArgumentError(f"{family.name} got {name} twice", argument=name, help=[f"write {family.signature}"])
        given[name] = value
    return given


def _check_presence(family: Family, given: Mapping[str, Value]) -> None:
    in_forms = {name for form in family.forms for name in form}
    optional = {*family.alternatives, *in_forms}
    required = [p.name for p in family.parameters if not p.optional and p.default is None and p.name not in optional]
    missing = [name for name in required if name not in given]
    if missing:
        raise SpecError(f"{family.name} needs {' and '.join(missing)}", help=[f"write {family.signature}"])
    _check_form(family, given)
    chosen = [name for name in family.alternatives if name in given]
    if family.alternatives and len(chosen) != 1:
        allowed = f"exactly one of {', '.join(family.alternatives)}"
        got = " and ".join(chosen) or "none"
        raise SpecError(f"{family.name} needs {allowed}; given: {got}", help=[f"for example {family.example}"])


def _check_form(family: Family, given: Mapping[str, Value]) -> None:
    """Where arguments belong to forms, exactly one of these is given, and whole."""
    begun = [form for form in family.forms if any(name in given for name in form)]
    whole = {p.name for p in family.parameters if p.default is None}
    if family.forms and (len(begun) != 1 or any(name in whole and name not in given for name in begun[0])):
        allowed = ", or ".join(joined(form) for form in family.forms)
        got = joined([name for form in begun for name in form if name in given]) or "none"
        help = [f"for example {example}" for example in family.examples[: len(family.forms)]]
        raise SpecError(f"{family.name} needs {allowed}; given: {got}", help=help)


def _check_constraint(family: Family, parameter: Parameter, value: Value) -> None:
    allowed = f"{parameter.name} must be {parameter.constraint.text}"
    axes_differ = _axes(value) != parameter.constraint.rank
    is_another = not parameter.constraint.is_for(value)
    if axes_differ or is_another or (known(value) and not parameter.constraint.check(value)):
        fault = None if axes_differ or is_another else parameter.constraint.fault(value)
        what, advice = ("", []) if fault is None else (f", which {fault[0]}", [fault[1]])
        message = f"{family.name}: {allowed}, given {_show(value)}{what}"
        raise ArgumentError(message, argument=parameter.name, help=[*advice, f"for example {family.example}"])


def _check_rules(family: Family, given: Mapping[str, Value]) -> None:
    values = with_defaults(family, tuple(given.items()))
    for rule in family.rules:
        concerned = [values[name] for name in rule.arguments if name in values]
        if len(concerned) == len(rule.arguments) and all(map(known, concerned)) and not rule.holds(values):
            shown = ", ".join(f"{name}={_show(values[name])}" for name in rule.arguments)
            needed = rule.text if isinstance(rule.text, str) else rule.text(values)
            advice = [rule.advice(values)] if rule.advice else []
            help = [*advice, f"for example {family.example}"]
            raise ArgumentError(f"{family.name} needs {needed}, given {shown}", argument=rule.arguments[-1], help=help)


def _axes(value: Value) -> int:
    return 1 + max(map(_axes, value), default=0) if isinstance(value, tuple) else 0


def _show(value: Value, limit: int = 60) -> str:
    """The value as a user would write it, cut where it is long."""
    text = f"[{', '.join(_show(item, limit) for item in value[:9])}]" if isinstance(value, tuple) else value_text(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
