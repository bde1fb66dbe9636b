"""The score ∇ log q(x) with respect to q's parameters: what turns coefficients into gradients.

A family's score is declared (``Family.scores``) or is autograd's of its log-density; that of a power is the sum over
its copies, that of a mixture its components' weighed by how likely each of them is to have made x. Softmax logits
have a structure of their own, which never needs a matrix of samples × categories.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import torch
from torch import Tensor

from klbench.distributions.distribution import Distribution, Mixture, Power, Single
from klbench.distributions.parameters import WEIGHTS, chosen
from klbench.distributions.reparameter import log_density, value_of
from klbench.tolerances import LARGEST_SCORE

Parts = Mapping[str, Tensor]


@dataclass(frozen=True)
class Score:
    """The score of a distribution in some of its parameters.

    Args:
        parameters: their names, in the order of the components.
        sizes: how many components each has.
        device: where it is computed.
        parts: x [n, *event_shape] -> the score in each parameter [n, size].
    """

    parameters: tuple[str, ...]
    sizes: tuple[int, ...]
    device: torch.device
    parts: Callable[[Tensor], Parts]

    @cached_property
    def components(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """The parameter of each of the J components, and its index in that parameter, row by row for a matrix."""
        pairs = [(name, i) for name, size in zip(self.parameters, self.sizes, strict=True) for i in range(size)]
        return tuple(name for name, _ in pairs), tuple(index for _, index in pairs)

    def values(self, x: Tensor) -> Tensor:
        """∇ log q(x) [n, J], float64, of x [n, *event_shape]; 0 where q has no mass, finite everywhere."""
        parts = self.parts(x)
        return torch.cat([parts[name] for name in self.parameters], 1).clamp_(-LARGEST_SCORE, LARGEST_SCORE)


@dataclass(frozen=True)
class OneHotScore(Score):
    """The score in softmax logits: one-hot of the category, less the probabilities.

    Args:
        probabilities: of the categories [V].
        category: x [n, *event_shape] -> its category [n], int64.
    """

    probabilities: Tensor
    category: Callable[[Tensor], Tensor]


def score_of(q: Distribution, names: tuple[str, ...] | None = None) -> Score:
    """The score of q in the parameters of these names, all the differentiable ones for None.

    The score in a covariance or precision matrix is with respect to a matrix whose entries are all free, as torch's
    autograd has it: a symmetric matrix.

    Raises:
        SpecError: q has no such parameter, or no gradient can be taken in it.
    """
    return _score_of(q, chosen(q.expression, names))


def _score_of(q: Distribution, names: tuple[str, ...]) -> Score:
    match q:
        case Single():
            return _of_categories(q) if q.family.categories(q.arguments) is not None else _of_family(q, names)
        case Mixture():
            return _of_mixture(q, names)
        case Power():
            return _of_power(q, names)
    raise TypeError(type(q).__name__)


def _of_categories(q: Single) -> OneHotScore:
    size = len(q.state.log_probs)

    def category(x: Tensor) -> Tensor:
        return x.argmax(-1) if q.event_shape else x.long()

    parts = _parts_of(q, ("logits",))
    return OneHotScore(("logits",), (size,), q.device, parts, q.state.log_probs.exp(), category)


def _of_family(q: Single, names: tuple[str, ...]) -> Score:
    sizes = tuple(value_of(q, name).numel() for name in names)
    return Score(names, sizes, q.device, _parts_of(q, names))


def _parts_of(q: Single, names: tuple[str, ...]) -> Callable[[Tensor], Parts]:
    declared = {name: q.family.scores[name] for name in names if name in q.family.scores}
    others = tuple(name for name in names if name not in declared)

    def parts(x: Tensor) -> Parts:
        scores = {name: score(q.state, x) for name, score in declared.items()}
        scores.update(_by_autograd(q, others, x) if others else {})
        outside = None if q.inside is None else ~q.inside(x)
        return {name: _masked(_flat(part), outside) for name, part in scores.items()}

    return parts


def _flat(part: Tensor) -> Tensor:
    return part.flatten(1) if part.dim() > 1 else part.unsqueeze(1)


def _masked(part: Tensor, outside: Tensor | None) -> Tensor:
    # filled, not multiplied by 0: outside the support a score may be infinite or NaN
    return part if outside is None else part.masked_fill(outside.unsqueeze(1), 0.0)


def _by_autograd(q: Single, names: tuple[str, ...], x: Tensor) -> Parts:
    """Every sample has its own copy of the parameters, so that one backward pass gives each its own score."""
    with torch.enable_grad():
        values = {name: value_of(q, name) for name in names}
        copies = {name: value.repeat(len(x), *[1] * value.dim()).requires_grad_() for name, value in values.items()}
        # each log-density sees its own copy alone, so that the gradient of the sum is each one's
        total = log_density(q, copies, x.detach()).sum()
        gradients = torch.autograd.grad(total, list(copies.values()))
    return dict(zip(names, gradients, strict=True))


def _of_mixture(q: Mixture, names: tuple[str, ...]) -> Score:
    scores = {
        index: _score_of(q.components[index], tuple(name.partition(".")[2] for name in group))
        for index, group in _by_component(names)
    }
    sizes = {f"{i}.{name}": size for i, s in scores.items() for name, size in zip(s.parameters, s.sizes, strict=True)}
    weights = torch.tensor(q.weights, dtype=torch.float64, device=q.device)

    def parts(x: Tensor) -> Parts:
        shares = _shares(q, weights, x)
        of_components = {
            f"{index}.{name}": _share(part, shares[:, index, None])
            for index, score in scores.items()
            for name, part in score.parts(x).items()
        }
        return {**of_components, WEIGHTS: shares - weights}

    return Score(names, tuple(sizes.get(name, len(weights)) for name in names), q.device, parts)


def _by_component(names: tuple[str, ...]) -> list[tuple[int, list[str]]]:
    numbered = sorted((int(name.partition(".")[0]), order, name) for order, name in enumerate(names) if "." in name)
    return [(index, [name for *_, name in group]) for index, group in groupby(numbered, key=lambda item: item[0])]


def _shares(q: Mixture, weights: Tensor, x: Tensor) -> Tensor:
    """The probability that each component made x [n, components]; 0 where no component can have made it."""
    log_densities = torch.stack([component.log_prob(x) for component in q.components], 1)
    # softmax of −inf throughout is NaN: no component can have made x
    return (log_densities + weights.log()).softmax(1).nan_to_num(0.0)


def _share(part: Tensor, share: Tensor) -> Tensor:
    """The product, 0 where the share is 0: far out, the score of a component may be infinite."""
    return torch.where(share > 0, part * share, 0.0)


def _of_power(q: Power, names: tuple[str, ...]) -> Score:
    base = _score_of(q.base, names)

    def parts(x: Tensor) -> Parts:
        of_copies = base.parts(x.reshape(-1, *q.base.event_shape))
        return {name: part.view(len(x), q.copies, part.shape[1]).sum(1) for name, part in of_copies.items()}

    return Score(base.parameters, base.sizes, q.device, parts)
