"""The words for how an estimator is measured: what of it, where it is put, how it is weighted, in which precision.

Specs are written in them, rows are labelled with them. The first of each is what a spec means that says nothing, except
for placements, which have no default.
"""

from __future__ import annotations

from typing import Literal, get_args

Measure = Literal["value", "gradient"]
Placement = Literal["loss", "reward"]
Weighting = Literal["none", "ratio", "detached", "ratio-sequence", "ratio-geometric"]
BaselineName = Literal["none", "mean", "leave-one-out"]
LevelName = Literal["token", "sequence"]
Aggregation = Literal["seq-mean-token-sum", "seq-mean-token-mean", "token-mean", "seq-mean-token-sum-norm"]
Dtype = Literal["float64", "float32", "bfloat16", "float16"]

MEASURES: tuple[Measure, ...] = get_args(Measure)
PLACEMENTS: tuple[Placement, ...] = get_args(Placement)
WEIGHTINGS: tuple[Weighting, ...] = get_args(Weighting)
BASELINES: tuple[BaselineName, ...] = get_args(BaselineName)
LEVELS: tuple[LevelName, ...] = get_args(LevelName)
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)
DTYPES: tuple[Dtype, ...] = get_args(Dtype)

FULL_PRECISION: Dtype = "float64"
"""The precision the truth is computed in."""


REVERSE_KL = "reverse KL"
"""The name of the divergence that most estimators are meant to estimate, KL(q‖p)."""


def level_called(level: str, aggregation: str) -> str:
    """``sequence``, ``token-mean``; empty for the sum over tokens, which is the default, and for single draws."""
    return level if level == "sequence" else aggregation.removesuffix("seq-mean-token-sum")


def placed(placement: str, weighting: str) -> str:
    """``loss``, ``loss × ratio``, ``reward × detached``."""
    return placement if weighting == "none" else f"{placement} × {weighting}"
