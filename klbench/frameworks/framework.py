"""A framework as a whole: the facts that its entries share."""

from __future__ import annotations

from dataclasses import dataclass

from klbench.estimators.vocabulary import Placement
from klbench.frameworks.on_sequences import NOT_SETTLED, SUMMED_BY_THE_RETURN, OnSequences


@dataclass(frozen=True)
class Framework:
    """How one framework uses all its estimators.

    Args:
        name: its key, as a spec writes it before the colon.
        seen: the newest state of its code that was seen, and whether it was run.
        newest: the number of the newest release that is known; empty where none is.
        coefficient: the options that switch the penalty on and weigh it, with their defaults.
        log_probs: which log-probabilities the KL is measured on, and against which.
        reward: at which log-probabilities k is taken where it goes into the reward, off-policy.
        aggregation: how values of tokens become one number.
        precision: the dtype log-probabilities come in.
        either: whether its options put any estimator into the loss or into the reward, unweighted there.
        in_loss, in_reward, logged: level and aggregation of its entries that go there by default, where an entry says
            nothing else. What goes into the reward of a token is summed by the return.
    """

    name: str
    seen: str
    newest: str = ""
    coefficient: str = ""
    log_probs: str = ""
    reward: str = ""
    aggregation: str = ""
    precision: str = ""
    either: bool = False
    in_loss: OnSequences = NOT_SETTLED
    in_reward: OnSequences = SUMMED_BY_THE_RETURN
    logged: OnSequences = NOT_SETTLED

    def on_sequences(self, placement: Placement | None) -> OnSequences:
        """Level and aggregation of an entry in that place; None is where it is only logged."""
        return {"loss": self.in_loss, "reward": self.in_reward, None: self.logged}[placement]
