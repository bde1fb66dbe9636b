"""Numbers as text: a measured one with the digits that its error supports, an exact one with six.

``0.002487(26)`` is the shorthand of physics tables for 0.002487 ± 0.000026: the parenthesis holds the error of the last
digits. Two digits of error are kept, so that an error of 0.95 and one of 1.04 are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import inf, isfinite, isnan, nan
from typing import Any

MISSING = "–"
SMALLEST_EXPONENT, LARGEST_EXPONENT = -4, 5
"""Numbers between these powers of ten are written out, all others with an exponent."""
_DIGITS = 6
"""The digits of an exact number, and of a number whose error is far below them."""
_UNSEEN = 0.01
"""An error below a hundredth of the last of these digits is as small as rounding, and is not shown."""
_SUM_ROUNDING = 1e-12
"""A smaller share of the size of the numbers summed is 0 with rounding."""


def measured(value: float, error: float) -> str:
    """``value`` with its standard error, ``0.0015(45)`` or ``2.50(30)e-7``.

    Without an error (NaN, infinite) three digits are shown, with an error of 0 six.
    """
    if not isfinite(value):
        return _not_finite(value)
    if not isfinite(error):
        return _digits(value, 3)
    last_digit = 10.0 ** (_exponent(value, _DIGITS) - _DIGITS + 1) if value else 0.0
    if error <= _UNSEEN * last_digit:
        return plain_number(value)
    return _shorthand(value, error)


def plain_number(value: float) -> str:
    """``value`` to six significant digits."""
    return _digits(value, _DIGITS) if isfinite(value) else _not_finite(value)


def exact_beside(value: float, scale: float) -> str:
    """``plain_number``; 0 if the value is only rounding next to ``scale``, the size of the numbers that were summed."""
    return plain_number(0.0 if abs(value) <= _SUM_ROUNDING * scale else value)


def fixed(value: float, places: int, *, sign: str = "") -> str:
    """``value`` to so many places, a plus written if ``sign`` is "+"; never a negative zero."""
    return f"{round(value, places) + 0.0:{sign}.{places}f}" if isfinite(value) else _not_finite(value)


def count(number: int) -> str:
    """``10,000,000``."""
    return f"{number:,}"


def seconds(duration: float) -> str:
    """``0.8 s``, ``12 s``, ``3 min 20 s``."""
    if duration < 60:
        return f"{duration:.1f} s" if duration < 10 else f"{duration:.0f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def parameters_text(parameters: Mapping[str, float]) -> str:
    """``mu = 0.25, scale = 2``; empty without parameters."""
    return ", ".join(f"{name} = {plain_number(value)}" for name, value in parameters.items())


def true_value(name: str, value: float, source: str, error: float = nan) -> str:
    """``KL(q‖p) = 0.005 (closed-form)``; with an ``error``, where it was measured, ``KL(q‖p) = 22.24(13) (full)``."""
    if isnan(value):
        return f"{name}: no exact value"
    number = plain_number(value) if isnan(error) else measured(value, error)
    return f"{name} = {number}" + (f" ({source})" if source else "")


def aligned(texts: Sequence[str]) -> list[str]:
    """The same texts padded to one width, their decimal points one below the other."""
    split = [_at_point(text) for text in texts]
    left = max((len(before) for before, _ in split), default=0)
    right = max((len(after) for _, after in split), default=0)
    return [before.rjust(left) + after.ljust(right) for before, after in split]


def _at_point(text: str) -> tuple[str, str]:
    ends = (place for place, letter in enumerate(text) if letter in ".(e†‡*✗%")
    end = next(ends, len(text)) if any(map(str.isdigit, text)) else len(text)  # a word has no decimal point
    return text[:end], text[end:]


def _not_finite(value: float) -> str:
    return {inf: "∞", -inf: "-∞"}.get(value, MISSING)


def _shorthand(value: float, error: float) -> str:
    shift = _shift(_exponent(max(abs(value), error), 17))
    places = max(shift + 1 - _exponent(error, 2), 0)
    number, uncertainty = (Decimal(x).scaleb(-shift).quantize(Decimal(1).scaleb(-places)) for x in (value, error))
    if uncertainty < 1:
        uncertainty = uncertainty.scaleb(places)
    return f"{_without_minus_zero(number)}({uncertainty:f})" + (f"e{shift}" if shift else "")


def _digits(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    shift = _shift(_exponent(value, digits))
    number = Decimal(f"{value:.{digits - 1}e}").scaleb(-shift)
    return _without_trailing_zeros(f"{number:f}") + (f"e{shift}" if shift else "")


def _exponent(value: float, digits: int) -> int:
    """The power of ten of ``value`` once it is rounded to so many digits (to two, 0.0996 counts as 0.10)."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2])


def _shift(exponent: int) -> int:
    """The exponent to write: 0 if the number is written without one."""
    return 0 if SMALLEST_EXPONENT <= exponent <= LARGEST_EXPONENT else exponent


def _without_minus_zero(number: Decimal) -> str:
    return f"{abs(number) if number == 0 else number:f}"


def _without_trailing_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_json(value: Any) -> Any:
    """A value as strict JSON has it, where there is no infinity and no NaN: ``"inf"``, and null for what is missing."""
    if not isinstance(value, float) or isfinite(value):
        return value
    return None if isnan(value) else str(value)
