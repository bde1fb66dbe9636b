"""What an expression asks of a checkpoint: which one, at what temperature, cut off how. No torch at import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from klbench.distributions import catalogue
from klbench.distributions.checkpoints import local_path, stamps
from klbench.distributions.expression import Expression, Named, Text
from klbench.distributions.families.policies import BASE

if TYPE_CHECKING:
    from torch import Tensor

Change = Callable[["Tensor"], "Tensor"]


@dataclass(frozen=True)
class Checkpoint:
    """A model to be loaded.

    Args:
        name: its folder, file, or name on a hub.
        dtype: the precision of its weights and its arithmetic; ``auto`` is that of its files.
        revision: of one on a hub.
    """

    name: Text
    dtype: str
    revision: str | None

    @property
    def called(self) -> str:
        """As messages name it."""
        return self.name.text

    def stamp(self) -> object:
        """What changes when its files do: names, sizes and times; of one on a hub the commit, as far as it is here."""
        path = local_path(self.name)
        if path is not None:
            return tuple(stamps(path))
        from klbench.models.hub import commit_of  # which asks transformers

        return commit_of(self.called, self.revision)


@dataclass(frozen=True)
class Policy:
    """A checkpoint as one member of a pair.

    Args:
        checkpoint: the model.
        temperature: what its logits are divided by.
        changes: what is made of its log-probabilities then, from the inside out: top-k, top-p.
    """

    checkpoint: Checkpoint
    temperature: float
    changes: tuple[Change, ...] = ()

    def log_probs(self, logits: Tensor) -> Tensor:
        """Logits [..., V] -> log-probabilities [..., V], nats: normalised in float32 as trainers do, given as
        float64. Of a model in float64 all is in float64."""
        import torch

        wide = logits if logits.dtype == torch.float64 else logits.float()
        log_probs = (wide / self.temperature).log_softmax(-1).double()
        for change in self.changes:
            log_probs = change(log_probs).log_softmax(-1)
        return log_probs


@dataclass(frozen=True)
class _Changed:
    """A change with its arguments."""

    family: str
    arguments: tuple[tuple[str, object], ...]

    def __call__(self, log_probs: Tensor) -> Tensor:
        change = catalogue.find(self.family).change
        assert change is not None
        return change(log_probs, dict(self.arguments))


def policy_of(expression: Expression) -> Policy:
    """The policy that an expression asks for, whose placeholders are filled."""
    assert isinstance(expression, Named), "a mixture or power of a checkpoint is refused"
    family = catalogue.find(expression.family)
    arguments = catalogue.with_defaults(family, expression.arguments)
    if family.change is None:
        revision = arguments.get("revision")
        name, dtype, temperature = (arguments[key] for key in ("name", "dtype", "temperature"))
        assert isinstance(name, Text)
        assert isinstance(dtype, Text)
        checkpoint = Checkpoint(name, dtype.text, revision.text if isinstance(revision, Text) else None)
        return Policy(checkpoint, float(temperature))  # type: ignore[arg-type]
    base = arguments.pop(BASE)
    inner = policy_of(base)  # type: ignore[arg-type]
    return replace(inner, changes=(*inner.changes, _Changed(family.name, tuple(arguments.items()))))


def checkpoints_of(*expressions: Expression | None) -> tuple[Checkpoint, ...]:
    """The checkpoints of the members of a pair, each once; None is one that is not there."""
    return tuple(dict.fromkeys(policy_of(each).checkpoint for each in expressions if each is not None))
