"""Numbers as users write them: plain YAML numbers, sample counts such as ``10M``, seeds.

PyYAML reads ``1e7`` and ``1e-3`` as strings and ``yes`` as a truth value, so plain scalars are read here, by the rules
of YAML 1.2 with ``_`` allowed between digits.
"""

from __future__ import annotations

import re
from decimal import Decimal

from klbench.distributions.constraints import is_number
from klbench.spec.refusal import Refusal, shown

MOST_SAMPLES = 10**13
MOST_BATCH = 10**6
MOST_LENGTH = 2**20
LEAST_PRECISION = 1e-7
"""A smaller one takes more samples than a run may have."""
MOST_SEED = 2**63 - 1

_NUMBER = re.compile(r"[-+]?(\d[\d_]*(\.[\d_]*)?|\.\d[\d_]*)(e[-+]?\d+)?", re.IGNORECASE | re.ASCII)
_INTEGER = re.compile(r"[-+]?\d[\d_]*", re.ASCII)
_SIZE = re.compile(rf"(?P<number>{_NUMBER.pattern})\s*(?P<unit>[kKMG]?)", re.IGNORECASE | re.ASCII)
_NOT_FINITE = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
_LONGEST_INTEGER = 400
_SAMPLES_HELP = f"a whole number from 1 to {MOST_SAMPLES:.0e}, written 1000000, 1_000_000, 1e6 or 1M (k, M, G)"


def plain_scalar(text: str) -> str | int | float | bool | None:
    """What an unquoted YAML scalar is: null, true, false, a number, or text. ``yes`` and ``on`` are text.

    >>> plain_scalar("1e-3"), plain_scalar("10_000"), plain_scalar("yes")
    (0.001, 10000, 'yes')
    """
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if text.lower() in _NOT_FINITE:
        return float(_NOT_FINITE[text.lower()])
    return number(text) if _NUMBER.fullmatch(text) else text


def number(text: str) -> int | float:
    """The number that ``text``, which is written as one, stands for; a whole one without a point is an int."""
    digits = text.replace("_", "")
    whole = _INTEGER.fullmatch(text) is not None and len(digits) <= _LONGEST_INTEGER
    return int(digits) if whole else float(digits)


def finite(value: object) -> int | float:
    """The value, if it is a finite number.

    Raises:
        Refusal: it is anything else.
    """
    if not is_number(value):
        raise Refusal(f"{shown(value)} is not a finite number", help=["a number such as 0.5, -3 or 1e-3"])
    return value  # type: ignore[return-value]


def positive(value: object) -> float:
    """The value, if it is a finite number above 0.

    Raises:
        Refusal: it is anything else.
    """
    if not is_number(value) or not value > 0:  # type: ignore[operator]
        raise Refusal(f"{shown(value)} is not a number > 0", help=["a number such as 2 or 0.5"])
    return float(value)  # type: ignore[arg-type]


def precision(value: object) -> float:
    """How small error bars have to be, as a share of the true value.

    Raises:
        Refusal: not a number from ``LEAST_PRECISION`` to below 1.
    """
    if not is_number(value) or not LEAST_PRECISION <= value < 1:  # type: ignore[operator]
        help = [f"precision: a number from {LEAST_PRECISION:g} to below 1; 0.01 is 1 % of the true value"]
        raise Refusal(f"{shown(value)} is not a precision", help=help)
    return float(value)  # type: ignore[arg-type]


def samples(value: object) -> int:
    """A sample count: 1e7, 10_000_000 or ``10M``.

    Raises:
        Refusal: not a whole number from 1 to ``MOST_SAMPLES``.
    """
    count = _exact(value)
    if count is None or count != count.to_integral_value():
        raise Refusal(f"{shown(value)} is not a sample count", help=[f"samples: {_SAMPLES_HELP}"])
    return int(count)


def batch(value: object) -> int:
    """The number of samples in a batch, written as a sample count.

    Raises:
        Refusal: not a whole number from 2 to ``MOST_BATCH``.
    """
    count = _exact(value)
    if count is None or count != count.to_integral_value() or not 2 <= count <= MOST_BATCH:
        raise Refusal(f"{shown(value)} is not a batch size", help=[f"batch: a whole number from 2 to {MOST_BATCH}"])
    return int(count)


def sequence_length(value: object) -> int:
    """The most tokens of a sequence, written as a sample count.

    Raises:
        Refusal: not a whole number from 1 to ``MOST_LENGTH``.
    """
    count = _exact(value)
    if count is None or count != count.to_integral_value() or not 1 <= count <= MOST_LENGTH:
        raise Refusal(f"{shown(value)} is not a length", help=[f"length: a whole number from 1 to {MOST_LENGTH:,}"])
    return int(count)


def _exact(value: object) -> Decimal | None:
    """A written size without rounding; None where it is no number or out of the range of sample counts."""
    match = _SIZE.fullmatch(str(value)) if isinstance(value, str) or is_number(value) else None
    if match is None or match["unit"] not in _UNITS:
        return None
    digits, factor = match["number"].replace("_", ""), _UNITS[match["unit"]]
    if not 1 <= float(digits) * factor <= MOST_SAMPLES:
        return None
    return Decimal(digits) * factor


def seed(value: object) -> int:
    """A seed.

    Raises:
        Refusal: not a whole number from 0 to ``MOST_SEED``.
    """
    whole = is_number(value) and value == int(value)  # type: ignore[call-overload]
    if not whole or not 0 <= value <= MOST_SEED:  # type: ignore[operator]
        raise Refusal(f"{shown(value)} is not a seed", help=["seed: a whole number from 0 to 2**63 - 1"])
    return int(value)  # type: ignore[call-overload, no-any-return]
