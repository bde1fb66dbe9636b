"""What PPO implementations log and stop early by: the KL of the old policy from the new one, on the old one's samples.

Here q is the old policy, which drew the samples, and p the new one. Nothing is differentiated.
"""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, K3
from klbench.frameworks.entry import Entry, Source

_CLEANRL = Source("vwxyzjn/cleanrl", "cleanrl/ppo.py", "approx_kl")
_ROLES = " q is the old policy and p the new one."

ENTRIES = (
    Entry("cleanrl", "approx_kl", K3, _CLEANRL, "Logged, and stops an epoch early." + _ROLES, placement=None),
    Entry("cleanrl", "old_approx_kl", K1, _CLEANRL, "Logged beside approx_kl, and noisier." + _ROLES, placement=None),
    Entry(
        "stable-baselines3",
        "approx_kl",
        K3,
        Source("DLR-RM/stable-baselines3", "stable_baselines3/ppo/ppo.py", "approx_kl_div"),
        "Logged, and stops an epoch early past 1.5 · target_kl." + _ROLES,
        placement=None,
    ),
)
