"""What is known of a case before anything is sampled: the same for values and for gradients."""

from __future__ import annotations

from dataclasses import dataclass

from klbench.measure.asked import Asked
from klbench.measure.draws import Draws
from klbench.measure.pair import Pair
from klbench.measure.truth import Truth
from klbench.measure.unseen import Unseen
from klbench.spec.model import Spec


@dataclass(frozen=True)
class Setting:
    """A case about to be measured.

    Args:
        spec: what is asked.
        pair: on the CPU, for the exact roads.
        draws: what can be drawn, on the device.
        asked: the estimators, with nothing left to fit.
        kl: the true reverse KL.
        unseen: the mass that samples never show.
    """

    spec: Spec
    pair: Pair
    draws: Draws
    asked: Asked
    kl: Truth
    unseen: Unseen

    @property
    def device(self) -> str:
        """The kind of device the samples are drawn on."""
        return self.draws.machine.device.type
