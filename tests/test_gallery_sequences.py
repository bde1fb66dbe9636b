"""What the gallery says of policies over sequences, on exact columns, so that no test here fails by chance."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from itertools import pairwise
from types import ModuleType
from unittest.mock import patch

import numpy as np
import pytest
import torch

from klbench.policies.build import table_of
from klbench.results import CaseResult
from klbench.row import Row
from tests.test_gallery import ROOT, by_estimator, cases, exact_gradient


@pytest.fixture(scope="module")
def gallery() -> Iterator[ModuleType]:
    """The module that makes the page."""
    with patch.object(sys, "path", [str(ROOT / "results"), *sys.path]):
        yield importlib.import_module("gallery")


TOKEN_SUM = "seq-mean-token-sum"


def at_level(case: CaseResult, estimator: str, level: str = TOKEN_SUM) -> Row:
    """The row of an estimator of values at an aggregation, or at level ``sequence``."""
    return next(r for r in case.rows if r.estimator == estimator and (r.aggregation or r.level or level) == level)


def test_sequence_k3_of_tokens_is_unbiased_and_of_sequences_explodes(gallery: ModuleType) -> None:
    results = gallery.committed("sequence_k3")
    token, sequence = ([at_level(c, "k3", level) for c in results.cases] for level in (TOKEN_SUM, "sequence"))
    assert all(row.exact_bias_over_true == pytest.approx(0, abs=1e-9) for row in (*token, *sequence))
    assert all(one.exact_stdev_over_true > other.exact_stdev_over_true for one, other in pairwise(token))
    assert sequence[-1].exact_stdev_over_true > 3000 > 10 > sequence[-1].stdev_over_true
    for case in results.cases:
        one, other = (at_level(case, "k1", level) for level in (TOKEN_SUM, "sequence"))
        assert one.exact_stdev_over_true == pytest.approx(other.exact_stdev_over_true, rel=1e-9)
        assert abs(at_level(case, "k2").exact_bias_over_true) < 0.02
    biases = [at_level(case, "k2", "sequence").exact_bias_over_true for case in results.cases]
    assert biases[0] == pytest.approx(0.057, abs=0.001)
    assert biases[-1] == pytest.approx(5.1, abs=0.05)


def test_aggregations_are_those_of_the_public_thread(gallery: ModuleType) -> None:
    """Token KLs of two answers (1 on average, six times) and (9, once): pooled 15/7, mean of means 5."""
    (case,) = cases(gallery.committed("aggregations"), "two answers")
    whole, pooled, means = (at_level(case, "k1", each) for each in (TOKEN_SUM, "token-mean", "seq-mean-token-mean"))
    assert whole.true == pytest.approx(7.5, rel=1e-9)
    assert pooled.true == pytest.approx(15 / 7, rel=1e-9)
    assert means.true * (1 + means.exact_bias_over_true) == pytest.approx(5, rel=1e-9)
    first = 0.5 * 9 + 0.5 * math.log(0.5 / 0.9999382950979566)
    later = -5 * math.log(0.2622080268256932)
    assert means.true == pytest.approx(0.5 * first + 0.5 * (first + later) / 6, rel=1e-9)


def test_aggregations_only_a_mean_of_means_is_biased(gallery: ModuleType) -> None:
    (case,) = cases(gallery.committed("aggregations"), "an end of sequence")
    for row in case.rows:
        biased = row.aggregation == "seq-mean-token-mean" and row.estimator != "full"
        assert (abs(row.exact_bias_over_true) > 0.03) == biased
        assert biased or row.exact_bias_over_true == pytest.approx(0, abs=1e-9)
    for name in ("k1", "k3", "full"):
        one, other = (at_level(case, name, each) for each in (TOKEN_SUM, "seq-mean-token-sum-norm"))
        assert other.true == pytest.approx(one.true / 24, rel=1e-12)
        assert one.exact_stdev_over_true == pytest.approx(other.exact_stdev_over_true, rel=1e-12)


def losses(case: CaseResult) -> dict[tuple[str, str, str], Row]:
    return {(row.estimator, row.level, row.placement): row for row in case.rows}


def test_token_losses_meet_the_published_gradients(gallery: ModuleType) -> None:
    """Two binary tokens: the logits of the first one, of the second after 0 and after 1."""
    (case,) = cases(gallery.committed("token_losses"), "two tokens")
    rows = losses(case)
    assert case.kl == pytest.approx(0.2492599527, abs=1e-10)
    published = {
        ("k1", "token", "reward"): (0.15510609, -0.08370563, 0.17717129),
        ("k1-return", "token", "reward"): (0.15510609, -0.08370563, 0.17717129),
        ("k2", "token", "loss"): (0.11750186, -0.08370563, 0.17717129),
        ("k3", "token", "loss"): (0.12245933, -0.0916028, 0.22857481),
        ("k3", "sequence", "loss"): (0.12245933, -0.12131514, 0.18360622),
    }
    for which, gradient in published.items():
        # of two logits the second one of each state: the first token comes last
        exact = exact_gradient(rows[which])
        assert exact[[5, 1, 3]] == pytest.approx(gradient, abs=1e-8)
        assert exact[[4, 0, 2]] == pytest.approx(-exact[[5, 1, 3]], abs=1e-12)


def test_token_losses_full_in_the_loss_and_in_the_reward_are_the_gradient(gallery: ModuleType) -> None:
    for case in gallery.committed("token_losses").cases:
        rows = losses(case)
        parts = [exact_gradient(rows["full", "token", place]) for place in ("loss", "reward")]
        whole = exact_gradient(rows["k1", "token", "reward"])
        np.testing.assert_allclose(parts[0] + parts[1], whole, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(exact_gradient(rows["k2", "token", "loss"]), parts[0], rtol=1e-8, atol=1e-10)
        assert rows["k2", "sequence", "loss"].exact_stdev_over_true == pytest.approx(
            rows["k1", "token", "reward"].exact_stdev_over_true, rel=1e-8
        )
        assert [rows[name, "token", "loss"].follows for name in ("k2", "k3", "full")] == [
            "token-local KL(q‖p)",
            "token-local KL(p‖q)",
            "token-local KL(q‖p)",
        ]


def test_full_noise_is_less_but_for_opposed_rows(gallery: ModuleType) -> None:
    opposed, ordinary = map(by_estimator, gallery.committed("full_noise").cases)
    assert opposed["full"].exact_stdev_over_true > 1.2 * opposed["k1"].exact_stdev_over_true
    assert ordinary["full"].exact_stdev_over_true < ordinary["k1"].exact_stdev_over_true / 10
    # two prefixes, equally likely: the first token's KL is shared, and one of the two has the second's
    second = 0.01 * math.log(0.01 / 0.99) + 0.99 * math.log(0.99 / 0.01)
    assert opposed["full"].exact_stdev_over_true * opposed["full"].true == pytest.approx(second / 2, rel=1e-9)


def test_top_k_of_the_teacher_is_as_published(gallery: ModuleType) -> None:
    teacher, chain = map(by_estimator, gallery.committed("top_k").cases)
    head, bucket = (teacher[name] for name in ("topk_head(2)", "topk_bucket(2)"))
    assert head.true * (1 + head.exact_bias_over_true) == pytest.approx(-0.1349305, abs=1e-7)
    assert bucket.true * (1 + bucket.exact_bias_over_true) == pytest.approx(0.0609350, abs=1e-7)
    assert teacher["full"].true == pytest.approx(0.0686009, abs=1e-7)
    for rows in (teacher, chain):
        assert all(
            rows[name].exact_bias_over_true == pytest.approx(0, abs=1e-9) for name in ("topk(2)", "topk(4)", "full")
        )
        assert all(rows[f"topk_bucket({k})"].exact_bias_over_true < 1e-9 for k in (2, 4))
    noise = [chain[name].exact_stdev_over_true for name in ("k1", "topk(2)", "topk(4)", "k3", "full")]
    assert noise == sorted(noise, reverse=True)


def test_truncated_samplers_no_weight_brings_back_what_is_not_drawn(gallery: ModuleType) -> None:
    cool, *cut, own = map(by_estimator, gallery.committed("truncated_samplers").cases)
    for name in ("ratio-sequence*k1", "ratio-sequence*k3"):
        assert cool[name].exact_bias_over_true == pytest.approx(0, abs=1e-9)
    for name in ("ratio*k1", "ratio*k3"):
        assert cool[name].exact_bias_over_true == pytest.approx(cool["full"].exact_bias_over_true, abs=1e-9)
    for rows in cut:
        weighted = [rows[f"{weight}k1"].exact_bias_over_true for weight in ("", "ratio*", "ratio-sequence*")]
        assert 0 > weighted[0] > weighted[1] > weighted[2]
    assert own["k1"].exact_bias_over_true == pytest.approx(0, abs=1e-9)
    assert own["k3"].exact_bias_over_true < -0.6


def test_truncated_samplers_k1_is_low_by_the_log_of_the_kept_mass(gallery: ModuleType) -> None:
    """Added up over the sampler's prefixes, from the tables: what k1 lacks of the KL of what is really written."""
    *_, cut, own = gallery.committed("truncated_samplers").cases
    k1 = by_estimator(cut)["k1"]
    q, sampler = table_of(cut.case.q), table_of(own.case.q)
    lost = -(q.log_probs.exp() * sampler.log_probs.isfinite()).sum(1).log()
    reached = torch.zeros(q.states, dtype=torch.float64)
    reached[q.start], missing = 1.0, 0.0
    for _ in range(q.length):
        missing += float(reached @ lost)
        reached = torch.cat([reached @ sampler.log_probs.exp(), torch.zeros(1, dtype=torch.float64)])
    assert own.kl - k1.true * (1 + k1.exact_bias_over_true) == pytest.approx(missing, rel=1e-9)


def test_staleness_only_the_weight_of_the_sequence_is_exact(gallery: ModuleType) -> None:
    fresh, *later = map(by_estimator, gallery.committed("staleness").cases)
    assert all(row.exact_bias_over_true == pytest.approx(0, abs=1e-9) for row in fresh.values())
    for rows in later:
        assert rows["ratio-sequence*k3"].exact_bias_over_true == pytest.approx(0, abs=1e-9)
        assert rows["ratio*k3"].exact_bias_over_true == pytest.approx(rows["full"].exact_bias_over_true, abs=1e-9)
        assert rows["ratio-geometric*k3"].exact_bias_over_true < rows["k3"].exact_bias_over_true < -0.01
    last = later[-1]
    assert last["ratio-sequence*k3"].exact_stdev_over_true > 12 * fresh["k3"].exact_stdev_over_true
    assert last["ratio*k3"].exact_stdev_over_true < 2 * fresh["k3"].exact_stdev_over_true


def test_staleness_clipped_is_biased_instead(gallery: ModuleType) -> None:
    free, cut = (map(by_estimator, gallery.committed(name).cases) for name in ("staleness", "staleness_clipped"))
    next(free)
    for whole, clipped in zip(free, cut, strict=True):
        assert clipped["k3"].exact_bias_over_true == whole["k3"].exact_bias_over_true
        sequence = [rows["ratio-sequence*k3"] for rows in (whole, clipped)]
        assert sequence[1].exact_stdev_over_true < sequence[0].exact_stdev_over_true
        assert sequence[1].exact_bias_over_true < -0.003
    assert clipped["ratio-sequence*k3"].exact_bias_over_true == pytest.approx(-0.6, abs=0.01)
    assert clipped["ratio*k3"].exact_bias_over_true == pytest.approx(-0.18, abs=0.005)


def test_vocabularies_full_gains_and_k1_does_not(gallery: ModuleType) -> None:
    _, eight, _, _, most = map(by_estimator, gallery.committed("vocabularies").cases)
    assert most["k1"].exact_stdev_over_true > 0.85 * eight["k1"].exact_stdev_over_true
    assert most["full"].exact_stdev_over_true < 0.5 * eight["full"].exact_stdev_over_true


def test_lengths_noise_of_tokens_falls_as_the_root(gallery: ModuleType) -> None:
    results = gallery.committed("lengths").cases
    for name in ("k1", "k3", "full"):
        noise = [at_level(case, name).exact_stdev_over_true for case in results[1:]]
        assert all(one / other == pytest.approx(2, rel=0.1) for one, other in pairwise(noise))
    sequence = [at_level(case, "k3", "sequence").exact_stdev_over_true for case in results]
    assert sequence == sorted(sequence)
    assert sequence[-1] > 2000
    assert at_level(results[0], "full").exact_stdev_over_true == pytest.approx(0, abs=1e-7)


def test_text_the_likeliest_tokens_do_not_tell(gallery: ModuleType) -> None:
    letters, cooler, words = map(by_estimator, gallery.committed("text").cases)
    assert cooler["topk_head(5)"].exact_bias_over_true < -2.5
    assert words["topk_head(5)"].exact_bias_over_true == pytest.approx(-0.97, abs=0.005)
    for rows in (letters, cooler, words):
        noise = [rows[name].exact_stdev_over_true for name in ("full", "k3", "topk(5)", "k1")]
        assert noise == sorted(noise)
    assert words["k1"].exact_stdev_over_true > 80 * words["full"].exact_stdev_over_true
