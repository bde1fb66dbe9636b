"""A pair of a spec whose log-probabilities a run has saved: its files, and which columns are whose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from klbench.distributions.expression import Expression, Reference
from klbench.dumps.source import Side, Source, files_of, sides_of
from klbench.errors import choice_of
from klbench.spec.cases import Case
from klbench.spec.fields import ESTIMATOR, Compared, DataFiles, PairName, Text, folder_of
from klbench.spec.form import Expected, Form, expectations
from klbench.spec.refusal import Refusal, refusing, shown
from klbench.wording import counted, joined

_HELD = ("sequence", "token", "group")
COLUMNS = ("log_q", "log_p", "log_sampler", "mask", "group")
"""What a column may be."""


class DataPair(Form):
    """Log-probabilities that a run has saved, one row a sequence."""

    noun: ClassVar[str] = "a pair of data"

    data: DataFiles = Field(
        description="The files of log-probabilities, relative to the spec's folder: a path, a pattern or a list. "
        ".jsonl, .csv, .npz, .safetensors, .pt, .parquet."
    )
    columns: Mapping[str, Text] = Field(
        default_factory=dict,
        description="Which columns are whose, where their names do not say: {log_q: ..., log_p: ..., log_sampler: ..., "
        "mask: ..., group: ...}.",
        json_schema_extra={"propertyNames": {"enum": list(COLUMNS)}},
    )
    skip_bad: bool = Field(
        False,
        description="Whether sequences with NaN, infinite or positive log-probabilities are left out, counted and "
        "named. Default: they are an error.",
    )
    compare: Compared | None = Field(
        None,
        description="Which comparison is measured where the files have all three columns: reference, q with p, or "
        "mismatch, the engine that drew the tokens with q. Default: both.",
    )
    name: PairName = Field(
        default_factory=lambda read: Path(read["data"][0]).name.partition(".")[0] or "data",
        description="What the pair is called in the results.",
    )
    expect: Expected = Field(
        default_factory=dict,
        description="Published values by estimator and column, checked by --check in every case of the pair.",
        json_schema_extra={"propertyNames": {**ESTIMATOR}},
    )
    _sides: tuple[Side, ...] = PrivateAttr(default=())
    _said: str = PrivateAttr(default="")
    _entry: str | None = PrivateAttr(default=None)
    _known: tuple[str, ...] = PrivateAttr(default=())

    @field_validator("columns", mode="before")
    @classmethod
    def _columns_are_known(cls, written: Any) -> Any:
        if isinstance(written, Mapping):
            for name in written:
                if name not in COLUMNS:
                    raise Refusal(f"{shown(name)} is no column", help=choice_of(str(name), COLUMNS), path=(name,))
        return written

    @model_validator(mode="after")
    def _files_are_there(self, info: ValidationInfo) -> Self:
        from klbench.dumps.read import ensure_two_roles, open_dump

        with refusing("data"):
            paths = files_of(self.data, folder_of(info.context))
            opened = open_dump([Path(path) for path in paths], self.columns)
            ensure_two_roles(opened)
            source = Source(paths, tuple(self.columns.items()), self.skip_bad)
            self._sides = sides_of(source, opened.roles)
        if self.compare is not None:
            self._sides = tuple(replace(side, called="") for side in self._sides if side.kind == self.compare)
            if not self._sides:
                help = [
                    f"the files have {joined(opened.roles)}",
                    "take compare out, or name the column that is missing",
                ]
                raise Refusal(f"there is no {self.compare} to measure", help=help, path=("compare",))
        # what is known of whole distributions is of q and p, and of no other comparison
        known = opened.known if all(side.kind == "reference" for side in self._sides) else ()
        self._said, self._entry, self._known = opened.said, opened.entry, tuple(known)
        return self

    def said(self) -> Iterator[str]:
        """What the files are, and what they hold, in a line each.

        Raises:
            SpecError, RunError: they cannot be read.
        """
        yield self._said
        packed = self._sides[0].source.loaded().packed
        held = (
            counted(n, noun) for n, noun in zip((packed.sequences, packed.tokens, packed.groups), _HELD, strict=True)
        )
        yield " · ".join(held)

    @property
    def entry(self) -> str | None:
        """What the framework whose file it is ships, for its own KL; None where there is none."""
        return self._entry

    @property
    def known(self) -> tuple[str, ...]:
        """The estimators of whole distributions that the files know."""
        return self._known

    @property
    def grid(self) -> Mapping[str, tuple[float, ...]]:
        """A file has no grid."""
        return {}

    @property
    def roles(self) -> dict[str, Expression]:
        """No distribution is given."""
        return {}

    @property
    def has_sequences(self) -> bool:
        """A row is a sequence."""
        return True

    def cases(self) -> Iterator[Case]:
        """What is compared: the KL to the reference, the mismatch of trainer and engine, or both."""
        for side in self._sides:
            name = f"{self.name}: {side.called}" if len(self._sides) > 1 else self.name
            sampler = None if side.sampler is None else Reference(side.sampler)
            yield Case(name, Reference(side.q), Reference(side.p), sampler, expect=expectations(self.expect), data=side)
