"""Checkpoints of real models, as expressions. What they are is known once they are loaded (``klbench.models``)."""

from __future__ import annotations

from dataclasses import replace

from klbench.distributions.constraints import CHECKPOINT, MODEL_DTYPE, POSITIVE, REVISION
from klbench.distributions.expression import Text
from klbench.distributions.families.categories import CATEGORICAL
from klbench.distributions.family import Family, Parameter
from klbench.distributions.support import Space

MODEL = "Model"
"""What a checkpoint is written as."""

FAMILIES: tuple[Family, ...] = (
    replace(
        CATEGORICAL,
        name=MODEL,
        summary="A checkpoint of a language model, loaded with transformers: a folder, or a name on a hub. The pair "
        "has the keys prompts and length. dtype is the precision of its weights and of its arithmetic, auto that of "
        "its files; its logits are divided by the temperature.",
        parameters=(
            Parameter("name", CHECKPOINT),
            Parameter("dtype", MODEL_DTYPE, Text("auto")),
            Parameter("temperature", POSITIVE, 1),
            Parameter("revision", REVISION, optional=True),
        ),
        alternatives=(),
        support_text="sequences of tokens, which answer the prompts of a file",
        support=lambda _: Space("sequences of tokens"),
        categories=lambda _: None,
        examples=(
            'Model("owner/name", dtype=bfloat16, temperature=1.0)',
            'Model("owner/name", dtype=float32, revision="main")',
        ),
        scores={},
        length=lambda _: None,
        checkpoint=True,
    ),
)
