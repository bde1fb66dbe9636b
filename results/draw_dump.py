"""Draws the dump of the spec ``known_dump`` from policies over sequences, and computes what its numbers should be.

A prompt decides how far q has drifted from p; the engine that answers has weights a little unlike q's. A row is one
answer in the neutral form of ``klbench explain data``, its log-probabilities with five digits after the point. Run it
to write the file again: the seed is fixed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from klbench.policies.build import table_of
from klbench.policies.table import ENDED, PolicyTable
from klbench.runner import run
from klbench.spec.cases import Case
from klbench.spec.read import read_text

DUMP = Path(__file__).parents[1] / "klbench" / "texts" / "known_dump.jsonl"
SEED = 0
PROMPTS = 128
ANSWERS = 4
DIGITS = 5
LENGTH = 32
SPEC = f"""\
name: known_dump_truth
samples: 1000
estimators: [k1, k2, k3, ratio*k3, ratio-sequence*k3]
pairs:
  - name: reference
    q: Markov(vocab=12, scale=1.5, seed=1, length={LENGTH}, eos=0)
    p: Perturb(q, scale={{drift}}, seed=2)
    sampler: Perturb(q, scale=0.2, seed=3)
    grid: {{drift: [0.1, 0.2, 0.4, 0.8]}}
  - name: mismatch
    q: Perturb(Markov(vocab=12, scale=1.5, seed=1, length={LENGTH}, eos=0), scale=0.2, seed=3)
    p: Markov(vocab=12, scale=1.5, seed=1, length={LENGTH}, eos=0)
"""
"""The policies. A prompt has one of the drifts, each as likely as the others."""

Truth = Mapping[tuple[str, str], float]


def truth() -> Truth:
    """The exact mean of each estimator, summed over an answer, by pair and estimator, nats."""
    cases = run(read_text(SPEC, "draw_dump.py"), device="cpu").cases
    means: dict[tuple[str, str], list[float]] = {}
    for case in cases:
        for row in case.rows:
            means.setdefault((case.case.pair, row.estimator), []).append(row.true * (1 + row.exact_bias_over_true))
    return {which: float(np.mean(each)) for which, each in means.items()}


def policies() -> tuple[Case, ...]:
    """What the prompts are answered by: a case for each drift."""
    return tuple(case for case in read_text(SPEC, "draw_dump.py").cases() if case.pair == "reference")


def text() -> str:
    """The dump: a line for each answer, the answers to one prompt together."""
    random = np.random.default_rng(SEED)
    tables = [[table_of(role) for role in (case.q, case.p, case.sampler) if role is not None] for case in policies()]
    lines = []
    for prompt in range(PROMPTS):
        q, p, sampler = tables[random.integers(len(tables))]
        for _ in range(ANSWERS):
            cells = list(_answer(sampler, random))
            named = {"log_q": q, "log_p": p, "log_sampler": sampler}
            row = {name: [_log_prob(table, *cell) for cell in cells] for name, table in named.items()}
            lines.append(json.dumps({**row, "group": prompt}, separators=(",", ":")))
    return "\n".join(lines) + "\n"


def _answer(table: PolicyTable, random: np.random.Generator) -> Iterator[tuple[int, int]]:
    """The states and tokens of one answer."""
    state = table.start
    for _ in range(table.length):
        reached = table.log_probs[state].exp().numpy().cumsum()
        token = min(int(np.searchsorted(reached, random.random(), side="right")), table.vocabulary - 1)
        yield state, token
        state = int(table.following[state, token])
        if state == ENDED:
            return


def _log_prob(table: PolicyTable, state: int, token: int) -> float:
    return round(float(table.log_probs[state, token]), DIGITS)


if __name__ == "__main__":
    DUMP.write_text(text(), encoding="utf-8")
    for (pair, estimator), mean in truth().items():
        print(f"{pair}, {estimator}: {mean!r}")  # noqa: T201
