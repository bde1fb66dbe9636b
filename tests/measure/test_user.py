"""A user's own estimator measured: their function in a module of the current folder gets every number klbench has.

What they get wrong is told as theirs, with the place; reading a spec imports nothing.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from klbench.errors import SpecError
from klbench.runner import run
from klbench.spec.model import Spec
from klbench.spec.read import read_text
from tests.derived.second_road import Categories
from tests.measure.gradient_run import by_cell, gradient_case

MODULE = "kl_of_a_user"
SOURCE = '''
"""Estimators of a user."""
import math
import torch

def k1(log_q, log_p):
    return log_q - log_p

def k3(log_q, log_p):
    return torch.expm1(log_p - log_q) - (log_p - log_q)

def weighted(log_q, log_p, log_sampler):
    return (log_q - log_sampler).exp() * (log_q - log_p)

def clamped(log_q, log_p):
    return (log_q - log_p).clamp(-1.0, 1.0)

def optional(log_q, log_p, bound=0.5):
    return (log_q - log_p).clamp(-bound, bound)

def cast(log_q, log_p):
    log_ratio = log_p.float() - log_q.to(torch.float32)
    return log_ratio.expm1() - log_ratio

def narrow(log_q, log_p):
    return (log_q - log_p).bfloat16()

def floored(log_q, log_p):
    print("a word from the user")
    return torch.where(log_q < -4, torch.zeros_like(log_q), log_q - log_p)

def cast_like(log_q, log_p):
    log_ratio = (log_p - log_q).type_as(torch.zeros(1))
    log_ratio += 0
    return log_ratio.expm1() - log_ratio

def cast_by_name(log_q, log_p):
    log_ratio = (log_p - log_q).type("torch.FloatTensor").to(torch.zeros(1))
    return log_ratio.expm1() - log_ratio

def clamped_log_q(log_q, log_p):
    return log_q.clamp(min=-1) - log_p + 0 * log_q.exp()

def in_place(log_q, log_p):
    log_p.clamp_(min=-1)
    return log_q - log_p

def random(log_q, log_p):
    return log_q - log_p + torch.rand_like(log_q)

def absolute(log_q, log_p):
    return log_q.exp() * (log_q - log_p)

def detached(log_q, log_p):
    return (log_q - log_p).detach()

def of_p(log_q, log_p):
    return -log_p

def averaged(log_q, log_p):
    return (log_q - log_p).mean()

def array(log_q, log_p):
    return (log_q - log_p).detach().numpy()

def nothing(log_q, log_p):
    pass

def truth(log_q, log_p):
    return log_q > log_p

def no_number(log_q, log_p):
    return (log_q - log_p) * math.nan

def sometimes(log_q, log_p):
    return torch.where(log_q < -3, math.nan, log_q - log_p)

def one(log_q):
    return log_q

def broken(log_q, log_p):
    raise RuntimeError("not today")

def broken_on_many(log_q, log_p):
    if len(log_q) > 100:
        raise ValueError("too many")
    return log_q - log_p
'''
GAUSSIANS = ("N(0, 1)", "N(0.5, 1.2)")
CATEGORIES = Categories(q=(0, 1, 2), p=(0.5, 1, 1.4), sampler=(0.2, 1, 1.7))
TEXTS = tuple(f"Categorical(logits={list(each)})" for each in (CATEGORIES.q, CATEGORIES.p, CATEGORIES.sampler))


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The module in the current folder, which is not on Python's path; forgotten afterwards."""
    path = tmp_path / f"{MODULE}.py"
    path.write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield path
    sys.modules.pop(MODULE, None)


def named(*functions: str) -> str:
    return "[" + ", ".join(f'"{MODULE}:{function}"' for function in functions) + "]"


def test_a_users_k1_and_k3_are_klbenchs_to_the_last_digits() -> None:
    case = gradient_case(
        *GAUSSIANS, estimators=f'["{MODULE}:k1", "{MODULE}:k3", k1, k3]', more="weightings: [none, ratio]"
    )
    found = by_cell(case)
    for (name, placement, weighting), row in found.items():
        other = found[name.rpartition(":")[2], placement, weighting]
        assert row.follows == other.follows
        for column in ("bias_over_true", "stdev_over_true", "exact_stdev_over_true", "exact_bias_over_true"):
            assert getattr(row, column) == pytest.approx(getattr(other, column), rel=1e-8, abs=1e-8), (name, column)


def test_values_too() -> None:
    head = f"name: v\nsamples: 20_000\nestimators: ['{MODULE}:k3', k3]\n"
    mine, theirs = run(read_text(f"{head}pairs: [{{q: 'N(0, 1)', p: 'N(0.5, 1.2)'}}]\n"), device="cpu").cases[0].rows
    assert mine.mean == pytest.approx(theirs.mean, rel=1e-12)
    assert mine.exact_stdev_over_true == pytest.approx(theirs.exact_stdev_over_true, rel=1e-9)


def test_a_function_of_three_sees_the_sampler() -> None:
    """q/sampler · k1, differentiated through: it is klbench's own k1 × ratio."""
    estimators = f'["{MODULE}:weighted", k1]'
    more = "placements: [loss]\nweightings: [none, ratio]"
    found = by_cell(gradient_case(TEXTS[0], TEXTS[1], TEXTS[2], estimators=estimators, more=more))
    mine, own = found[f"{MODULE}:weighted", "loss", "none"], found["k1", "loss", "ratio"]
    assert mine.follows == own.follows == "KL(q‖p)"
    assert mine.stdev_over_true == pytest.approx(own.stdev_over_true, rel=1e-12)
    assert mine.exact_stdev_over_true == pytest.approx(own.exact_stdev_over_true, rel=1e-12)


def test_a_function_of_log_q_itself_is_measured_where_the_log_probabilities_are() -> None:
    """q·log(q/p), by hand over the categories: as a loss its coefficient is q(log(q/p) + 1), in the reward itself."""
    found = by_cell(gradient_case(*TEXTS[:2], estimators=named("absolute")))
    pi, k1 = np.exp(CATEGORIES.log_probs(CATEGORIES.q)), -CATEGORIES.log_ratio
    for placement, coefficient in (("loss", pi * (k1 + 1)), ("reward", pi * k1)):
        row = found[f"{MODULE}:absolute", placement, "none"]
        gradients = coefficient[:, None] * CATEGORIES.score
        assert row.components is not None
        np.testing.assert_allclose(row.components.exact, pi @ gradients, rtol=1e-10, atol=1e-14)
        noise = math.sqrt(pi @ (gradients**2).sum(1) - ((pi @ gradients) ** 2).sum())
        assert row.exact_stdev_over_true * row.true_norm == pytest.approx(noise, rel=1e-10)
        assert abs(row.z_bias) < 6
        assert abs(row.z_stdev) < 6


def test_the_share_that_a_clamp_of_log_q_holds_is_that_of_the_samples() -> None:
    q = [0.5, 0.3, 0.15, 0.05]
    pair = f"{{q: 'Categorical({q})', p: 'Categorical([0.4, 0.3, 0.2, 0.1])'}}"
    text = f"name: t\nsamples: 1000\nestimators: {named('clamped_log_q')}\npairs: [{pair}]\n"
    notes = run(read_text(text), device="cpu", threads=1).cases[0].notes
    held = sum(each for each in q if math.log(each) < -1)
    assert f"The clamp of {MODULE}:clamped_log_q is active on {100 * held:.1f}% of the samples." in notes


def test_a_function_that_looks_at_log_q_only_of_unlikely_samples_is_found_out() -> None:
    text = f"name: t\nsamples: 200000\nestimators: {named('floored')}\npairs: [{{q: 'N(0, 1)', p: 'N(0.5, 1.2)'}}]\n"
    ((_, row),) = run(read_text(text), device="cpu", threads=1).rows()
    x = np.linspace(-12, 12, 400_001)
    log_q = -(x**2) / 2 - math.log(2 * math.pi) / 2
    log_p = -(((x - 0.5) / 1.2) ** 2) / 2 - math.log(1.2) - math.log(2 * math.pi) / 2
    mean = np.trapezoid(np.exp(log_q) * np.where(log_q < -4, 0.0, log_q - log_p), x)
    assert row.true * (1 + row.exact_bias_over_true) == pytest.approx(mean, rel=1e-4)
    assert abs(row.z_bias) < 6


@pytest.mark.parametrize(("function", "told"), [("in_place", "in place"), ("random", "two values")])
def test_a_function_that_is_not_pure_is_refused_for_what_it_does(function: str, told: str) -> None:
    text = f"name: t\nsamples: 1000\nestimators: {named(function)}\npairs: [{{q: 'N(0, 1)', p: 'N(1, 1)'}}]\n"
    with pytest.raises(SpecError, match=told):
        run(read_text(text), device="cpu", threads=1)


CASTS = [("cast", "k3"), ("cast_like", "k3"), ("cast_by_name", "k3"), ("narrow", "k1")]


@pytest.mark.parametrize(("function", "native"), CASTS)
def test_a_cast_is_no_rounding_in_float64_and_is_as_written_below(function: str, native: str) -> None:
    text = (
        f"name: t\nsamples: 20000\nestimators: {named(function)[:-1]}, {native}]\ndtype: [float64, bfloat16]\n"
        "pairs: [{q: 'N(0, 1)', p: 'N(0.5, 1)'}]\n"
    )
    mine, mine_below, own, own_below = (row for _, row in run(read_text(text), device="cpu", threads=1).rows())
    assert mine.mean == pytest.approx(own.mean, rel=1e-12)
    assert mine.exact_stdev_over_true == pytest.approx(own.exact_stdev_over_true, rel=1e-9)
    assert mine_below.rounding_over_true != 0
    assert (mine_below.rounding_over_true == own_below.rounding_over_true) == (function == "narrow")


def test_a_third_argument_with_a_default_is_theirs_and_not_the_sampler() -> None:
    found = by_cell(gradient_case(*TEXTS, estimators=named("optional"), more="placements: [reward]"))
    mu = np.exp(CATEGORIES.log_probs(CATEGORIES.sampler))
    value = np.clip(-CATEGORIES.log_ratio, -0.5, 0.5)
    (row,) = found.values()
    assert row.components is not None
    np.testing.assert_allclose(row.components.exact, mu @ (value[:, None] * CATEGORIES.score), rtol=1e-10)


def test_a_clamp_of_theirs_is_seen_by_watching() -> None:
    case = gradient_case("N(0, 1)", "N(1, 1)", estimators=named("clamped"), more="placements: [loss]")
    # −log r = 0.5 − x: within ±1 for x in (−0.5, 1.5)
    held = 1 - (math.erf(1.5 / math.sqrt(2)) + math.erf(0.5 / math.sqrt(2))) / 2
    assert any("clamp" in note and f" {100 * held:.1f}% of the samples" in note for note in case.notes)


def test_what_is_not_differentiable_has_no_gradient_as_a_loss_and_says_so() -> None:
    case = gradient_case(*GAUSSIANS, estimators=named("detached"))
    found = by_cell(case)
    loss, reward = (found[f"{MODULE}:detached", placement, "none"] for placement in ("loss", "reward"))
    assert math.isnan(loss.bias_over_true)
    assert loss.follows == ""
    assert reward.follows == "KL(q‖p)"
    assert any("no gradient as a loss" in note and f"{MODULE}:detached" in note for note in case.notes)


def test_what_never_looks_at_q_has_a_gradient_in_the_reward() -> None:
    """E_q[−log p] is the cross-entropy: in the reward its gradient is followed."""
    found = by_cell(gradient_case(*GAUSSIANS, estimators=named("of_p")))
    assert found[f"{MODULE}:of_p", "reward", "none"].follows == "E_q[k]"
    assert found[f"{MODULE}:of_p", "loss", "none"].follows == ""


WRONG = {
    "averaged": ("shape []", "one value for each sample"),
    "array": ("ndarray", "tensor"),
    "nothing": ("NoneType", "tensor"),
    "truth": ("bool", "floating-point"),
    "one": ("1 argument", "(log_q, log_p)"),
    "broken": ("RuntimeError: not today", "not in klbench"),
    "broken_on_many": ("ValueError: too many", "not in klbench"),
    "missing": ("no function 'missing'", "k1"),
}


@pytest.mark.parametrize("measure", ["gradient", "value"])
@pytest.mark.parametrize("function", WRONG)
def test_what_they_get_wrong_is_told_as_theirs(function: str, measure: str) -> None:
    head = f"name: t\nmeasure: {measure}\nsamples: 1000\nestimators: {named(function)}\n"
    text = f"{head}pairs: [{{q: 'N(0, 1)', p: 'N(1, 1)'}}]\n"
    with pytest.raises(SpecError) as caught:
        run(read_text(text), device="cpu", threads=1)
    said, helped = WRONG[function]
    assert said in caught.value.message
    assert MODULE in caught.value.message
    assert any(helped in line for line in caught.value.help)


def test_what_their_function_raises_comes_with_the_place(module: Path) -> None:
    with pytest.raises(SpecError) as caught:
        gradient_case(*GAUSSIANS, estimators=named("broken"))
    location = caught.value.location
    assert location is not None
    assert Path(location.source).name == module.name
    assert SOURCE.splitlines()[location.line - 1].strip() == 'raise RuntimeError("not today")'


def test_what_their_module_raises_comes_with_the_place(module: Path) -> None:
    module.write_text("import torch\n1 / 0\n")
    with pytest.raises(SpecError, match="ZeroDivisionError") as caught:
        gradient_case(*GAUSSIANS, estimators=named("k1"))
    assert caught.value.location is not None
    assert caught.value.location.line == 2


def test_reading_a_spec_imports_nothing(module: Path) -> None:
    module.write_text("raise SystemExit('imported')\n")
    text = (
        f"name: t\nmeasure: gradient\nsamples: 10\nestimators: {named('k1')}\npairs: [{{q: 'N(0, 1)', p: 'N(1, 1)'}}]\n"
    )
    spec = read_text(text)
    assert len(spec.cases()) == 1
    assert MODULE not in sys.modules


def test_a_module_that_is_nowhere_is_refused_when_read() -> None:
    text = "name: t\nsamples: 10\nestimators: ['no_such_module:k1']\npairs: [{q: 'N(0, 1)', p: 'N(1, 1)'}]\n"
    with pytest.raises(SpecError, match="no_such_module"):
        read_text(text)


SPEC = "name: t\nsamples: 1000\nestimators:\n  - k1\n  - {}\npairs: [{{q: 'N(0, 1)', p: 'N(1, 1)'}}]\n"


@pytest.mark.parametrize("written", ["{name}", "'{name}'", "ratio*{name}", '"ratio * {name}"'])
@pytest.mark.parametrize("function", ["averaged", "one", "missing", "in_place"])
def test_what_is_wrong_without_a_place_of_its_own_has_that_in_the_spec(function: str, written: str) -> None:
    named = written.format(name=f"{MODULE}:{function}")
    with pytest.raises(SpecError) as caught:
        run(read_text(SPEC.format(named), "own.yaml"), device="cpu", threads=1)
    assert str(caught.value.location) == "own.yaml:5:5"


def test_what_is_wrong_in_their_file_says_where_the_spec_names_it(module: Path) -> None:
    spec = read_text(SPEC.format("k3"), "own.yaml", [f"estimators=[k2, {MODULE}:broken]"])
    with pytest.raises(SpecError) as caught:
        run(spec, device="cpu", threads=1)
    assert caught.value.location is not None
    assert Path(caught.value.location.source).name == module.name
    assert caught.value.help[-1] == f"{MODULE}:broken is named at override:1:17"


def test_a_spec_that_was_not_read_from_a_text_is_the_same_spec() -> None:
    name = f"{MODULE}:broken"
    pairs = [{"q": "N(0, 1)", "p": "N(1, 1)"}]
    made = Spec.model_validate({"name": "t", "samples": 1000, "estimators": ["k1", name], "pairs": pairs})
    assert made == read_text(SPEC.format(name))
    with pytest.raises(SpecError) as caught:
        run(made, device="cpu", threads=1)
    assert not any("named at" in line for line in caught.value.help)


@pytest.mark.parametrize(("function", "share"), [("no_number", "all 20,000"), ("sometimes", r"\d\d\d of 20,000")])
def test_a_function_that_is_no_number_is_not_said_to_have_infinite_variance(function: str, share: str) -> None:
    text = SPEC.replace("1000", "20_000").format(f"{MODULE}:{function}")
    (case,) = run(read_text(text), device="cpu", threads=1).cases
    own = [note for note in case.notes if function in note]
    assert len(own) == 1
    assert re.search(f"{function}: NaN or infinite for {share} samples", own[0])


def test_nor_is_its_gradient() -> None:
    case = gradient_case(*GAUSSIANS, estimators=named("no_number"))
    assert any("infinite or NaN in" in note for note in case.notes)
    assert not any("infinite variance" in note for note in case.notes)
