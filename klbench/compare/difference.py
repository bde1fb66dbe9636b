"""One number of two matched rows: both values, what is to be thought of them, and the sentence that says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, isinf, isnan, nan

from klbench.compare.judged import AGREEING, Judged, Reading, Verdict
from klbench.report.field import SURPRISE, UNTRUSTED, with_error
from klbench.report.numbers import MISSING, fixed, plain_number
from klbench.tolerances import TRUSTED

Value = float | str


@dataclass(frozen=True)
class Difference:
    """What a number is in the first and in the second.

    Args:
        labels: the cells that name its row, by column: pair, grid parameters, estimator and so on.
        where, called: the same in words: the pair, the estimator.
        number, column: the number as a person calls it, and its column of results.csv.
        a, b: the two readings; of a text ``texts`` has both.
        draws: how the samples hang together; empty of what is exact.
        unit: of what a change is told: ``relative``, ``true`` (a share of the true value) or ``plain``.
    """

    labels: Mapping[str, object]
    where: str
    called: str
    number: str
    column: str
    a: Reading
    b: Reading
    judged: Judged
    draws: str = ""
    unit: str = "relative"
    texts: tuple[str, str] | None = None
    said: str = field(default="")

    @property
    def verdict(self) -> Verdict:
        """What is to be thought of it."""
        return self.judged.verdict

    @property
    def agrees(self) -> bool:
        """Whether the two are the same but for chance."""
        return self.verdict in AGREEING

    @property
    def is_told(self) -> bool:
        """Whether a person is told of it."""
        return not self.agrees and self.verdict is not Verdict.UNJUDGED

    @property
    def fails(self) -> bool:
        """Whether it is more than 5 errors, and not tolerated."""
        return abs(self.judged.z) > SURPRISE and not self.agrees and not self.judged.tolerated

    @property
    def fails_strictly(self) -> bool:
        """Whether what is computed is another number, or is only in one, however small the difference."""
        changed = (Verdict.CHANGED, Verdict.ONLY_A, Verdict.ONLY_B)
        return self.fails or (self.verdict in changed and not self.judged.tolerated)

    @property
    def is_untrusted(self) -> bool:
        """Whether one of the error bars is not to be trusted."""
        return any(isfinite(reading.error) and reading.tail > TRUSTED for reading in (self.a, self.b))

    @property
    def shown(self) -> tuple[str, str]:
        """Both values as text, with their errors and marks."""
        return self.texts or (self._shown(self.a), self._shown(self.b))

    def _shown(self, reading: Reading) -> str:
        if isnan(reading.value):
            return MISSING
        if self.draws:
            return with_error(reading.value, reading.error, 0.0, reading.tail)
        return plain_number(reading.value)

    @property
    def z_shown(self) -> str:
        """z to a decimal, from 10 on without; empty where there is none, or the numbers are exact."""
        z = self.judged.z
        if isnan(z) or isinf(z):
            return MISSING
        return fixed(z, 1 if abs(z) < 10 else 0, sign="+")

    @property
    def change(self) -> str:
        """How much more or less the second is: ``10 % less``; empty where that says nothing."""
        by = self.judged.difference
        if self.said or not isfinite(by) or by == 0 or self.agrees:
            return self.said
        more = "more" if by > 0 else "less"
        if self.unit == "plain":
            return f"{plain_number(float(f'{abs(by):.2g}'))} {more}"
        if self.unit == "true":
            return f"{_percent(abs(by))} of the true value {more}"
        if not self.a.value:
            return ""
        factor = self.b.value / self.a.value
        return f"{factor:.2g} times as large" if factor >= _TIMES else f"{_percent(abs(factor - 1))} {more}"

    @property
    def opinion(self) -> str:
        """The verdict with what goes with it: ``different; 10 % less; † do not trust these error bars``."""
        tolerated = " (tolerated)" if self.judged.tolerated else ""
        untrusted = f"{UNTRUSTED} do not trust the error bar" if self.is_untrusted and not self.agrees else ""
        return "; ".join(filter(None, [f"{self.verdict}{tolerated}", self.change, untrusted]))

    @property
    def sentence(self) -> str:
        """``far: k3's noise: 1.6949(53) → 1.520(5), z = -23: different; 10 % less``."""
        a, b = self.shown
        z = "" if self.z_shown == MISSING else f", z = {self.z_shown}"
        return f"{self.where}: {self.called}'s {self.number}: {a} → {b}{z}: {self.opinion}"

    @property
    def rank(self) -> float:
        """By what differences are sorted, the largest first: |z|; what has none comes last."""
        z = abs(self.judged.z)
        return -1.0 if isnan(z) else z

    def record(self) -> dict[str, object]:
        """Its cells for another program; None where there is no such number."""
        a, b = self.texts or (self.a.value, self.b.value)
        judged = self.judged
        return {
            **self.labels,
            "number": self.column,
            "a": _cell(a),
            "a_mcse": _cell(self.a.error),
            "b": _cell(b),
            "b_mcse": _cell(self.b.error),
            "difference": _cell(judged.difference),
            "difference_mcse": _cell(judged.error),
            "z": _cell(judged.z),
            "draws": self.draws or None,
            "verdict": str(judged.verdict),
            "tolerated": judged.tolerated,
            "fails": self.fails,
        }


_TIMES = 2.0
"""From this factor on a change is told as one."""


def _percent(share: float) -> str:
    return f"{plain_number(float(f'{100 * share:.2g}'))} %"


def _cell(value: Value) -> Value | None:
    return None if isinstance(value, float) and isnan(value) else value


NOTHING = Reading(nan)
