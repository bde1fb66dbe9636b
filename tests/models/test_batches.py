"""How many sequences are drawn at once changes no token, and log-probabilities by rounding only."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from klbench.distributions.stream import stream_for
from klbench.models import drawing
from klbench.models.drawing import Drawn, draw, pick
from klbench.problems.checkpoints import Checkpoints
from tests.models.conftest import Bench

COUNT = 30
CLOSE = 2e-5


def in_batches(problem: Checkpoints, size: int) -> list[Drawn]:
    stream = stream_for(3, b"batches", 0)
    drawn = []
    for first in range(0, COUNT, size):
        count = min(size, COUNT - first)
        prompts = [problem.prompts[number % len(problem.prompts)] for number in range(first, first + count)]
        drawn.append(draw(problem.cast, prompts, stream.uniform(count, problem.tokens)))
    return drawn


def together(drawn: list[Drawn], role: str) -> Tensor:
    return torch.cat([each.log_probs[role] for each in drawn])


@pytest.mark.parametrize("name", ["q", "llama"])
def test_tokens_do_not_depend_on_the_batch(bench: Bench, name: str) -> None:
    problem = bench.problem(f'Model("{name}")', 'Model("p")', length=20)
    whole = in_batches(problem, COUNT)
    for size in (1, 7):
        parts = in_batches(problem, size)
        assert torch.equal(torch.cat([each.tokens for each in parts]), whole[0].tokens)
        assert torch.equal(torch.cat([each.lengths for each in parts]), whole[0].lengths)
        for role in ("log_q", "log_p"):
            torch.testing.assert_close(together(parts, role), together(whole, role), rtol=0, atol=CLOSE)


def test_a_sample_is_decided_by_seed_block_and_number(bench: Bench) -> None:
    """Asked for in other pieces, of a block asked for alone: the same sequences."""
    one, other = (bench.problem('Model("q")', 'Model("p")') for _ in range(2))
    whole = one.block(7, 2)(9)
    draw_more = other.block(7, 2)
    parts = [draw_more(2), draw_more(7)]
    assert torch.equal(torch.cat([each.lengths for each in parts]), whole.lengths)
    assert torch.equal(torch.cat([each.groups for each in parts]), whole.groups)
    torch.testing.assert_close(torch.cat([each.log_q for each in parts]), whole.log_q, rtol=0, atol=CLOSE)
    assert len({tuple(one.block(seed, number)(9).log_q.tolist()) for seed, number in ((7, 2), (7, 3), (8, 2))}) == 3


def test_prompts_are_taken_in_turn_over_blocks(bench: Bench) -> None:
    problem = bench.problem('Model("q")', 'Model("p")', length=1)
    (bench.folder / "prompts.txt").write_text("w1\nw2\nw3\n", encoding="utf-8")
    size = problem.sequences_of_block
    groups = torch.cat([problem.block(0, number)(size).groups for number in range(3)])
    assert groups.tolist() == [number % 3 for number in range(3 * size)]


def test_a_number_is_mixed_as_splitmix64_does() -> None:
    """The first outputs of the published generator for the seed 1234567."""
    state = 1234567 + torch.arange(1, 4) * drawing._GAMMA
    mixed = [value % 2**64 for value in drawing._mixed(state).tolist()]
    assert mixed == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_tokens_are_picked_as_often_as_they_are_likely() -> None:
    """Chi-square over tokens; fails in one of a million seeds. What has no mass is never picked."""
    probs, count = torch.tensor([0.0, 0.3, 0.0, 0.05, 0.6, 0.05, 0.0], dtype=torch.float64), 200_000
    uniforms = stream_for(0, b"pick", 0).uniform(count)
    seen = torch.bincount(pick(probs.log().expand(count, -1), uniforms), minlength=len(probs))
    expected = probs * count
    there = probs > 0
    assert not seen[~there].any()
    statistic = float(((seen - expected)[there] ** 2 / expected[there]).sum())
    assert statistic < chi2.isf(1e-6, int(there.sum()) - 1)


def test_a_row_that_rounds_otherwise_changes_few_tokens() -> None:
    """Of 20,000 tokens drawn twice, with log-probabilities that differ by some 1e-5, hardly one is another."""
    stream = stream_for(0, b"coupled", 0)
    rows, vocabulary, apart = 200, 2000, 1e-5
    changed = 0
    for _ in range(100):
        logits = 2 * stream.normal(rows, vocabulary)
        moved = logits + apart * stream.normal(rows, vocabulary)
        uniforms = stream.uniform(rows)
        changed += int((pick(logits.log_softmax(1), uniforms) != pick(moved.log_softmax(1), uniforms)).sum())
    # about 20,000 x 1e-5 are; more than 8 in one of a million seeds
    assert changed <= 8
