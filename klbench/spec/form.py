"""A mapping that the user fills in, and the parts of a spec that more than one such mapping has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from klbench.row import Row, columns_of
from klbench.spec.cases import Expectation
from klbench.spec.fields import EstimatorName, FiniteNumber, OneAggregation, OneDtype, OneLevel
from klbench.spec.refusal import Refusal, shown, unknown_key


class Form(BaseModel):
    """A mapping the user fills in. It refuses a key it does not know, at that key; an empty value is as none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    noun: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _keys_are_right(cls, written: Any) -> Any:
        if not isinstance(written, Mapping):
            allowed = f"a mapping with the keys {', '.join(cls.model_fields)}"
            raise Refusal(f"{cls.noun} cannot be {shown(written)}", help=[allowed])
        for key in written:
            if key not in cls.model_fields:
                raise unknown_key(key, cls.model_fields, of=cls.noun)
        given = {key: value for key, value in written.items() if value is not None}
        for name, field in cls.model_fields.items():
            if field.is_required() and name not in given:
                raise Refusal(f"{cls.noun} needs {name}", help=[f"{name}: {field.description}"])
        return given


class Published(Form):
    """A published value and how far from it a measured one may be."""

    noun: ClassVar[str] = "an expected value"

    value: FiniteNumber = Field(description="The published value.")
    within: FiniteNumber = Field(
        description="The distance allowed beyond 5 MCSE, such as half a unit in the last published digit."
    )
    dtype: OneDtype | None = Field(
        default=None, description="The precision it is of, one of the spec's; without it every row of the estimator."
    )

    level: OneLevel | None = Field(
        default=None,
        description="Policies over sequences only. The level of the row it is of. Default: that which the spec has, "
        "token if it has both.",
    )
    aggregation: OneAggregation | None = Field(
        default=None,
        description="Policies over sequences only. The aggregation of the row it is of. Default: that which the spec "
        "has, of several seq-mean-token-sum.",
    )

    @model_validator(mode="after")
    def _within_is_a_distance(self) -> Self:
        if self.within < 0:
            raise Refusal(f"within is {self.within}", help=["a number >= 0"], path=("within",))
        return self

    @property
    def expectation(self) -> Expectation:
        """The same, as the checks have it."""
        return Expectation(self.value, self.within, self.dtype, self.level, self.aggregation)


EXPECTED = "expect: {k1: {mean: {value: 0.5, within: 0.001}}}"
"""How published values are written."""


def _estimators_and_columns(written: Any) -> Any:
    """Refuse published values that no estimator or no column is said of."""
    if not isinstance(written, Mapping):
        raise Refusal(f"expect cannot be {shown(written)}", help=[f"by estimator and column: {EXPECTED}"])
    for name, columns in written.items():
        if name in Published.model_fields:
            missing = "neither estimator nor column"
        elif not isinstance(columns, Mapping) or Published.model_fields.keys() & columns.keys():
            missing = "no estimator" if name in columns_of(Row) else "no column"
        else:
            continue
        message = f"there is {missing} of the results at this value"
        raise Refusal(message, help=[f"by estimator and column: {EXPECTED}"], path=(name,))
    return written


Expected = Annotated[Mapping[EstimatorName, Mapping[str, Published]], BeforeValidator(_estimators_and_columns)]
"""Published values by estimator and column."""


def expectations(expect: Expected) -> dict[str, dict[str, Expectation]]:
    """The same as a case has them."""
    return {
        estimator: {name: published.expectation for name, published in columns.items()}
        for estimator, columns in expect.items()
    }
