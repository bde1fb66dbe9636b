"""A distribution built in float64: one family, a mixture of distributions, or independent copies of one.

All of them draw from a numbered stream; log-densities are in nats. ``log_prob`` is -inf outside the support and never
NaN there; ``log_density`` skips that check and is meant for points known to lie inside.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import accumulate
from math import inf, isfinite, log
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from klbench.distributions.expression import Expression, Named
from klbench.distributions.family import MAX_ATOMS, Arguments, Family, Kind
from klbench.distributions.support import Interval, Lattice, Space, Support, hull

if TYPE_CHECKING:
    from klbench.distributions.stream import Stream


class Distribution(ABC):
    """What the roads need of a distribution.

    Attributes:
        expression: what it was built from.
        kind: whether ``log_prob`` is of a density or of a probability.
        event_shape: the shape of one draw; () for a number.
        support: where it lives.
    """

    expression: Expression
    kind: Kind
    event_shape: tuple[int, ...]
    support: Support
    device: torch.device

    @abstractmethod
    def draw(self, stream: Stream, count: int) -> Tensor:
        """``count`` independent draws, [count, *event_shape], float64, inside the support; discrete ones too."""

    @abstractmethod
    def log_density(self, x: Tensor) -> Tensor:
        """The log-probability (density) in nats of x [count, *event_shape] -> [count], for x in the support only."""

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """The log-probability (density) in nats of x [count, *event_shape] -> [count]; -inf outside the support."""

    def landmarks(self) -> tuple[float, ...]:
        """Finite points where an integral over a univariate density should be split: means, modes, kinks, ends."""
        return ()

    def ends(self) -> tuple[float, ...]:
        """The numbers next to the ends of a univariate interval: draws too near to an end for float64 are put there."""
        return ()

    def atoms(self) -> Tensor | None:
        """Every point of a finite support, [n, *event_shape]; None where n is above ``MAX_ATOMS``."""
        return None


class Single(Distribution):
    """One named family with its bound arguments.

    ``wrapped`` is the torch distribution, ``state`` what the family's own functions work on.
    """

    def __init__(
        self, expression: Named, family: Family, arguments: Arguments, wrapped: Any, device: torch.device
    ) -> None:
        self.expression = expression
        self.family = family
        self.arguments = arguments
        self.kind = family.kind
        self.support = family.support(arguments)
        self.wrapped = wrapped
        self.event_shape = tuple(wrapped.event_shape)
        self.device = device
        self.state = family.prepare(wrapped, arguments)
        self.inside = _membership(family, self.support, self.state)

    def draw(self, stream: Stream, count: int) -> Tensor:
        """See ``Distribution.draw``."""
        drawn = self.family.draw(self.state, stream, count)
        ends = self.ends()
        # a draw that rounds onto an end may have a density of 0 or infinity there
        return drawn.clamp_(*ends) if ends else drawn

    def log_density(self, x: Tensor) -> Tensor:
        """See ``Distribution.log_density``."""
        declared = self.family.log_prob
        value: Tensor = self.wrapped.log_prob(x) if declared is None else declared(self.state, x)
        return value

    def log_prob(self, x: Tensor) -> Tensor:
        """See ``Distribution.log_prob``."""
        if self.inside is None:
            return self.log_density(x)
        inside = self.inside(x)
        if isinstance(self.support, Lattice):
            # some families look x up in a table: any index that exists, for it is masked below
            x = x.where(inside, self.support.low)
        return self.log_density(x).masked_fill_(~inside, -inf)

    def landmarks(self) -> tuple[float, ...]:
        """See ``Distribution.landmarks``."""
        if not isinstance(self.support, Interval):
            return ()
        points = [self.support.low, self.support.high, *self.family.centres(self.wrapped)]
        return tuple(sorted({x for x in points if isfinite(x) and self.support.low <= x <= self.support.high}))

    def ends(self) -> tuple[float, ...]:
        """See ``Distribution.ends``."""
        return self.support.interior if isinstance(self.support, Interval) and not self.support.is_the_line else ()

    def atoms(self) -> Tensor | None:
        """See ``Distribution.atoms``."""
        match self.support:
            case Lattice(low, high) if high - low < MAX_ATOMS:
                return torch.arange(low, high + 1, dtype=torch.float64, device=self.device)
            case Space() if self.family.atoms is not None:
                return self.family.atoms(self.state)
            case _:
                return None


class Mixture(Distribution):
    """A weighted sum of distributions of one form; each draw picks its component independently."""

    def __init__(self, expression: Expression, weights: Sequence[float], components: Sequence[Distribution]) -> None:
        first = components[0]
        self.expression = expression
        self.kind = first.kind
        self.event_shape = first.event_shape
        self.device = first.device
        self.support = hull([component.support for component in components])
        self.weights = tuple(weight / sum(weights) for weight in weights)
        self.components = tuple(components)
        # without the last, which is 1 but for rounding: a uniform above it belongs to the last component
        self._steps = tuple(accumulate(self.weights))[:-1]
        self._alike = all(component.support == self.support for component in components)

    def draw(self, stream: Stream, count: int) -> Tensor:
        """See ``Distribution.draw``."""
        uniform = stream.uniform(count)
        picked = torch.zeros(count, dtype=torch.int16, device=self.device)
        for step in self._steps:
            picked += uniform >= step
        counts = picked.int().bincount(minlength=len(self.components)).tolist()
        drawn = torch.cat([part.draw(stream, size) for part, size in zip(self.components, counts, strict=True)])
        # stable: draws of one component are equal to the sort, and an unstable one may order them otherwise elsewhere
        return torch.empty_like(drawn).index_copy_(0, picked.argsort(stable=True), drawn)

    def log_density(self, x: Tensor) -> Tensor:
        """See ``Distribution.log_density``."""
        if not self._alike:
            return self.log_prob(x)
        return self._sum([component.log_density(x) for component in self.components])

    def log_prob(self, x: Tensor) -> Tensor:
        """See ``Distribution.log_prob``."""
        return self._sum([component.log_prob(x) for component in self.components])

    def _sum(self, log_densities: list[Tensor]) -> Tensor:
        # logarithms: far out every density underflows, and the nearest component still has a log
        return reduce(torch.logaddexp, (part.add_(log(w)) for w, part in zip(self.weights, log_densities, strict=True)))

    def landmarks(self) -> tuple[float, ...]:
        """See ``Distribution.landmarks``."""
        return tuple(sorted({point for component in self.components for point in component.landmarks()}))

    def ends(self) -> tuple[float, ...]:
        """See ``Distribution.ends``."""
        return tuple(sorted({end for component in self.components for end in component.ends()}))

    def atoms(self) -> Tensor | None:
        """See ``Distribution.atoms``."""
        every = [component.atoms() for component in self.components]
        listed = [atoms for atoms in every if atoms is not None]
        return torch.unique(torch.cat(listed), dim=0) if len(listed) == len(every) else None


class Power(Distribution):
    """Independent copies of one distribution; one draw is [copies, *base.event_shape]."""

    def __init__(self, expression: Expression, base: Distribution, copies: int) -> None:
        self.expression = expression
        self.kind = base.kind
        self.event_shape = (copies, *base.event_shape)
        self.device = base.device
        self.support = Space(f"{copies} copies of {base.support}")
        self.base = base
        self.copies = copies

    def draw(self, stream: Stream, count: int) -> Tensor:
        """See ``Distribution.draw``."""
        return self.base.draw(stream, count * self.copies).view(count, *self.event_shape)

    def log_density(self, x: Tensor) -> Tensor:
        """See ``Distribution.log_density``."""
        return self._sum(self.base.log_density, x)

    def log_prob(self, x: Tensor) -> Tensor:
        """See ``Distribution.log_prob``."""
        return self._sum(self.base.log_prob, x)

    def _sum(self, of_copy: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        return of_copy(x.reshape(-1, *self.base.event_shape)).view(-1, self.copies).sum(1)

    def ends(self) -> tuple[float, ...]:
        """See ``Distribution.ends``."""
        return self.base.ends()

    def atoms(self) -> Tensor | None:
        """See ``Distribution.atoms``."""
        atoms = self.base.atoms()
        if atoms is None or len(atoms) ** self.copies > MAX_ATOMS:
            return None
        numbers = torch.arange(len(atoms), device=self.device)
        return atoms[torch.cartesian_prod(*[numbers] * self.copies).view(-1, self.copies)]


def _membership(family: Family, support: Support, state: Any) -> Callable[[Tensor], Tensor] | None:
    """The test of whether points lie in the support; None where all do."""
    match support:
        case Interval(low, high, closed):
            if support.is_the_line:
                return None
            # x <= high holds of x = inf where high is infinite: no infinite x is inside, and NaN passes no comparison
            return lambda x: ((x >= low) & (x <= high) if closed else (x > low) & (x < high)) & (x < inf)
        case Lattice(low, high):
            # infinity is its own floor, so it has to be ruled out here too
            return lambda x: (x >= low) & (x <= high) & (x == x.floor()) & (x < inf)
        case Space():
            inside = family.inside
            return None if inside is None else lambda x: inside(state, x)
