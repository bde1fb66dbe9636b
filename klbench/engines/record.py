"""What an engine has to say of itself. No torch here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """What an engine has done of a run, for its manifest.

    Args:
        engine: its name.
        workers: how many blocks it measures at once.
        blocks: how many it has measured.
        retries: how often a task was given to another worker because one died.
        processors: the kinds of processor it ran on, as torch counts them.
        shard: which shard it was, ``2/8``; empty for a whole run.
    """

    engine: str
    workers: int
    blocks: int = 0
    retries: int = 0
    processors: tuple[str, ...] = ()
    shard: str = ""
