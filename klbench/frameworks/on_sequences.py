"""What a framework's KL is on sequences: at which level it is taken, and how the values of tokens become one number.

The words are those of a spec, ``level`` and ``aggregation``. Each has a true value of its own, so two frameworks that
ship the same function may estimate two things.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from klbench.estimators.vocabulary import Aggregation, LevelName

NOT_SETTLED_YET = "not settled"
_OTHER = "another mean"
_OF_THE_SUM = "of the sum"

_IN_A_WORD: dict[Aggregation, str] = {
    "token-mean": "per token",
    "seq-mean-token-mean": "mean of means",
    "seq-mean-token-sum": "per sequence",
    "seq-mean-token-sum-norm": "over a constant",
}
_IN_WORDS: dict[Aggregation, str] = {
    "token-mean": "the KL per token: E[sum]/E[length]",
    "seq-mean-token-mean": "the mean over sequences of their token means: not the KL of sequences",
    "seq-mean-token-sum": "the KL of sequences",
    "seq-mean-token-sum-norm": "the KL of sequences over a constant",
}
_OF_THE_SUM_IN_WORDS = "the KL of sequences, by one value of each sequence's summed log-ratio"
_OTHER_IN_WORDS = "a mean that is none of the four"

LEGEND = (
    *(f"{short}: {name}, {_IN_WORDS[name]}." for name, short in _IN_A_WORD.items()),
    f"{_OF_THE_SUM}: level sequence, {_OF_THE_SUM_IN_WORDS}.",
    f"{_OTHER}: {_OTHER_IN_WORDS}. {NOT_SETTLED_YET}: the code that was seen does not say.",
)
"""What the words in a table stand for."""


@dataclass(frozen=True)
class OnSequences:
    """The level and the aggregation that a framework has by default.

    Args:
        level: ``token``, or ``sequence`` where it is of the summed log-ratio; None where that is not settled.
        aggregation: how values of tokens become one number; None at level ``sequence``, where there is one value a
            sequence, and where it is not settled or is none of the four.
        note: where another can be chosen, or how the framework's differs from all four.
        other: whether it is none of the four; then the note says what it is.
    """

    level: LevelName | None = None
    aggregation: Aggregation | None = None
    note: str = ""
    other: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether the level and how values become one number are known."""
        return self.level == "sequence" or self.aggregation is not None or self.other

    @property
    def short(self) -> str:
        """What it estimates in two or three words, for a table."""
        if self.level == "sequence":
            return _OF_THE_SUM
        if self.aggregation:
            return _IN_A_WORD[self.aggregation]
        return _OTHER if self.other else NOT_SETTLED_YET

    @property
    def estimates(self) -> str:
        """What it estimates, in plain words."""
        if self.level == "sequence":
            return _OF_THE_SUM_IN_WORDS
        if self.aggregation:
            return _IN_WORDS[self.aggregation]
        return _OTHER_IN_WORDS if self.other else NOT_SETTLED_YET

    @property
    def called(self) -> str:
        """Level and aggregation as a spec writes them: ``token, token-mean``; empty where they are not settled."""
        return ", ".join(filter(None, (self.level, self.aggregation)))


def token_mean(note: str = "") -> OnSequences:
    """The sum over all tokens over their number."""
    return OnSequences("token", "token-mean", note)


def mean_of_means(note: str = "") -> OnSequences:
    """The mean over sequences of the mean over their tokens."""
    return OnSequences("token", "seq-mean-token-mean", note)


def mean_of_sums(note: str = "") -> OnSequences:
    """The mean over sequences of the sum over their tokens."""
    return OnSequences("token", "seq-mean-token-sum", note)


def of_the_sum(note: str = "") -> OnSequences:
    """One value a sequence, of its summed log-ratio."""
    return OnSequences("sequence", None, note)


def another_mean(note: str) -> OnSequences:
    """A mean over tokens that is none of the four, as the note says."""
    return OnSequences("token", None, note, other=True)


def not_settled(note: str = "") -> OnSequences:
    """Values of tokens, of which it is not known how they become one number."""
    return OnSequences("token", None, note) if note else OnSequences()


def tally(every: Iterable[OnSequences]) -> str:
    """A sentence that says how many of them estimate what, the most frequent first."""
    counts = Counter(each.estimates for each in every)
    rest = counts.pop(NOT_SETTLED_YET, 0)
    told = "; ".join(f"{count} {what}" for what, count in counts.most_common())
    return f"Where tokens make sequences they estimate, by default: {told}. Of {rest} it is not settled."


NOT_SETTLED = not_settled()
SUMMED_BY_THE_RETURN = mean_of_sums("per token in the reward; the return sums them")
