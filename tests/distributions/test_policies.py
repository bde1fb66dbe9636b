"""Policies over one token: their probabilities by NumPy, a second road; what they are made of; what is refused."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
import torch
from scipy import stats

import klbench
from klbench.distributions.build import build
from klbench.distributions.catalogue import POLICIES
from klbench.distributions.stream import stream_for
from klbench.errors import SpecError
from klbench.spec.expression import from_mapping, parse
from klbench.spec.read import read_text


def probabilities(text: str) -> np.ndarray:
    built = build(parse(text))
    atoms = built.atoms()
    assert atoms is not None
    return built.log_prob(atoms).exp().numpy()


def normals(seed: int, of: str, count: int) -> np.ndarray:
    """The numbered stream, without klbench."""
    digest = blake2b(b"%d:%b" % (seed, of.encode()), digest_size=16).digest()
    sequence = np.random.SeedSequence(int.from_bytes(digest, "little"), spawn_key=(0,))
    return np.random.Generator(np.random.SFC64(sequence)).standard_normal(count)


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def kept(p: np.ndarray, count: int) -> np.ndarray:
    """The likeliest so many, of equals the lower; renormalised."""
    chosen = sorted(range(len(p)), key=lambda token: (-p[token], token))[:count]
    mask = np.isin(np.arange(len(p)), chosen)
    return np.where(mask, p, 0) / p[mask].sum()


def test_zipf_falls_as_a_power_of_the_rank() -> None:
    weights = np.arange(1, 33.0) ** -1.1
    np.testing.assert_allclose(probabilities("Zipf(vocab=32, exponent=1.1)"), weights / weights.sum(), rtol=1e-13)


def test_random_logits_come_from_a_numbered_stream() -> None:
    expected = softmax(2 * normals(7, "Softmax", 40))
    np.testing.assert_allclose(probabilities("Softmax(vocab=40, scale=2, seed=7)"), expected, rtol=1e-12)
    noisy = softmax(np.log(expected) + 0.1 * normals(3, "Perturb", 40))
    found = probabilities("Perturb(Softmax(vocab=40, scale=2, seed=7), scale=0.1, seed=3)")
    np.testing.assert_allclose(found, noisy, rtol=1e-12)


def test_what_is_made_of_a_policy_is_made_from_the_inside_out() -> None:
    base = probabilities("Softmax(vocab=30, scale=2, seed=1)")
    tempered = softmax(np.log(base) / 0.8)
    np.testing.assert_allclose(probabilities("Temper(Softmax(30, 2, 1), 0.8)"), tempered, rtol=1e-12)
    np.testing.assert_allclose(probabilities("TopK(Temper(Softmax(30, 2, 1), 0.8), 5)"), kept(tempered, 5), rtol=1e-12)
    likeliest = np.sort(tempered)[::-1].cumsum()
    count = int((likeliest < 0.9).sum()) + 1
    found = probabilities("TopP(Temper(Softmax(30, 2, 1), 0.8), 0.9)")
    np.testing.assert_allclose(found, kept(tempered, count), rtol=1e-12)


@pytest.mark.parametrize(
    ("mass", "tokens"), [(0.25, 1), (0.2500001, 2), (0.5, 2), (0.75, 3), (0.7, 3), (1, 4), (0.01, 1)]
)
def test_top_p_keeps_the_one_that_crosses_and_of_equals_the_lower(mass: float, tokens: int) -> None:
    found = probabilities(f"TopP(Categorical([0.25, 0.25, 0.25, 0.25]), {mass})")
    np.testing.assert_allclose(found, [1 / tokens] * tokens + [0] * (4 - tokens), rtol=1e-12)


def test_a_mass_that_is_reached_but_for_rounding_is_reached() -> None:
    """0.1 + 0.2 + 0.3 + 0.2 + 0.1 + 0.1 in other orders differs from sums of decimals in the last digit."""
    p = [0.3, 0.2, 0.2, 0.1, 0.1, 0.1]
    for count, mass in ((1, 0.3), (2, 0.5), (3, 0.7), (4, 0.8), (5, 0.9)):
        assert (probabilities(f"TopP(Categorical({p}), {mass})") > 0).sum() == count


def test_top_k_of_equals_is_the_lower() -> None:
    np.testing.assert_allclose(probabilities("TopK(Categorical([0.1, 0.4, 0.1, 0.4]), 3)"), [1 / 9, 4 / 9, 0, 4 / 9])


@pytest.mark.parametrize("family", POLICIES.values(), ids=lambda family: family.name)
def test_draws_come_up_as_often_as_they_should(family) -> None:  # type: ignore[no-untyped-def]
    built = build(parse(family.examples[0].replace("32000", "320")))
    atoms = built.atoms()
    assert atoms is not None
    p = built.log_prob(atoms).exp()
    assert float(p.sum()) == pytest.approx(1, rel=1e-12)
    drawn = built.draw(stream_for(11, family.name.encode(), 0), 200_000)
    counts = torch.bincount(drawn.long(), minlength=len(p))
    assert int(counts[p == 0].sum()) == 0
    usual = p * len(drawn) >= 5
    rest = float(p[~usual].sum())
    observed = [*counts[usual].tolist(), int(counts[~usual].sum())]
    expected = [*(p[usual] * len(drawn)).tolist(), rest * len(drawn)]
    if rest * len(drawn) < 5:
        observed, expected = observed[:-1], expected[:-1]
    statistic = sum((a - b) ** 2 / b for a, b in zip(observed, expected, strict=True))
    assert stats.chi2(max(1, len(expected) - 1)).sf(statistic) > 1e-6


def test_under_top_p_k1_is_off_by_the_log_of_the_mass_that_is_kept() -> None:
    """q/TopP(q) is the kept mass on every token that is drawn: k1 of the two is its negative log each time."""
    q = probabilities("Zipf(vocab=100)")
    mass = q[: int((q.cumsum() < 0.9).sum()) + 1].sum()
    spec = read_text("name: t\nsamples: 1e4\nestimators: [k1]\npairs: [{q: 'TopP(Zipf(100), 0.9)', p: 'Zipf(100)'}]\n")
    ((_, row),) = klbench.run(spec, threads=1).rows()
    assert row.true == pytest.approx(-np.log(mass), rel=1e-12)
    assert row.mean == pytest.approx(-np.log(mass), rel=1e-12)
    assert row.stdev == pytest.approx(0, abs=1e-12)


PAIR = "name: s\nsamples: 1e5\nestimators: [k1, k2, k3]\nmeasure: [value, gradient]\npairs:\n  - {pair}\n"


def test_q_is_named_in_p_and_sampler() -> None:
    written = (
        "{q: 'Softmax(20, 2, 7)', p: 'Perturb(q, {s}, 3)', sampler: 'TopP(Temper(q, 0.9), 0.8)', grid: {s: [0.3]}}"
    )
    spec = read_text(PAIR.replace("{pair}", written))
    (pair,) = spec.pairs
    assert pair.name == "Softmax(20, 2, 7) vs Perturb(q, {s}, 3) from TopP(Temper(q, 0.9), 0.8)"
    assert str(pair.p) == "Perturb(base=Softmax(vocab=20, scale=2, seed=7), scale={s}, seed=3)"
    assert read_text(spec.to_yaml()).pairs == spec.pairs
    plain = f"Categorical(logits={np.log(probabilities('Softmax(20, 2, 7)')).tolist()})"
    for row in klbench.run(spec, threads=1).cases[0].rows:
        assert row.z_bias is None or not abs(row.z_bias) > 5
    assert float(build(parse(plain)).log_prob(torch.zeros(1, dtype=torch.float64))) == pytest.approx(
        float(build(pair.q).log_prob(torch.zeros(1, dtype=torch.float64)))
    )


def test_exact_values_are_those_of_the_categoricals() -> None:
    def exact(q: str, p: str) -> list[tuple[float, float, float]]:
        spec = read_text(PAIR.replace("{pair}", f"{{q: '{q}', p: '{p}'}}"))
        rows = klbench.run(spec, samples=1000, threads=1).cases[0].rows
        return [(row.true, row.exact_bias_over_true, row.exact_stdev_over_true) for row in rows]

    names = "Softmax(12, 1.5, 2)", "Temper(Softmax(12, 1.5, 2), 1.3)"
    plain = [f"Categorical({(probabilities(name) / probabilities(name).sum()).tolist()})" for name in names]
    np.testing.assert_allclose(exact(*names), exact(*plain), rtol=1e-9, atol=1e-12)


def test_a_mapping_writes_the_same() -> None:
    written = {"TopK": {"base": {"Temper": [{"Zipf": {"vocab": 9}}, 0.8]}, "k": 3}}
    assert from_mapping(written) == parse("TopK(Temper(Zipf(9), 0.8), 3)")
    assert from_mapping({"Temper": {"base": "q", "temperature": 2}}) == parse("Temper(q, 2)")


REFUSED = {
    "Zipf(0)": "vocab must be a whole number from 1 to 1,048,576, given 0",
    "Zipf(2e6)": "vocab must be a whole number from 1 to 1,048,576",
    "Zipf(10, {a}, 3)": "Zipf takes at most 2 arguments",
    "Softmax(10, -1)": "scale must be a number >= 0",
    "Temper(Zipf(10), 0)": "temperature must be a number > 0",
    "TopP(Zipf(10), 0)": "mass must be a number in (0, 1]",
    "TopP(Zipf(10), 1.5)": "mass must be a number in (0, 1]",
    "TopK(Zipf(10), 11)": "TopK of 11 tokens, but the policy has 10",
    "TopK(Zipf(10), 2.5)": "k must be a whole number",
    "Temper(0.5, 0.8)": "base must be a policy over tokens, such as q or Zipf(vocab=100), given 0.5",
    "Temper(N(0, 1), 0.8)": "Temper takes a policy over tokens, not Normal(loc=0, scale=1)",
    "Temper(Zipf(3)**2, 0.8)": "Temper takes a policy over tokens",
    "N(Zipf(10), 1)": "loc must be a finite number, given Zipf(vocab=10)",
    "Zipf(N(0, 1))": "vocab must be a whole number",
    "Temper(p, 0.8)": "'p' cannot be named here",
    "Temper(x, 0.8)": "'x' is not a number",
    "Temper(q": "expected",
}


@pytest.mark.parametrize("written", REFUSED)
def test_what_is_no_policy_is_refused(written: str) -> None:
    with pytest.raises(SpecError) as error:
        parse(written)
    assert REFUSED[written] in error.value.message or written == "Temper(q"
    assert error.value.location is not None


def test_q_does_not_name_itself_and_vocabularies_have_to_agree() -> None:
    with pytest.raises(SpecError, match="q names itself"):
        read_text(PAIR.replace("{pair}", "{q: 'Temper(q, 2)', p: 'Zipf(10)'}"))
    with pytest.raises(SpecError, match="one has 10 categories, the other 11"):
        read_text(PAIR.replace("{pair}", "{q: 'Zipf(10)', p: 'Zipf(11)'}"))
    with pytest.raises(SpecError, match=r"TopK of 20 tokens, but the policy has 10"):
        read_text(PAIR.replace("{pair}", "{q: 'Zipf(10)', p: 'TopK(q, 20)'}"))
    with pytest.raises(SpecError, match=r"takes a policy over tokens, not Normal"):
        read_text(PAIR.replace("{pair}", "{q: 'N(0, 1)', p: 'Temper(q, 2)'}"))


def test_deep_nesting_is_bounded() -> None:
    assert probabilities("Temper(" * 10 + "Zipf(5)" + ", 1)" * 10) == pytest.approx(probabilities("Zipf(5)"))
    with pytest.raises(SpecError):
        parse("Temper(" * 500 + "Zipf(5)" + ", 1)" * 500)
