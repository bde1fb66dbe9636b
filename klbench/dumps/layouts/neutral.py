"""The neutral form, and columns under the names that frameworks have for them in memory: what a user has exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from klbench.dumps.columns import Columns, column
from klbench.dumps.containers.container import Record
from klbench.dumps.layouts.flat import Flat, before_first_counted, token_ids
from klbench.dumps.layouts.layout import Layout
from klbench.dumps.names import LAST_GROUPS, NEUTRAL, PLACES, PROMPTS
from klbench.wording import joined

_BEFORE = before_first_counted("token_ids", "input_ids")


def _recognises(record: Record) -> bool:
    return isinstance(record.value, Mapping) and any(
        record.value.get(name) is not None
        for names in (NEUTRAL.log_q, NEUTRAL.log_p, NEUTRAL.log_sampler)
        for name in names
    )


def _group(record: Record) -> str | int | None:
    there = record.value
    if "prompt_idx" in there:
        return f"{there.get('step', '')}/{there['prompt_idx']}"
    value = next((there[name] for name in LAST_GROUPS if isinstance(there.get(name), str | int)), None)
    return value if isinstance(value, str | int) else None


def _prompt(record: Record, mask: Any) -> tuple[int, ...] | None:
    ids = next((token_ids(record.value[name]) for name in PROMPTS if record.value.get(name) is not None), None)
    return _BEFORE(record, mask) if ids is None else ids


_FLAT = Flat(NEUTRAL, group=_group, prompt=_prompt)


def _said(record: Record, columns: Columns) -> str:
    found = {place: column(record, NEUTRAL, columns, place) for place in PLACES}
    there = [name if name == place else f"{name} is {place}" for place, name in found.items() if name is not None]
    more = [] if found["mask"] else ["no mask: every token counts"]
    return "; ".join([f"a sequence a row: {joined(there)}", *more])


LAYOUT = Layout("neutral", _said, _recognises, _FLAT.roles, _FLAT.rows, last=True)
