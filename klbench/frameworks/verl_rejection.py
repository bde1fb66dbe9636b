"""verl's rejection of samples that the trainer and the rollout engine disagree on, by k1, k2 or k3 of the two.

The samples are the rollout engine's, so each estimates KL(rollout‖trainer): log r is log(sampler/q), clamped to ±20 at
every token. A ``token_`` statistic rejects tokens; ``seq_sum_`` and ``seq_mean_`` reject sequences, by the sum or the
mean of the values of their tokens. All are logged, and nothing is differentiated. ``seq_max_`` is the largest of a
sequence's values and no average, so it is not here. Beside them k1 and k3 are logged without a clamp, as
``rollout_corr/kl`` and ``rollout_corr/k3_kl``.
"""

from __future__ import annotations

from collections.abc import Iterator

from klbench.frameworks.arithmetic import K2, NEGATED_K1, UPSIDE_DOWN, UPSIDE_DOWN_LOG_FIRST, Arithmetic
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.on_sequences import OnSequences, mean_of_means, mean_of_sums, token_mean

_SOURCE = Source(
    "verl-project/verl", "verl/trainer/ppo/rollout_corr_helper.py", "compute_rollout_rejection_mask", read=True
)
_VALUES: dict[str, Arithmetic] = {"k1": NEGATED_K1, "k2": K2, "k3": UPSIDE_DOWN}
_LEVELS: dict[str, tuple[str, OnSequences]] = {
    "token": ("Rejects tokens", token_mean("each token's own value is compared with the threshold")),
    "seq_sum": (
        "Rejects sequences, by the sum over their tokens",
        mean_of_sums("one sum a sequence is compared with the threshold; logged under seq_mean is the mean of them"),
    ),
    "seq_mean": (
        "Rejects sequences, by the mean over their tokens",
        mean_of_means("one mean a sequence is compared with the threshold; logged under seq_mean is the mean of them"),
    ),
}


def _statistics() -> Iterator[Entry]:
    for level, (what, on_sequences) in _LEVELS.items():
        for value, arithmetic in _VALUES.items():
            yield Entry(
                "verl",
                f"{level}_{value}",
                arithmetic,
                _SOURCE,
                f"{what}: the {value} of KL(sampler‖q), the rollout engine against the trainer. On samples of q "
                "itself it is 0.",
                option=f"rollout_rs {level}_{value}",
                since="0.7.1",
                placement=None,
                clamp_log_ratio=20.0,
                against_sampler=True,
                on_sequences=on_sequences,
            )


def _metrics() -> Iterator[Entry]:
    for name, value, arithmetic in (("kl", "k1", NEGATED_K1), ("k3_kl", "k3", UPSIDE_DOWN_LOG_FIRST)):
        yield Entry(
            "verl",
            f"rollout_corr_{name}",
            arithmetic,
            Source(_SOURCE.repository, _SOURCE.file, "compute_offpolicy_metrics", read=True),
            f"Logged as rollout_corr/{name}: the {value} of KL(sampler‖q), the rollout engine against the trainer, "
            "without a clamp. On samples of q itself it is 0.",
            since="0.7.1",
            placement=None,
            against_sampler=True,
            on_sequences=token_mean("over all tokens of the batch"),
        )


ENTRIES = (*_statistics(), *_metrics())
