"""Layouts whose records have one column for each role: declared by names, opened by one rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from klbench.dumps.columns import Columns, column, usable
from klbench.dumps.columns import roles as roles_of
from klbench.dumps.containers.container import Record
from klbench.dumps.layouts.layout import Layout, Opening
from klbench.dumps.names import FACTORS, OPTIONS, TEXTS, Names
from klbench.dumps.row import Role, Row
from klbench.dumps.shapes import first, fitted, mask_of, opened
from klbench.errors import SpecError

Group = Callable[[Record], str | int | None]
Prompt = Callable[[Record, Any], tuple[int, ...] | None]
"""The token ids of a record's prompt, given its mask."""
_LEFT_OUT = "left out by the framework itself: no token counts"


@dataclass(frozen=True)
class Flat:
    """What a record of a framework has, by names.

    Args:
        names: of its columns.
        needs_mask: padding in it looks like a log-probability, so that it is not read without a mask.
        drops_first: the entry of the first token is no log-probability.
        mask: the mask, where it is no column.
        group: the group, where it is no column.
        prompt: the token ids of the prompt.
        rejected: whether the framework has left the sequence out.
    """

    names: Names
    needs_mask: bool = False
    drops_first: bool = False
    mask: Callable[[Record], Any] | None = None
    group: Group = lambda _: None
    prompt: Prompt = lambda _, __: None
    rejected: Callable[[Record], bool] = lambda _: False

    def layout(
        self, name: str, recognises: Callable[[Record], bool], said: str, entry: str | None = None, **more: Any
    ) -> Layout:
        """The layout of such records. ``said`` goes before what the columns are."""

        def sentence(record: Record, columns: Columns) -> str:
            return f"{said}{self.about(record, columns)}"

        return Layout(name, sentence, recognises, self.roles, self.rows, entry, **more)

    def roles(self, record: Record, columns: Columns) -> tuple[Role, ...]:
        """Whose log-probabilities a record has."""
        return roles_of(record, self.names, columns)

    def about(self, record: Record, columns: Columns) -> str:
        """What the columns that the user named are, or "" where there are none."""
        named = [f"{columns[place]} is {place}, as asked" for place in columns]
        return "".join(f"; {each}" for each in named) if record.value else ""

    def rows(self, record: Record, opening: Opening) -> Iterable[Row]:
        """The one sequence of a record.

        Raises:
            SpecError: a column is missing that the first record had, or they do not fit.
        """
        found = {role: column(record, self.names, opening.columns, role) for role in opening.roles}
        if missing := [role for role, name in found.items() if name is None]:
            help = [f"the first sequence has {', '.join(opening.roles)}; every other needs them too"]
            raise SpecError(f"{record.place}: there is no {missing[0]}", help=help)
        columns = {role: (name, usable(record, name)) for role, name in found.items() if name is not None}
        mask = self._mask(record, opening)
        log_probs, mask = fitted(record.place, columns, mask, opening.notices)
        if self.rejected(record):
            mask = [0] * max(map(len, log_probs.values()), default=0)
            opening.notices.count(_LEFT_OUT)
        if self.drops_first and mask is not None and len(mask) and mask[0]:
            mask = [0, *mask[1:]]
            opening.notices.count("the first token has no log-probability and does not count")
        yield Row(
            record.place,
            log_probs,
            mask,
            self._group(record, opening.columns),
            self.prompt(record, mask),
            _texts(record, log_probs),
        )

    def _mask(self, record: Record, opening: Opening) -> Any:
        name = column(record, self.names, opening.columns, "mask")
        if name is None:
            mask = self.mask(record) if self.mask else None
            if mask is None and (self.needs_mask or record.padded):
                raise _no_mask(record, self.names)
            return mask
        mask = mask_of(record.place, name, usable(record, name))
        factor = FACTORS.get(name)
        if factor is not None and "mask" not in opening.columns and record.value.get(factor) is not None:
            mask = _product(record, mask, factor)
            if not any(mask):
                opening.notices.count(_LEFT_OUT)
        return mask

    def _group(self, record: Record, columns: Columns) -> str | int | None:
        name = column(record, self.names, columns, "group")
        return self.group(record) if name is None else group_of(record, name)


def group_of(record: Record, name: str) -> str | int | None:
    """The group of a record, from a column.

    Raises:
        SpecError: its tokens have different ones.
    """
    value = first(usable(record, name))
    if isinstance(value, list | tuple) or hasattr(value, "tolist"):
        entries = value.tolist() if hasattr(value, "tolist") else list(value)
        if not entries:
            return None
        if any(each != entries[0] for each in entries):
            help = ["one group for a sequence", f"another column is the group: {OPTIONS['group']} COLUMN"]
            raise SpecError(f"{record.place}: {name} differs within the sequence", help=help)
        value = entries[0]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if value is None or isinstance(value, str | int) else str(value)


def token_ids(value: Any) -> tuple[int, ...] | None:
    """A list of token ids, None where it is none."""
    value = opened(value)
    entries = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(entries, list | tuple) or not all(isinstance(each, int | float) for each in entries):
        return None
    if any(each != each or each in (float("inf"), float("-inf")) for each in entries):
        return None
    return tuple(map(int, entries))


def before_first_counted(*names: str) -> Prompt:
    """The prompt as the tokens before the first that counts, of a column with the tokens of the whole sequence."""

    def prompt(record: Record, mask: Any) -> tuple[int, ...] | None:
        ids = next((token_ids(record.value[name]) for name in names if record.value.get(name) is not None), None)
        if ids is None or mask is None or len(ids) != len(mask):
            return None
        begin = next((at for at, counts in enumerate(mask) if counts), None)
        return ids[:begin] if begin else None

    return prompt


def has(value: Any, *names: str) -> bool:
    """Whether a record's value is a mapping with all these columns."""
    return isinstance(value, Mapping) and all(name in value for name in names)


def _product(record: Record, mask: Any, name: str) -> list[float]:
    factor = opened(usable(record, name))
    if not hasattr(factor, "__len__"):
        factor = [factor]
    factor = mask_of(record.place, name, list(factor))
    if len(factor) == 1:
        return [each * factor[0] for each in mask]
    if len(factor) != len(mask):
        help = [f"{name} of one entry, or of one for each token"]
        raise SpecError(f"{record.place}: {name} has {len(factor):,} entries, the mask {len(mask):,}", help=help)
    return [one * other for one, other in zip(mask, factor, strict=True)]


def _no_mask(record: Record, names: Names) -> SpecError:
    help = [
        "padding is 0.0 in most files, and so are log-probabilities of certain tokens: a mask has 1 where a token "
        "counts, 0 elsewhere; all 1 where nothing is padded",
        f"names that are known: {', '.join(names.mask or ('mask',))}; or {OPTIONS['mask']} COLUMN",
    ]
    what = "an array [sequences, tokens]" if record.padded else "a padded sequence"
    return SpecError(f"{record.place}: {what} needs a mask, and there is none", help=help)


def _texts(record: Record, log_probs: Mapping[Role, Any]) -> tuple[str, ...] | None:
    length = max(map(len, log_probs.values()), default=0)
    for name in TEXTS:
        value = record.value.get(name)
        if isinstance(value, list | tuple) and len(value) == length and all(isinstance(each, str) for each in value):
            return tuple(value)
    return None
