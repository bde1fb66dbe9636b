"""A sequence's columns made to fit one another: nested lists opened, compact and shifted ones put in their places.

One rule for every layout, and nothing is ever cut off. T is the length of the mask; without one all have one length.
A column of T entries is as it is; of as many as count it is compact, and its entries go where the mask is 1; of T − 1
it is shifted, and its first entry belongs to the second token. Any other length is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

from klbench.dumps.names import OPTIONS
from klbench.dumps.notices import Notices
from klbench.dumps.row import Role
from klbench.errors import SpecError
from klbench.wording import joined

_NUMBERS = frozenset((float, int, type(None)))
Named = Mapping[Role, tuple[str, Any]]
"""By role the name of a column and what it holds."""


def opened(value: Any) -> Any:
    """A list or array without the lists of length one around it: ``[[-1, -2]]`` as ``[-1, -2]``."""
    while _is_list(value) and len(value) == 1 and _is_list(value[0]):
        value = value[0]
    return value


def first(value: Any) -> Any:
    """A number of a sequence, which may be wrapped in lists of length one."""
    value = opened(value)
    return value[0] if _is_list(value) and len(value) == 1 else value


def numbers(place: str, name: str, value: Any) -> Any:
    """The entries of a column: a list of numbers and None, or an array with one dimension.

    Raises:
        SpecError: it is something else.
    """
    value = opened(value)
    if hasattr(value, "dtype"):
        if value.ndim == 1 and value.dtype.kind in "biuf":
            return value
        shape = f"an array of shape {tuple(value.shape)} and dtype {value.dtype}"
        raise SpecError(f"{place}: {name} is {shape}", help=["a number for each token of a sequence"])
    if not isinstance(value, list | tuple):
        help = ["a list, with a number for each token of the sequence"]
        raise SpecError(f"{place}: {name} is {_said(value)}, not a list of numbers", help=help)
    if not set(map(type, value)) <= _NUMBERS:
        at, wrong = next((at, each) for at, each in enumerate(value) if type(each) not in _NUMBERS)
        raise SpecError(f"{place}: {name} has {_said(wrong)} at token {at}", help=["numbers, or null"])
    return value


def mask_of(place: str, name: str, value: Any) -> Any:
    """A mask: 0 or 1 for each token.

    Raises:
        SpecError: it has something else.
    """
    value = opened(value)
    if hasattr(value, "dtype"):
        mask = numbers(place, name, value)
        good = ((mask == 0) | (mask == 1)).all()
    elif isinstance(value, list | tuple):
        mask = value
        try:
            good = set(value) <= {0, 1}
        except TypeError:
            good = False
    else:
        raise SpecError(f"{place}: {name} is {_said(value)}, not a list", help=["0 or 1 for each token"])
    if not good:
        at, wrong = next((at, each) for at, each in enumerate(mask) if _is_list(each) or each not in (0, 1))
        help = ["1, or true, where a token counts, else 0", f"another column is the mask: {OPTIONS['mask']} COLUMN"]
        raise SpecError(f"{place}: {name} has {_said(wrong)} at token {at}", help=help)
    return mask


def fitted(place: str, columns: Named, mask: Any | None, notices: Notices) -> tuple[dict[Role, Any], Any | None]:
    """Columns of one length, and the mask, None where every token counts.

    Raises:
        SpecError: the lengths do not fit.
    """
    found = {role: (name, numbers(place, name, value)) for role, (name, value) in columns.items()}
    lengths = {name: len(value) for name, value in found.values()}
    if mask is None:
        if len(set(lengths.values())) > 1:
            raise _unlike(place, lengths)
        return {role: value for role, (_, value) in found.items()}, None
    counted = int(sum(map(bool, mask)) if isinstance(mask, list | tuple) else mask.astype(bool).sum())
    kinds = {name: _kind(place, name, length, mask, counted) for name, length in lengths.items()}
    if None in kinds.values():
        raise _unlike(place, lengths, len(mask), counted)
    if {"whole", "shifted"} <= set(kinds.values()) and mask[0]:
        raise _one_short(place, lengths, kinds)
    if "shifted" in kinds.values() and len(mask) and mask[0]:
        mask = [0, *mask[1:]]
        notices.count("rows are shifted by one: no log-probability of the first token, which does not count")
    return {role: _put(value, kinds[name], mask) for role, (name, value) in found.items()}, mask


def _kind(place: str, name: str, length: int, mask: Sequence[float], counted: int) -> str | None:
    if length == len(mask):
        return "whole"
    if length == counted and length == len(mask) - 1 and mask[0]:
        help = [f"write {name} with one entry for each entry of the mask"]
        said = f"{place}: {name} has {length:,} entries, which may be those that count or all but the first token's"
        raise SpecError(said, help=help)
    return "compact" if length == counted else "shifted" if length == len(mask) - 1 else None


def _put(values: Any, kind: str | None, mask: Sequence[float]) -> Any:
    if kind == "whole":
        return values
    if kind == "shifted":
        return [nan, *values]
    entries = iter(values)
    return [next(entries) if counts else nan for counts in mask]


def _unlike(place: str, lengths: Mapping[str, int], of_mask: int | None = None, counted: int = 0) -> SpecError:
    said = joined([f"{name} {length:,}" for name, length in lengths.items()])
    if of_mask is None:
        help = ["one entry for each token in every column, or a mask that tells which count"]
        return SpecError(f"{place}: the columns differ in length: {said}", help=help)
    help = [
        f"a column has an entry for each of the mask's {of_mask:,}, for each of the {counted:,} that count, "
        f"or for all but the first",
        "klbench cuts nothing off: write the columns so that their tokens are the same",
    ]
    return SpecError(f"{place}: the columns do not fit the mask of {of_mask:,} tokens: {said}", help=help)


def _one_short(place: str, lengths: Mapping[str, int], kinds: Mapping[str, str | None]) -> SpecError:
    """One column has the first token, which counts, and another has an entry less: nobody knows which."""
    short = joined([f"{name} {lengths[name]:,}" for name, kind in kinds.items() if kind == "shifted"])
    whole = joined([f"{name} {lengths[name]:,}" for name, kind in kinds.items() if kind == "whole"])
    help = [
        "shifted columns lack the first token's entry, and here the first token counts and another column has it",
        "klbench cuts nothing off: write the columns so that their tokens are the same",
    ]
    return SpecError(f"{place}: the columns differ in length: {short}, but {whole}", help=help)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) or (hasattr(value, "dtype") and getattr(value, "ndim", 0) > 0)


def _said(value: Any) -> str:
    """A value for a message: short, and of what type where that is not seen."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, bool | int | float):
        return str(value)
    return f"a {type(value).__name__}"
