"""What is said once the rows are read: a sentence as it is, or one of many sequences with how many there were."""

from __future__ import annotations

from collections import Counter

from klbench.wording import counted


class Notices:
    """Sentences that fill ``said`` while rows are read.

    Those of single sequences are only counted until ``finish`` adds them, so that a dump with a million such rows says
    it once.
    """

    def __init__(self, said: list[str] | None = None) -> None:
        self.said: list[str] = [] if said is None else said
        self._counts: Counter[str] = Counter()

    def say(self, sentence: str) -> None:
        """Adds a sentence, unless it was said."""
        if sentence not in self.said:
            self.said.append(sentence)

    def count(self, what: str, one: str = "sequence") -> None:
        """Counts one more sequence of which ``what`` is to be said: ``rejected by the trainer: not counted``."""
        self._counts[f"{one}\0{what}"] += 1

    def finish(self) -> None:
        """Adds what was counted: ``12 sequences: rejected by the trainer``."""
        for key, number in self._counts.items():
            one, _, what = key.partition("\0")
            self.say(f"{counted(number, one)}: {what}")
        self._counts.clear()
