"""What each spec of the gallery shows, in two sentences, their numbers taken from its results.

Adding a spec to the gallery is a file in configs/ and a story here; what training follows is in training_stories,
policies over sequences are in sequence_stories, saved log-probabilities in data_stories.
"""

from __future__ import annotations

from collections.abc import Mapping

from data_stories import OF_DATA
from sequence_stories import OF_SEQUENCES
from story import Story, case_of
from training_stories import OF_TRAINING

from klbench.report.numbers import measured
from klbench.results import Results, Row


def _row(results: Results, pair: str, estimator: str, **parameters: float) -> Row:
    return next(row for row in case_of(results, pair, **parameters).rows if row.estimator == estimator)


def _bias(row: Row) -> str:
    return measured(row.bias_over_true, row.bias_over_true_mcse)


def schulman(results: Results) -> str:
    """The published tables, and the digit they lack."""
    k1, k2, k3 = (_row(results, "close", name) for name in ("k1", "k2", "k3"))
    regressed = measured(k2.bias_over_true_cv, k2.bias_over_true_cv_mcse)
    return (
        f"At a KL of {k1.true:g} k1 is unbiased with {k1.exact_stdev_over_true:.3g} times the KL as noise, where k2 "
        f"and k3 have {k3.exact_stdev_over_true:.3g} times. k2's bias, published as 0.002, is "
        f"{k2.exact_bias_over_true:.4g}: a plain average of ten million samples, {_bias(k2)}, cannot tell, and the "
        f"same samples regressed on the two controls of known mean can, {regressed}."
    )


def shift(results: Results) -> str:
    """Where k3 stops beating k1."""
    pairs = [(each.kl, *(row.exact_stdev_over_true for row in each.rows)) for each in results.cases]
    below = max(kl for kl, k1, _, k3, _ in pairs if k3 < k1)
    above = min(kl for kl, k1, _, k3, _ in pairs if k3 > k1)
    last, (_, _, k3, fitted) = results.cases[-1], results.cases[-1].rows
    return (
        f"k3 is the quieter one up to a KL of {below:.2g} and k1 is from {above:.2g} on (they cross at 0.628). At a "
        f"KL of {last.kl:g} k3's stdev is {k3.exact_stdev_over_true:.3g} times the KL, of which {k3.samples:,} "
        f"samples show {k3.stdev_over_true:.2g}, and a λ fitted to such samples makes k1_cv(optimal) noisier than k1, "
        f"{fitted.exact_stdev_over_true:.2g} against {last.rows[0].exact_stdev_over_true:.2g}."
    )


def categorical_shift(results: Results) -> str:
    """The same question on ten tokens, of which the policy loses one."""
    pairs = [(each.kl, *(row.exact_stdev_over_true for row in each.rows)) for each in results.cases]
    below = max(kl for kl, k1, _, k3 in pairs if k3 < k1)
    above = min(kl for kl, k1, _, k3 in pairs if k3 > k1)
    last, (k1, k2, k3) = results.cases[-1], results.cases[-1].rows
    return (
        f"On ten tokens, one of which the policy loses, k3 is the quieter one up to a KL of {below:.2g} only, and k1 "
        f"is from {above:.2g} on (they cross at 0.00327; between Gaussians it is 0.628). At a KL of {last.kl:.2g} k3 "
        f"has {k3.exact_stdev_over_true / k1.exact_stdev_over_true:.0f} times the noise of k1, and k2 reads "
        f"{-k2.exact_bias_over_true:.0%} low. Where the crossing is depends on the pair: `klbench validate` finds it."
    )


def directions(results: Results) -> str:
    """Which KL samples of q estimate."""
    wide = _row(results, "wide reference", "k3")
    forward = _row(results, "wide reference", "forward_kl")
    low, high = 1 - wide.true / forward.true, forward.true / wide.true - 1
    return (
        f"KL(q‖p) is {wide.true:.4f} and KL(p‖q) is {forward.true:.4f}; samples of q estimate the first, k3 without "
        f"bias, {_bias(wide)}. Held against the second, as the published script holds it, the same k3 would look "
        f"{low:.0%} low, and {high:.0%} high with the roles exchanged."
    )


def heavy_tails(results: Results) -> str:
    """What an infinite variance looks like."""
    k1, k3 = (_row(results, "wide reference", name) for name in ("k1", "k3"))
    k2 = _row(results, "Student policy, df 5", "k2")
    return (
        f"Against a reference twice as wide, the average of the exactly unbiased k3 over {k3.samples:,} samples is "
        f"off by {k3.bias_over_true:+.1%} and has no error bar, its variance being infinite, while k1's is "
        f"{_bias(k1)}. With a Student-t policy it is k2 that has no variance: its average overstates the KL "
        f"{1 + k2.bias_over_true:.2g}-fold, its exact mean {1 + k2.exact_bias_over_true:.3g}-fold."
    )


def coins(results: Results) -> str:
    """Two outcomes."""
    fair = {name: _row(results, "fair coin", name, heads=0.7) for name in ("k1", "k2", "k3")}
    rare = {name: _row(results, "rarer in q", name) for name in ("k1", "k3")}
    return (
        f"A fair coin against one of 0.7 has a KL of {fair['k1'].true:.4f}: k1's noise is "
        f"{fair['k1'].exact_stdev_over_true:.3g} times that, k3's {fair['k3'].exact_stdev_over_true:.2g} times, k2's "
        f"bias {fair['k2'].exact_bias_over_true:.1%}, and k1_cv(optimal) has no noise whatever, log r and r being "
        "straight lines in each other. An outcome that q finds rarer than p does turns the order round: k3's noise "
        f"is {rare['k3'].exact_stdev_over_true / rare['k1'].exact_stdev_over_true:.2g} times k1's."
    )


def categoricals(results: Results) -> str:
    """When E[r] is not 1."""
    k1, k3 = (_row(results, "confident", name) for name in ("k1", "k3"))
    cut = _row(results, "cut off", "k3")
    return (
        "A confident policy against a broad reference makes k3 "
        f"{k3.exact_stdev_over_true / k1.exact_stdev_over_true:.2g} times as noisy as k1. A policy that is cut off "
        f"from {-cut.exact_bias_over_true * cut.true:.0%} of the reference's mass makes k3 low by exactly that mass, "
        f"{-cut.exact_bias_over_true:.0%} of the KL, with a noise too small to warn of it."
    )


def mixtures(results: Results) -> str:
    """A mode that is never sampled."""
    reweighted, k1 = (_row(results, "modes reweighted", name) for name in ("k1_cv(optimal)", "k1"))
    dropped = _row(results, "mode dropped", "k3")
    return (
        "Where policy and reference weigh the same two modes differently, k1_cv(optimal) has "
        f"{k1.exact_stdev_over_true / reweighted.exact_stdev_over_true:.0f} times less noise than k1. Where the "
        f"policy has dropped one of them, k3's average is {dropped.mean:.3f} for a KL of {dropped.true:.3f}: the half "
        "of the reference that is never sampled is missing from it, though its exact bias is "
        f"{dropped.exact_bias_over_true:g}."
    )


def dimensions(results: Results) -> str:
    """The KL matters, the dimension does not."""
    one, hundred = (_row(results, f"KL 0.5 in {number}", "k3") for number in ("1 dimension", "100 dimensions"))
    k1, k3 = (_row(results, "shift of 0.3 in each", name, dimensions=100) for name in ("k1", "k3"))
    noise = [measured(row.stdev_over_true, row.stdev_over_true_mcse) for row in (one, hundred)]
    return (
        f"The same KL of {one.true:g} in 1 and in 100 dimensions gives k3 the same noise, {noise[0]} and {noise[1]} "
        "times the KL: an estimator sees log r and nothing else. The same shift in each of ever more dimensions is "
        f"another matter, for the KL adds up, and at {k3.true:g} (100 dimensions) k3 is {k3.stdev / k1.stdev:.0f} "
        f"times as noisy as k1, as far as {k3.samples:,} samples can see."
    )


def f_divergences(results: Results) -> str:
    """One control variate for all."""
    rows = {row.estimator: row.exact_stdev_over_true for row in case_of(results, "close").rows}
    far = {row.estimator: row.exact_stdev_over_true for row in case_of(results, "far").rows}
    smooth = [noise for name, noise in rows.items() if "_cv" in name and name != "total_variation_cv"]
    return (
        f"Near r = 1 every smooth f-divergence with its control variate has the same noise, {min(smooth):.3g} to "
        f"{max(smooth):.3g} times its target, where the plain squared Hellinger has {rows['squared_hellinger']:.3g}. "
        f"Further apart the tails of r tell them apart: {far['squared_hellinger_cv']:.2g} for squared Hellinger, "
        f"{far['forward_kl_cv']:.2g} for the forward KL, {far['chi2_pq_cv']:.2g} for χ²(p‖q)."
    )


def off_policy(results: Results) -> str:
    """A stale sampler."""
    plain, weighted = (_row(results, "stale", name, lag=0.25) for name in ("k1", "ratio*k3"))
    missing = _row(results, "truncated", "ratio*k1")
    return (
        f"With a sampler that lags by 0.25 the plain k1 averages to {plain.mean:.4f} for a KL of {plain.true:g}, and "
        f"`ratio*k3` is unbiased with {weighted.exact_stdev_over_true:.2g} times the KL as noise. What the sampler "
        "never draws no weight repairs: without a tenth of the policy's mass `ratio*k1` is off by "
        f"{missing.exact_bias_over_true:+.0%}."
    )


STORIES: Mapping[str, Story] = {
    **{
        tell.__name__: Story(tell)
        for tell in (
            schulman,
            shift,
            categorical_shift,
            directions,
            heavy_tails,
            coins,
            categoricals,
            mixtures,
            dimensions,
            f_divergences,
            off_policy,
        )
    },
    **OF_TRAINING,
    **OF_SEQUENCES,
    **OF_DATA,
}
