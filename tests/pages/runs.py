"""Small runs that were really measured, as the texts of their files: every kind of table that a page can have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from klbench.pages.run import Run
from klbench.report.folder import to_files
from klbench.runner import run
from klbench.spec.read import read_text

VALUES = """\
name: values
description: Is k1 noisier than k3?
samples: 2000
estimators: [k1, k2, k3]
pairs:
  - {name: close, q: "N(0, 1)", p: "N(0.1, 1)"}
  - {name: heavy, q: "N(0, 1)", p: "StudentT(df=2)"}
  - {name: infinite, q: "N(0, 1)", p: "Uniform(0, 1)"}
"""
GRID = """\
name: grid
samples: 2000
estimators: [k1, k3]
dtype: [float64, float16]
pairs:
  - {name: shift, q: "N(0, 1)", p: "N({mu}, 1)", grid: {mu: [0.1, 1, 2]}}
"""
GRADIENTS = """\
name: gradients
measure: [value, gradient]
samples: 2000
estimators: [k1, k3, verl:low_var_kl]
pairs:
  - {name: Gaussians, q: "N(0, 1)", p: "N(0.5, 1)"}
"""
SEQUENCES = """\
name: sequences
samples: 500
level: [token, sequence]
estimators: [k1, full]
pairs:
  - {name: answers, q: "Markov(vocab=4, scale=1, seed=1, length=3)", p: "Perturb(q, scale=0.3, seed=2)"}
"""
COMPONENTS = """\
name: components
measure: gradient
samples: 2000
estimators: [k1, k3]
pairs:
  - name: eight tokens
    q: Categorical(logits=[0.3, 0, -0.2, 1, 0.5, -1, 0.1, 0.7])
    p: Categorical(logits=[0, 0.4, -0.3, 1.2, 0.4, -1, 0, 0.6])
"""
HOSTILE = (
    "<script>alert(1)</script> & ]]>",
    "\"quoted\" 'single' &amp; </style>",
    "<!-- --> <img src=x onerror=alert(1)>",
)
SPECS = {"values": VALUES, "grid": GRID, "gradients": GRADIENTS, "sequences": SEQUENCES, "components": COMPONENTS}


@cache
def files(name: str) -> Mapping[str, str]:
    """The texts of a run's files by name."""
    results = run(read_text(SPECS[name], "spec.yaml"), device="cpu", threads=1)
    made = to_files(results, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    return {file: text for file, text in made.items() if text is not None}


def read_back(name: str) -> Run:
    """The run with this name, from its files."""
    texts = files(name)
    return Run.of(texts.get, tuple(texts), name)
