"""What is drawn is scored as a plain forward pass scores it: one sequence at a time, without a cache or padding."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from klbench.distributions.stream import stream_for
from klbench.models import drawing
from klbench.models.drawing import Drawn, draw
from klbench.problems.checkpoints import FULL, Checkpoints
from tests.models.conftest import Bench
from tests.models.tiny import EOS, VOCABULARY

CLOSE = 2e-5
"""float32: 7 digits of logits of about 10, summed in another order."""
LENGTH = 12
COUNT = 8


def drawn(problem: Checkpoints, count: int = COUNT, seed: int = 0) -> tuple[list[list[int]], Drawn]:
    prompts = [problem.prompts[number % len(problem.prompts)] for number in range(count)]
    uniforms = stream_for(seed, b"test", 0).uniform(count, problem.tokens)
    return prompts, draw(problem.cast, prompts, uniforms)


def rows_of(bench: Bench, name: str, prompt: list[int], answer: list[int], temperature: float = 1.0) -> Tensor:
    """Every token's log-probability at each place of an answer [T, V], by one plain pass in float32."""
    model = AutoModelForCausalLM.from_pretrained(bench.folder / name, dtype=torch.float32)
    with torch.no_grad():
        logits = model(torch.tensor([prompt + answer]), use_cache=False).logits[0]
    return (logits[len(prompt) - 1 : -1].double() / temperature).log_softmax(-1)


def answers(of: Drawn) -> list[list[int]]:
    return [tokens.tolist() for tokens in of.tokens.split(of.lengths.tolist())]


@pytest.mark.parametrize("stretch", [1, 5, 10**6])
@pytest.mark.parametrize(("q", "p"), [("q", "p"), ("llama", "q")])
def test_log_probs_are_those_of_a_plain_pass(
    bench: Bench, q: str, p: str, stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "STRETCH_NUMBERS", stretch * COUNT * VOCABULARY)
    problem = bench.problem(
        f'Model("{q}", temperature=0.8)', f'Model("{p}")', f'Model("{q}", temperature=1.3)', length=LENGTH
    )
    prompts, of = drawn(problem)
    at = 0
    for prompt, answer in zip(prompts, answers(of), strict=True):
        here = slice(at, at + len(answer))
        rows = {
            "log_q": rows_of(bench, q, prompt, answer, 0.8),
            "log_p": rows_of(bench, p, prompt, answer),
            "log_sampler": rows_of(bench, q, prompt, answer, 1.3),
        }
        for role, row in rows.items():
            expected = row.gather(1, torch.tensor(answer)[:, None])[:, 0]
            torch.testing.assert_close(of.log_probs[role][here], expected, rtol=0, atol=CLOSE)
        full = (rows["log_q"].exp() * (rows["log_q"] - rows["log_p"])).sum(1)
        torch.testing.assert_close(of.known[0][here], full, rtol=0, atol=10 * CLOSE)
        at += len(answer)
    assert at == len(of.tokens)


def test_estimators_of_whole_distributions_are_those_of_the_rows(bench: Bench) -> None:
    problem = bench.problem('Model("q")', 'Model("p")', estimators=["topk(3)", "topk_head(3)", "topk_bucket(3)"])
    assert list(problem.wanted) == [FULL, "topk(3)", "topk_head(3)", "topk_bucket(3)"]
    prompts, of = drawn(problem, count=4)
    at = 0
    for prompt, answer in zip(prompts, answers(of), strict=True):
        log_q, log_p = rows_of(bench, "q", prompt, answer), rows_of(bench, "p", prompt, answer)
        for place, token in enumerate(answer):
            q, p = log_q[place], log_p[place]
            inside = q.topk(3).indices.tolist()
            head = sum(exp(q[k]) * float(q[k] - p[k]) for k in inside)
            rest_q, rest_p = (1 - sum(exp(row[k]) for k in inside) for row in (q, p))
            outside = 0.0 if token in inside else float(q[token] - p[token])
            expected = [head + outside, head, head + rest_q * log(rest_q / rest_p)]
            known = [float(values[at + place]) for values in of.known[1:]]
            assert known == pytest.approx(expected, abs=20 * CLOSE)
        at += len(answer)


def test_an_eos_ends_a_sequence_and_counts(bench: Bench) -> None:
    _, of = drawn(bench.problem('Model("q")', 'Model("p")', length=40), count=64)
    ended = [answer for answer in answers(of) if EOS in answer]
    assert ended
    assert all(answer.index(EOS) == len(answer) - 1 for answer in ended)
    assert all(len(answer) == 40 for answer in answers(of) if EOS not in answer)


def test_the_first_token_comes_as_often_as_it_should(bench: Bench) -> None:
    """Chi-square over tokens; fails in one of a million seeds."""
    from scipy.stats import chi2

    count = 20_000
    problem = bench.problem('Model("q", temperature=0.7)', 'Model("p")', length=1)
    prompt = problem.prompts[0]
    uniforms = stream_for(5, b"chi-square", 0).uniform(count, 1)
    of = draw(problem.cast, [prompt] * count, uniforms)
    probs = rows_of(bench, "q", prompt, [EOS], 0.7)[0].exp()
    expected, seen = probs * count, torch.bincount(of.tokens, minlength=VOCABULARY).double()
    many = expected >= 5
    tail = torch.stack([expected[~many].sum(), seen[~many].sum()])
    expected, seen = torch.cat([expected[many], tail[:1]]), torch.cat([seen[many], tail[1:]])
    statistic = float(((seen - expected) ** 2 / expected.clamp(min=1e-300)).sum())
    assert statistic < chi2.isf(1e-6, len(expected) - 1)


def test_top_p_of_a_sampler_is_cut_and_its_weight_is_known(bench: Bench) -> None:
    problem = bench.problem('Model("q")', 'Model("p")', 'TopP(Model("q"), 0.6)')
    prompts, of = drawn(problem)
    weight = of.log_probs["log_q"] - of.log_probs["log_sampler"]
    assert float(weight.max()) < 0
    assert float(weight.min()) >= log(0.6) - CLOSE
    first = answers(of)[0]
    row = rows_of(bench, "q", prompts[0], first)[0].exp()
    kept = row.sort(descending=True).values.cumsum(0)
    assert row[first[0]] >= row.sort(descending=True).values[int((kept < 0.6).sum())]


def test_one_model_in_two_precisions_is_loaded_twice_and_one_in_one_precision_once(bench: Bench) -> None:
    both = bench.problem('Model("q", dtype=bfloat16)', 'Model("q", dtype=float32)').cast
    assert both.q.loaded.model.dtype == torch.bfloat16
    assert both.p.loaded.model.dtype == torch.float32
    one = bench.problem('Model("q")', 'Model("q", temperature=0.5)', 'Model("q", temperature=2)').cast
    assert one.sampler is not None
    assert one.q.loaded is one.p.loaded is one.sampler.loaded


def test_a_model_and_itself_have_no_kl_at_all(bench: Bench) -> None:
    _, of = drawn(bench.problem('Model("q", dtype=bfloat16)', 'Model("q", dtype=bfloat16)'))
    assert torch.equal(of.log_probs["log_q"], of.log_probs["log_p"])
    assert not of.known[0].any()


def test_two_precisions_differ_by_about_the_narrower_ones_step(bench: Bench) -> None:
    _, of = drawn(bench.problem('Model("q", dtype=float32)', 'Model("q", dtype=bfloat16)'))
    apart = (of.log_probs["log_q"] - of.log_probs["log_p"]).abs()
    assert 1e-4 < float(apart.max()) < 1.0
    assert float(of.known[0].min()) >= -1e-6
