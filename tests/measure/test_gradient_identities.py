"""What each estimator's expected gradient is the gradient of, in every placement and weighting: the whole known table.

Each cell twice: exactly, to 1e-8, against formulas of the divergences' gradients that klbench does not use; and by
z-scores on samples. Gaussians of unequal variances with their location and scale, and categories with their logits, so
that no two divergences on the list have the same gradient.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest

from klbench.row import Row
from klbench.runner import run
from klbench.spec.read import read_text
from tests.derived.second_road import Categories, Gaussians, Moments

TABLE = {
    # estimator: as loss, in reward, × ratio, × detached ratio
    "k1": ("0", "KL(q‖p)", "KL(q‖p)", "0"),
    "k2": ("KL(q‖p)", "none", "E_q[k]", "KL(q‖p)"),
    "k3": ("KL(p‖q)", "KL(q‖p) − KL(p‖q)", "KL(q‖p)", "KL(p‖q)"),
    "trlx:mean_kl": ("½χ²(q‖p)", "none", "E_q[k]", "½χ²(q‖p)"),
    "abs": ("2·TV", "none", "E_q[k]", "2·TV"),
}
# a sum of divergences is told where the gradient has more components than the sum has parts
SUMS = {("categorical", "trlx:mean_kl", 1): "½χ²(q‖p) − KL(q‖p)"}
PAIRS = {
    "gaussian": Gaussians(q=(0, 1), p=(0.4, 1.2), sampler=(0.2, 1.1)),
    "categorical": Categories(q=(0, 1, 2, -1), p=(0.3, 0.2, 1.4, -0.5), sampler=(0.1, 1.2, 1.5, -0.8)),
}
FORMS = (("loss", "none"), ("reward", "none"), ("loss", "ratio"), ("loss", "detached"))
# samples of an old policy without a weight follow nothing: a test of its own
CELLS = [cell for cell in product(PAIRS, TABLE, range(4), (False, True)) if not (cell[3] and cell[2] < 2)]
SAMPLES = 100_000
# 2 pairs × 2 samplers × 25 cells × 4 numbers of a normal z: beyond 6.5 once in 1e7 files
LARGEST_Z = 6.5


@cache
def rows(name: str, stale: bool) -> dict[tuple[str, str, str], Row]:
    pair = PAIRS[name]
    write = "N({}, {})" if isinstance(pair, Gaussians) else "Categorical(logits=[{}, {}, {}, {}])"
    q, p, sampler = (write.format(*each) for each in (pair.q, pair.p, pair.sampler))
    text = f"""
name: identities
measure: gradient
samples: {SAMPLES}
estimators: [{", ".join(f'"{estimator}"' for estimator in TABLE)}]
placements: [loss, reward]
weightings: [none, ratio, detached]
pairs: [{{q: "{q}", p: "{p}"{f', sampler: "{sampler}"' if stale else ""}}}]
"""
    found = [row for _, row in run(read_text(text), device="cpu", threads=1).rows()]
    return {(row.estimator, row.placement, row.weighting): row for row in found if row.is_gradient}


def gradient_of(label: str, pair: Gaussians | Categories, name: str) -> np.ndarray | None:
    """∇ of what the label names; None for ``none``."""
    on_q = type(pair)(pair.q, pair.p, pair.q)  # type: ignore[arg-type]

    def expectation(placement: str, weighting: str, estimator: str) -> Moments:
        return on_q.moments(estimator, placement, weighting)

    return {
        "0": lambda: np.zeros_like(pair.reverse),
        "KL(q‖p)": lambda: pair.reverse,
        "KL(p‖q)": lambda: pair.forward,
        "KL(q‖p) − KL(p‖q)": lambda: pair.reverse - pair.forward,
        "½χ²(q‖p)": lambda: chi2(on_q) / 2,
        "½χ²(q‖p) − KL(q‖p)": lambda: chi2(on_q) / 2 - pair.reverse,
        "2·TV": lambda: 2 * total_variation(on_q),
        "E_q[k]": lambda: expectation("loss", "ratio", name).mean,
        "none": lambda: None,
    }[label]()


def chi2(pair: Gaussians | Categories) -> np.ndarray:
    """∇ of E_q[q/p] − 1, by differences of the sum itself."""
    return differences(pair, lambda q, p: float((q * (q / p)).sum()))


def total_variation(pair: Gaussians | Categories) -> np.ndarray:
    return differences(pair, lambda q, p: float(np.abs(q - p).sum()) / 2)


def differences(pair: Gaussians | Categories, divergence) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Central differences of a divergence in q's parameters, of fourth order."""

    def at(index: int, step: float) -> float:
        moved = list(pair.q)
        moved[index] += step
        return divergence(*densities(tuple(moved), pair.p, isinstance(pair, Gaussians)))

    h = 1e-3
    return np.array(
        [(8 * (at(i, h) - at(i, -h)) - (at(i, 2 * h) - at(i, -2 * h))) / (12 * h) for i in range(len(pair.q))]
    )


def densities(q: tuple[float, ...], p: tuple[float, ...], gaussian: bool) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities of categories, or of panels cut where the densities cross."""
    if not gaussian:
        return np.exp(Categories.log_probs(q)), np.exp(Categories.log_probs(p))
    first, second = (q[0], q[1]), (p[0], p[1])
    x, lengths = Gaussians(first, second, first).nodes([0.0])
    share = lengths / np.sqrt(2 * np.pi)
    return share * np.exp(Gaussians.log_density(x, first)), share * np.exp(Gaussians.log_density(x, second))


@pytest.mark.parametrize(("pair", "name", "column", "stale"), CELLS)
def test_the_label_and_the_vector_are_right(pair: str, name: str, column: int, stale: bool) -> None:
    row = rows(pair, stale)[name, *FORMS[column]]
    label = SUMS.get((pair, name, column), TABLE[name][column])
    assert row.follows == label
    assert row.components is not None
    expected = gradient_of(label, PAIRS[pair], name)
    if expected is not None:
        # differences of fourth order have an error of the order of step⁴
        tolerance = 1e-8 if "χ²" in label or "TV" in label else 1e-9
        np.testing.assert_allclose(row.components.exact, expected, atol=tolerance * np.abs(PAIRS[pair].reverse).max())


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("name", TABLE)
def test_off_policy_with_no_weight_every_loss_is_biased(pair: str, name: str) -> None:
    row = rows(pair, True)[name, "loss", "none"]
    assert row.follows == "none"
    of = {"k1": "0", "k2": "KL(q‖p)", "k3": "KL(p‖q)", "trlx:mean_kl": "½χ²(q‖p)", "abs": "2·TV"}[name]
    meant = gradient_of(of, PAIRS[pair], name)
    assert row.components is not None
    assert float(np.linalg.norm(row.components.exact - meant)) > 0.01 * row.true_norm


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("name", TABLE)
def test_in_the_reward_a_weight_makes_stale_samples_those_of_q(pair: str, name: str) -> None:
    stale, on_policy = rows(pair, True), rows(pair, False)[name, "reward", "none"]
    for weighting in ("ratio", "detached"):
        row = stale[name, "reward", weighting]
        assert row.follows == on_policy.follows
        assert row.components is not None
        assert on_policy.components is not None
        np.testing.assert_allclose(
            row.components.exact, on_policy.components.exact, rtol=1e-8, atol=1e-10 * row.true_norm
        )


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("pair", PAIRS)
def test_samples_agree_in_every_cell(pair: str, stale: bool) -> None:
    for cell, row in rows(pair, stale).items():
        z = [row.z_bias, row.z_stdev, row.z_cosine]
        assert row.components is not None
        components = (row.components.mean - row.components.exact) / row.components.mean_mcse
        worst = np.nanmax(np.abs([*z, *components]))
        assert worst < LARGEST_Z, (cell, z, components)
        assert row.nonfinite == 0


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("pair", PAIRS)
def test_equal_per_sample_gradients_have_equal_noise_and_equal_means_do_not(pair: str, stale: bool) -> None:
    found = rows(pair, stale)
    alike = [("k3", "loss", "ratio"), ("k2", "loss", "detached"), ("k1", "reward", "ratio")]
    noise = [found[cell].exact_stdev_over_true for cell in alike]
    measured = [found[cell].stdev_over_true for cell in alike]
    assert noise == pytest.approx([noise[0]] * 3, rel=1e-8)
    assert measured == pytest.approx([measured[0]] * 3, rel=1e-8)
    other = found["k1", "loss", "ratio"]
    assert other.exact_bias_over_true == pytest.approx(0, abs=1e-8)
    assert abs(other.exact_stdev_over_true / noise[0] - 1) > 0.05


@pytest.mark.parametrize("pair", PAIRS)
def test_the_true_gradient_is_the_formula(pair: str) -> None:
    for row in rows(pair, False).values():
        assert row.components is not None
        np.testing.assert_allclose(row.components.true, PAIRS[pair].reverse, rtol=1e-9, atol=1e-12)
        assert row.true_norm == pytest.approx(float(np.linalg.norm(PAIRS[pair].reverse)), rel=1e-12)
