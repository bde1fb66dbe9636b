"""verl: four values, of which only k3 is clamped, and from 0.8 names with ``+``: the same value, another gradient.

Before 0.5 the log-ratio was not clamped, so that exp could overflow: the value was then 10 and its gradient NaN. From
0.5 it is clamped first. A ``+`` puts the gradient of ½ log² r, which descends the reverse KL, under any value; it is
that of the unclamped square, so that no clamp stops it. Releases before 0.8 refuse such a name.
"""

from __future__ import annotations

from dataclasses import replace

from klbench.frameworks.arithmetic import ABSOLUTE, K1, K2, K3_LOG_FIRST
from klbench.frameworks.entry import Entry, Source

_SOURCE = Source("verl-project/verl", "verl/trainer/ppo/core_algos.py", "kl_penalty")
_SINCE = "0.5"


def _old(entry: Entry) -> Entry:
    """The same before 0.5, when it had no second name and its log-ratio no clamp."""
    return replace(entry, since="", until="0.4", aliases=(), clamp_log_ratio=None)


def _plus(entry: Entry) -> Entry:
    """The same under its name with a ``+``, meant for the loss."""
    return replace(
        entry,
        name=f"{entry.name}+",
        summary=f"The value of {entry.name} with the gradient of the unclamped ½ log² r, put there straight-through.",
        since="0.8",
        aliases=tuple(f"{alias}+" for alias in entry.aliases),
        placement="loss",
        straight_through=True,
    )


_PLAIN = (
    Entry(
        "verl",
        "kl",
        K1,
        _SOURCE,
        "The default of algorithm.kl_penalty, in the reward. In the loss its mean gradient is 0.",
        since=_SINCE,
        aliases=("k1",),
        placement="reward",
    ),
    Entry("verl", "abs", ABSOLUTE, _SOURCE, "In the loss it descends twice the total variation.", since=_SINCE),
    Entry(
        "verl",
        "mse",
        K2,
        _SOURCE,
        "Biased as a value, but in the loss its gradient is that of the reverse KL.",
        since=_SINCE,
        aliases=("k2",),
    ),
    Entry(
        "verl",
        "low_var_kl",
        K3_LOG_FIRST,
        _SOURCE,
        "The default of actor.kl_loss_type. In the loss it descends the forward KL, and the clamp of the value to ±10 "
        "stops its gradient where the policy has lost a token the reference holds likely.",
        since=_SINCE,
        aliases=("k3",),
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    ),
)

ENTRIES = (*_PLAIN, *(_plus(entry) for entry in _PLAIN), *(_old(entry) for entry in _PLAIN))
