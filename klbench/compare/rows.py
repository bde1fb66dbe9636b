"""Every number of two matched rows, each compared once.

A value's bias is its mean less the true value, in nats or over it: the same shift, so one of the three is compared, the
ratio where there is one. The same of the noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, isnan, nan, sqrt

from klbench.compare.difference import NOTHING, Difference
from klbench.compare.draws import Draws, draws_of
from klbench.compare.judged import Judged, Reading, Verdict, judged, judged_exact
from klbench.report.fields import tail
from klbench.report.line import Line
from klbench.report.numbers import count, fixed
from klbench.row import Row, columns_of
from klbench.tolerances import TRUSTED
from klbench.wording import percent

_ERRORS = {name: about.error for name, about in columns_of(Row).items() if about.error}


@dataclass(frozen=True)
class Number:
    """A number of a row: what a person calls it, its column, of what a change is told, and the order of its tail."""

    name: str
    column: str
    unit: str = "relative"
    order: int = 1


_SQUARES = 2
"""A stdev averages squares, and their tail index is twice as large."""
_BIAS, _MEAN = Number("bias", "bias_over_true", "true"), Number("mean", "mean")
_NOISE, _STDEV = Number("noise", "stdev_over_true", order=_SQUARES), Number("stdev", "stdev", order=_SQUARES)
_MEASURED = (
    Number("regressed bias", "bias_over_true_cv", "true"),
    Number("cosine", "cosine", "plain"),
    Number("rounding", "rounding_over_true", "true"),
)
_EXACT = (
    Number("true value", "true"),
    Number("true gradient's length", "true_norm"),
    Number("exact bias", "exact_bias_over_true", "true"),
    Number("exact noise", "exact_stdev_over_true"),
    Number("exact cosine", "exact_cosine", "plain"),
)
_TEXTS = ("target", "follows")
_PLACES = ("estimator", "level", "aggregation", "placement", "weighting")
_FAR = 0.1
"""k̂ that crosses the border of what is trusted by less than this has not moved."""


@dataclass(frozen=True)
class Rows:
    """Two rows of one thing, how their samples hang together, and the difference that is tolerated."""

    a: Line
    b: Line
    draws: Draws
    within: float = 0.0

    @classmethod
    def of(cls, a: Line, b: Line, *, same_streams: bool, within: float) -> Rows:
        """Of two matched lines."""
        return cls(a, b, draws_of(a, b, same_streams=same_streams), within)

    def differences(self) -> Iterator[Difference]:
        """Every number that is in one of them, those that agree as well."""
        for number in self._measured_numbers():
            yield self._measured(number)
        for number in _EXACT:
            if self._has(number.column):
                yield self._exact(number)
        for column in _TEXTS:
            yield from self._text(column)
        yield from self._nonfinite()
        yield from self._told()

    def _measured_numbers(self) -> Iterator[Number]:
        for ratio, absolute in ((_BIAS, _MEAN), (_NOISE, _STDEV)):
            both = not any(isnan(getattr(line.row, ratio.column)) for line in (self.a, self.b))
            used = ratio if both or not self._has(absolute.column) else absolute
            yield from [used] * self._has(used.column)
        yield from (number for number in _MEASURED if self._has(number.column))

    def _has(self, column: str) -> bool:
        return not all(isnan(getattr(line.row, column)) for line in (self.a, self.b))

    def _measured(self, number: Number) -> Difference:
        a, b = (_reading(line.row, number) for line in (self.a, self.b))
        samples = self.a.row.samples, self.b.row.samples
        found = judged(a, b, self.draws, samples, within=self.within, is_share=number.unit != "relative")
        return self._difference(number, a, b, found, self.draws)

    def _exact(self, number: Number) -> Difference:
        a, b = (Reading(getattr(line.row, number.column)) for line in (self.a, self.b))
        found = judged_exact(a.value, b.value, within=self.within, is_share=number.unit != "relative")
        return self._difference(number, a, b, found)

    def _text(self, column: str) -> Iterator[Difference]:
        a, b = (str(getattr(line.row, column)) for line in (self.a, self.b))
        if a or b:
            verdict = Verdict.ONLY_B if not a else Verdict.ONLY_A if not b else Verdict.EXACT
            found = Judged(Verdict.SAME) if a == b else Judged(verdict, z=inf if verdict is Verdict.EXACT else nan)
            yield self._difference(Number(column, column), NOTHING, NOTHING, found, texts=(a or "–", b or "–"))

    def _nonfinite(self) -> Iterator[Difference]:
        """The shares of values that are infinite or NaN, which are binomial."""
        counts = [line.row.nonfinite for line in (self.a, self.b)]
        if not any(counts):
            return
        sizes = [max(line.row.samples, 1) for line in (self.a, self.b)]
        pooled = sum(counts) / sum(sizes)
        a, b = (
            Reading(number / size, sqrt(pooled * (1 - pooled) / size))
            for number, size in zip(counts, sizes, strict=True)
        )
        found = judged(a, b, self.draws, within=self.within, is_share=True)
        texts = count(counts[0]), count(counts[1])
        number = Number("infinite or NaN values", "nonfinite", "true")
        yield self._difference(number, a, b, found, self.draws, texts, "" if counts[0] else "there were none")

    def _told(self) -> Iterator[Difference]:
        """What has no error, and is told of only where it is of another kind: values below 0, and the tail."""
        a, b = self.a.row.negative_fraction, self.b.row.negative_fraction
        crossed = "" if (a > 0) == (b > 0) else "values below 0 appeared" if b > 0 else "no value is below 0 any more"
        yield from self._unjudged(Number("k < 0", "negative_fraction"), a, b, crossed, (percent(a), percent(b)))
        a, b = self.a.row.khat, self.b.row.khat
        crossed = "" if (a > TRUSTED) == (b > TRUSTED) or abs(b - a) < _FAR else f"it crosses {TRUSTED}"
        yield from self._unjudged(Number("k̂", "khat"), a, b, crossed, (fixed(a, 2), fixed(b, 2)))

    def _unjudged(
        self, number: Number, a: float, b: float, crossed: str, texts: tuple[str, str]
    ) -> Iterator[Difference]:
        if isnan(a) or isnan(b):
            return
        verdict = Verdict.CROSSED if crossed else Verdict.SAME if a == b else Verdict.UNJUDGED
        found = Judged(verdict, b - a)
        yield self._difference(number, Reading(a), Reading(b), found, texts=texts, said=crossed)

    def _difference(
        self,
        number: Number,
        a: Reading,
        b: Reading,
        found: Judged,
        draws: str = "",
        texts: tuple[str, str] | None = None,
        said: str = "",
    ) -> Difference:
        line, unit = self.b, number.unit
        names = number.name, number.column
        return Difference(labels_of(line), line.where, line.called, *names, a, b, found, draws, unit, texts, said)


def _reading(row: Row, number: Number) -> Reading:
    error: float = getattr(row, _ERRORS[number.column])
    return Reading(getattr(row, number.column), error, number.order * tail(row))


def labels_of(line: Line) -> Mapping[str, object]:
    """The cells that name a row; None where it has none."""
    row = line.row
    place = {name: getattr(row, name) or None for name in _PLACES}
    return {"pair": line.pair, **line.parameters, **place, "dtype": row.dtype}
