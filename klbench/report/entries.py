"""The cells of a framework's entry in a table: its value, its clamps, its place. No torch here."""

from __future__ import annotations

from klbench.frameworks.arithmetic import RATIO, RATIO_UP_TO_TWO, SCORE
from klbench.frameworks.entry import Entry
from klbench.identity.computed import load
from klbench.identity.identity import place
from klbench.report.numbers import MISSING

LOGGED = "logged"
_WEIGHTS = {RATIO.formula: "ρ", RATIO_UP_TO_TWO.formula: "min(ρ, 2)", SCORE.formula: "w"}
_OF_SAMPLER = {"square": "2·k2", "k1": "k1", "−k1": "k1", "k2": "k2", "upside-down k3": "k3"}
"""Upside-down and −k1 with q and the sampler are of KL(sampler‖q): the right way round, as the samples are its own."""

SHORTHAND = (
    "ρ: the importance weight q/sampler, before the clamp of the value. × ratio: times ρ, differentiated, after it.",
    "w: exp(log q − sg(log q)), which is 1 and has the score as its gradient. sg: stop-gradient, held constant.",
    "∇k2: the gradient is that of k2, the value is not (straight-through).",
)
"""The meaning of the shorthand."""


def value_name(entry: Entry) -> str:
    """The name of the value it computes: ``k3``, ``min(ρ, 2)·k3``, ``k3, ∇k2``."""
    name = f"{_OF_SAMPLER[entry.arithmetic.name]} of sampler" if entry.against_sampler else entry.arithmetic.name
    weight = f"{_WEIGHTS[entry.weight.formula]}·" if entry.weight else ""
    return weight + name + (", ∇k2" if entry.straight_through else "")


def clamps(entry: Entry) -> str:
    """The bounds of the clamps of log r and of the value, ``20, 10``."""
    bounds = entry.clamp_log_ratio, entry.clamp_value
    return ", ".join(MISSING if bound is None else f"{bound:g}" for bound in bounds) if any(bounds) else MISSING


def default_place(entry: Entry) -> str:
    """The place where the framework puts it: ``loss × ratio``; ``logged`` if it is only logged."""
    return place(entry.placement, entry.weighting) if entry.placement else LOGGED


def default_follows(entry: Entry) -> str:
    """What its gradient follows in that place, on samples of q; empty if it is only logged."""
    return load()[entry.qualified].follows[default_place(entry)] if entry.placement else MISSING
