"""Placing what validation refuses: pydantic knows the path of a field, the tree knows the line and column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from klbench.errors import SpecError
from klbench.spec.nodes import Node, ScalarNode, find
from klbench.spec.overrides import NAMES as OVERRIDES
from klbench.spec.refusal import Refusal, Step, shown

_MOST_ERRORS = 3
NOT_JUDGED = "not_judged"
"""The type of the error of a pair that is not looked at any more, after many others with errors."""
_CONSEQUENCES = {"default_factory_not_called", "too_short", NOT_JUDGED}
"""What pydantic also says where a field before, or every entry of a list, is wrong."""
_PAIRS = 'a list of at least one pair: [{q: "N(0, 1)", p: "N(1, 1)"}]'
_EXPECTED = {
    "tuple_type": _PAIRS,
    "mapping_type": "a mapping",
    "dict_type": "a mapping",
    "too_short": _PAIRS,
}


def located(error: ValidationError, tree: Node) -> SpecError:
    """The first error in the order of the text, at its place, and the places of the next few."""
    refusals = sorted((_place(_as_refusal(details), tree) for details in _details(error)), key=_order)
    first, *others = refusals
    also = [f"also {other.location}: {other.message}" for other in others[: _MOST_ERRORS - 1]]
    return SpecError(first.message, location=first.location, help=[*first.help, *also])


def _details(error: ValidationError) -> Iterable[Any]:
    details = error.errors(include_url=False)
    return [one for one in details if one["type"] not in _CONSEQUENCES] or details


def _order(error: SpecError) -> tuple[bool, int, int]:
    location = error.location
    return (False, 0, 0) if location is None else (location.source not in OVERRIDES, location.line, location.column)


def _as_refusal(details: Any) -> Refusal:
    """One of pydantic's errors as a refusal seen from the whole spec."""
    path = tuple(step for step in details["loc"] if step != "[key]")
    raised = details.get("ctx", {}).get("error")
    if isinstance(raised, Refusal):
        refusal = raised.within(*path)
        refusal.at_key |= "[key]" in details["loc"]
        return refusal
    return _explained(details, path)


def _explained(details: Any, path: tuple[Step, ...]) -> Refusal:
    name = str(path[-1]) if path else "the spec"
    if details["type"] == "literal_error":
        return Refusal(f"{name} cannot be {shown(details['input'])}", help=[details["ctx"]["expected"]], path=path)
    expected = _EXPECTED.get(details["type"], details["msg"])
    return Refusal(f"{name} cannot be {shown(details['input'])}", help=[f"{name} is {expected}"], path=path)


def _place(refusal: Refusal, tree: Node) -> SpecError:
    node = find(tree, refusal.path, at_key=refusal.at_key)
    if isinstance(node, ScalarNode) and refusal.offset is not None:
        return refusal.at(node.character(refusal.offset))
    return refusal.at(node.location())
