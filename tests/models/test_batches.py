"""How many sequences are drawn at once changes no token, and log-probabilities by rounding only."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from klbench.distributions.stream import stream_for
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


def test_a_number_means_the_first_token_above_it() -> None:
    probs = torch.tensor([[0.0, 0.25, 0.0, 0.5, 0.25, 0.0]], dtype=torch.float64)
    numbers = [1e-300, 0.2499, 0.2501, 0.7499, 0.7501, 1 - 2**-53]
    picked = pick(probs.log().expand(len(numbers), -1), torch.tensor(numbers, dtype=torch.float64))
    assert picked.tolist() == [1, 1, 3, 3, 4, 4]
    # cumulated probabilities that round below the number, which itself rounds to 1
    assert pick(probs.log(), torch.tensor([1.0], dtype=torch.float64)).tolist() == [4]
