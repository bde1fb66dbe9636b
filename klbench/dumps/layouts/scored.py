"""What ``klbench run --save`` keeps of checkpoints: the neutral form, and the exact KL of q and p at every token."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from klbench.dumps.columns import usable
from klbench.dumps.containers.container import Record
from klbench.dumps.layouts.flat import has
from klbench.dumps.layouts.layout import Opening
from klbench.dumps.layouts.neutral import LAYOUT as NEUTRAL
from klbench.dumps.row import Row
from klbench.dumps.shapes import numbers
from klbench.errors import SpecError

FULL = "full"


def _recognises(record: Record) -> bool:
    return has(record.value, "log_q", "log_p", FULL)


def _rows(record: Record, opening: Opening) -> Iterable[Row]:
    if not _recognises(record):
        raise SpecError(f"{record.place}: there is no {FULL}", help=[f"the first sequence has {FULL}; every other too"])
    for row in NEUTRAL.rows(record, opening):
        full = numbers(record.place, FULL, usable(record, FULL))
        if len(full) != len(row.log_probs["log_q"]):
            raise SpecError(f"{record.place}: {FULL} has {len(full):,} entries, log_q {len(row.log_probs['log_q']):,}")
        yield replace(row, known={FULL: full})


LAYOUT = replace(
    NEUTRAL,
    name="scored",
    said=lambda record, columns: f"{NEUTRAL.said(record, columns)}; {FULL} is the exact KL(q‖p) at every token",
    recognises=_recognises,
    rows=_rows,
    known=(FULL,),
    last=False,
)
