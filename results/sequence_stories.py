"""What the specs about policies over sequences show: levels, aggregations, weights, whole distributions, a text."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from compact import EXACT_BIAS, EXACT_STDEV, FOLLOWS, Cells
from story import Story, case_of

from klbench.results import Results
from klbench.row import Row
from klbench.wording import percent


def _row(results: Results, pair: str, estimator: str, at: str = "", placement: str = "", **parameters: float) -> Row:
    """The row of an estimator; ``at`` is an aggregation, or ``sequence``."""
    return next(
        row
        for row in case_of(results, pair, **parameters).rows
        if row.estimator == estimator
        if at in ("", row.aggregation or row.level) and placement in ("", row.placement)
    )


def sequence_k3(results: Results) -> str:
    """The level matters."""
    short, long = (
        [_row(results, "longer", "k3", at, length=length) for at in ("seq-mean-token-sum", "sequence")]
        for length in (4, 256)
    )
    token, sequence = long
    return (
        "k3 of tokens, summed over a sequence, is exactly unbiased for the KL of sequences, at 256 tokens with a noise "
        f"of {token.exact_stdev_over_true:.2g} times the KL. k3 of the sequence's own log_ratio is unbiased too, but "
        f"its noise, {short[1].exact_stdev_over_true:.2g} times the KL at 4 tokens, is "
        f"{sequence.exact_stdev_over_true:,.0f} times at 256, of which {sequence.samples:,} sequences show "
        f"{sequence.stdev_over_true:.2g}."
    )


def aggregations(results: Results) -> str:
    """Four numbers."""
    pooled, means = (_row(results, "two answers", "k1", at) for at in ("token-mean", "seq-mean-token-mean"))
    other = _row(results, "an end of sequence", "k1", "seq-mean-token-mean")
    read = means.true * (1 + means.exact_bias_over_true)
    return (
        f"On one long answer and one short k1 adds up to {_row(results, 'two answers', 'k1').true:g}, the KL of "
        f"sequences; pooled over all tokens it is {pooled.true:.4g}, and its mean of sequences' means {read:.3g}. "
        "Dividing by a length that the tokens decide biases k1 and k3, on-policy too: that mean of means is "
        f"{means.true:.3g} of the tokens' KLs ({means.exact_bias_over_true:+.0%}; {other.exact_bias_over_true:+.1%} "
        "on an ordinary chain), which full estimates without bias."
    )


def token_losses(results: Results) -> str:
    """What a token does to later prefixes."""
    pair = "answers that end"
    k2, k3, full = (_row(results, pair, name, placement="loss") for name in ("k2", "k3", "full"))
    returned, reward = (_row(results, pair, name, placement="reward") for name in ("k1-return", "k1"))
    return (
        "A loss of tokens does not see what a token does to later prefixes: k2 and full are "
        f"{percent(k2.exact_bias_over_true)} off the gradient of the KL of sequences ({full.follows}), k3 "
        f"{percent(k3.exact_bias_over_true)}. k1 in the reward has all of it, and k1-return too, for "
        f"{returned.exact_stdev_over_true:.2g} times the gradient as noise instead of "
        f"{reward.exact_stdev_over_true:.2g}."
    )


def full_noise(results: Results) -> str:
    """No promise about the sum."""
    opposed, ordinary = (
        [_row(results, pair, name).exact_stdev_over_true for name in ("full", "k1")]
        for pair in ("opposed rows", "ordinary")
    )
    return (
        f"On an ordinary pair of two steps full has {ordinary[0]:.2g} times the KL as noise and k1 {ordinary[1]:.2g}. "
        f"Where the first token decides between a row that differs and one that does not, it is {opposed[0]:.2g} "
        f"against {opposed[1]:.2g}: k1 of the first token happens to cancel what full only adds up."
    )


def top_k(results: Results) -> str:
    """A head is no KL."""
    head, bucket, full = (_row(results, "teacher", name) for name in ("topk_head(2)", "topk_bucket(2)", "full"))
    noise = [_row(results, "chain", name).exact_stdev_over_true for name in ("topk(4)", "k3", "full")]
    return (
        f"Of a KL of {full.true:.4f} the two likeliest of five tokens have {head.mean:.4f}, which no KL can be, and "
        f"with all others as one token {bucket.mean:.4f}. k1 of a sampled token outside makes the head right again, at "
        f"a price: on a chain of 100 tokens topk(4) has {noise[0]:.2g} times the KL as noise, k3 {noise[1]:.2g}, full "
        f"{noise[2]:.2g}."
    )


def truncated_samplers(results: Results) -> str:
    """What is never drawn."""
    cool = _row(results, "temperature 0.7", "k1")
    tokens = _row(results, "temperature 0.7", "ratio*k1")
    cut, own = (_row(results, pair, "k1") for pair in ("top-p 0.9", "top-p, its own policy"))
    weighted = _row(results, "top-p 0.9", "ratio-sequence*k1")
    kept = own.true - cut.true * (1 + cut.exact_bias_over_true)
    return (
        f"A temperature of 0.7 puts k1 {cool.exact_bias_over_true:+.0%} off; weights of tokens leave "
        f"{tokens.exact_bias_over_true:+.1%}, that of the sequence nothing. Under top-p 0.9 k1 is lower by "
        f"{kept:.2f} than the KL of what is really written, {own.true:.2f}: that is the log of the kept mass, summed "
        f"over tokens. No weight brings back what is never drawn: that of the sequence makes it "
        f"{weighted.exact_bias_over_true:+.0%}."
    )


def staleness(results: Results) -> str:
    """What a weight corrects, and its price."""
    names = ("k3", "ratio*k3", "ratio-sequence*k3", "ratio-geometric*k3")
    plain, token, sequence, geometric = (_row(results, "stale", name, s=0.8) for name in names)
    return (
        f"On sequences of a policy that has drifted by 0.8, k3 is {plain.exact_bias_over_true:+.0%} off, with weights "
        f"of tokens {token.exact_bias_over_true:+.1%}, with that of the sequence 0, with its geometric mean "
        f"{geometric.exact_bias_over_true:+.0%}. Their noise is {plain.exact_stdev_over_true:.2g}, "
        f"{token.exact_stdev_over_true:.2g}, {sequence.exact_stdev_over_true:.2g} and "
        f"{geometric.exact_stdev_over_true:.2g} times the KL."
    )


def staleness_clipped(results: Results) -> str:
    """What a clip does."""
    token, sequence = (_row(results, "stale", name, s=0.8) for name in ("ratio*k3", "ratio-sequence*k3"))
    early = _row(results, "stale", "ratio*k3", s=0.2)
    return (
        f"With no weight above 1.5 the sequence's ratio has a noise of {sequence.exact_stdev_over_true:.2g} times the "
        f"KL at a drift of 0.8, and a bias of {sequence.exact_bias_over_true:+.0%}. A token's ratio keeps its bias, "
        f"{early.exact_bias_over_true:+.2%} at 0.2, until the drift is large: {token.exact_bias_over_true:+.0%} at 0.8."
    )


def vocabularies(results: Results) -> str:
    """full gains from many tokens."""
    few, many = (
        [_row(results, "vocabulary", name, vocab=vocab).exact_stdev_over_true for name in ("k1", "k3", "full")]
        for vocab in (8, 512)
    )
    return (
        f"From 8 tokens to 512 the noise of k1 goes from {few[0]:.2g} to {many[0]:.2g} times the KL, that of k3 from "
        f"{few[1]:.2g} to {many[1]:.2g}: how many tokens there are is nothing to them. That of full goes from "
        f"{few[2]:.2g} to {many[2]:.2g}, since among many tokens one prefix is like another."
    )


def lengths(results: Results) -> str:
    """A square root, and an explosion."""
    token, sequence = (
        [_row(results, "length", "k3", at, length=length).exact_stdev_over_true for length in (16, 256)]
        for at in ("seq-mean-token-sum", "sequence")
    )
    full = _row(results, "length", "full", length=256).exact_stdev_over_true
    return (
        f"From 16 tokens to 256 the noise of k3 of tokens falls {token[0] / token[1]:.1f}-fold, as the root of the "
        f"length ({sqrt(16):g}) says, to {token[1]:.2g} times the KL, and full's to {full:.2g}. k3 of the sequence "
        f"goes from {sequence[0]:.2g} to {sequence[1]:,.0f}."
    )


def text(results: Results) -> str:
    """A little language."""
    k1, k3, full = (_row(results, "words", name).exact_stdev_over_true for name in ("k1", "k3", "full"))
    head = _row(results, "letters, cooler", "topk_head(5)")
    return (
        f"On 32 words of a bigram of Alice's Adventures in Wonderland k1 has {k1:.2g} times the KL as noise, k3 "
        f"{k3:.2g} and full {full:.2g}. Against cooler letters the five likeliest, which topk_head sums, read "
        f"{head.true * (1 + head.exact_bias_over_true):.2g} for a KL of {head.true:.2g}: what differs is in the tail."
    )


OF_SEQUENCES: Mapping[str, Story] = {
    "sequence_k3": Story(sequence_k3),
    "aggregations": Story(aggregations),
    "token_losses": Story(
        token_losses,
        Cells((FOLLOWS, EXACT_BIAS, EXACT_STDEV), says="In a cell what is followed, bias/true and stdev/true, exact."),
    ),
    **{
        tell.__name__: Story(tell)
        for tell in (full_noise, top_k, truncated_samplers, staleness, staleness_clipped, vocabularies, lengths, text)
    },
}
"""In the order of the page."""
