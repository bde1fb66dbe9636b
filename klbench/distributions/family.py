"""One named family of torch.distributions, as declared data: what a user may write, how it is drawn, its density.

Everything here can be read without torch; only the functions ``draw``, ``log_prob`` and ``landmarks`` need it, and
they are called on built distributions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Any, Literal, Protocol

from klbench.distributions.expression import Text, value_text
from klbench.distributions.support import Support

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.distributions.constraints import Constraint
    from klbench.distributions.stream import Stream

Kind = Literal["continuous", "discrete"]
Space = Literal[
    "real numbers",
    "integers",
    "simplex",
    "one-hot vectors",
    "positive definite matrices",
    "Cholesky factors of correlation matrices",
]
Arguments = Mapping[str, Any]
Shape = tuple[int | None, ...]

LogDensity = Callable[[Any, "Tensor"], "Tensor"]
Change = Callable[["Tensor", Arguments], "Tensor"]
ParameterScore = Callable[[Any, "Tensor"], "Tensor"]

MAX_ATOMS = 2**20
MOVES_SUPPORT = "the support moves with it"
IS_COUNT = "it is a count"


class Built(Protocol):
    """A torch distribution: its parameters are float64 tensors."""

    def __getattr__(self, name: str) -> Tensor: ...


@dataclass(frozen=True)
class Parameter:
    """An argument of a family, by torch's name. ``default`` is None where the argument has to be given, or may be left
    out (``optional``)."""

    name: str
    constraint: Constraint
    default: float | Text | None = None
    optional: bool = False

    @property
    def shown_default(self) -> float | str | None:
        """The default as a number or a text."""
        return self.default.text if isinstance(self.default, Text) else self.default


@dataclass(frozen=True)
class Rule:
    """What several arguments must fulfil together; ``text``, or what it says of them, completes "Family needs ...", and
    ``advice`` says what to do."""

    text: str | Callable[[Arguments], str]
    arguments: tuple[str, ...]
    holds: Callable[[Arguments], bool]
    advice: Callable[[Arguments], str] | None = None


@dataclass(frozen=True)
class Natural:
    """A density as an exponential family: log density = Σ coefficient · statistic(x) + constant, against a measure.

    Two densities of the same support and measure then differ by the differences of their coefficients, and a constant.
    ``terms`` maps a statistic's name (``klbench.distributions.exponential``) to its coefficient.
    """

    terms: Mapping[str, float]
    measure: str = "length"


def mean_and_mode(wrapped: Any) -> tuple[float, ...]:
    """The mean and the mode of a torch distribution, NaN or infinite where they do not exist or torch has none."""
    return _statistic(wrapped, "mean"), _statistic(wrapped, "mode")


def _statistic(wrapped: Any, name: str) -> float:
    try:
        return float(getattr(wrapped, name))
    except NotImplementedError:
        return nan


def _scalar(_: Arguments) -> Shape:
    return ()


@dataclass(frozen=True)
class Family:
    """A class of torch.distributions.

    Attributes:
        name: torch's class name.
        summary: one line that describes it.
        kind: whether its density is against lengths or counts.
        parameters: its arguments in torch's order.
        support_text: where it lives, for the user.
        examples: expressions the contract tests run over, the one to show first.
        alternatives: groups of arguments of which exactly one is given.
        forms: groups of arguments of which exactly one is given, all of it but for its defaults.
        rules: what arguments must fulfil together.
        support: where it lives, from the bound arguments.
        event_shape: the shape of one draw, from the bound arguments.
        categories: the number of categories, where the family has them.
        space: what its density is a density on; densities on different spaces cannot be compared.
        draw: ``(state, stream, count) -> [count, *event_shape]``.
        prepare: ``(torch distribution, bound arguments) -> state``, what the functions beside it work on; the torch
            distribution itself by default.
        log_prob: ``(state, x) -> [count]``, valid on the support; None where torch's own is right.
        inside: ``(state, x) -> [count]``, whether vectors lie in the support; None where all do.
        centres: ``torch distribution -> points`` where the mass of a univariate family is.
        atoms: ``state -> [n, *event_shape]``, every point of a finite support of vectors, or None above MAX_ATOMS.
        natural: ``state -> Natural``, for exponential families.
        scores: ``(state, x) -> ∂ log density/∂ parameter`` [count, *shape of the parameter] by parameter's name, where
            autograd of the log-density loses digits, makes NaN, or is slow; autograd for those not named.
        logits: ``bound arguments -> the logits of its tokens``, float64, of a policy over tokens; None for all others,
            which are classes of torch.distributions.
        change: ``(log-probabilities of a policy [..., V], bound arguments) -> logits`` [..., V], of a policy that is
            made of another one.
        length: ``bound arguments -> the most tokens of a sequence``, of a policy that is always over sequences; None
            where a grid parameter decides.
        checkpoint: whether it is a model that is loaded, whose vocabulary is not known before.
        instead: of a policy made of another one, what to write in its place where that is a checkpoint; empty where it
            can be made of one.
        unscored: ``bound arguments -> {parameter: why it has no score}``; what the support depends on has none.
    """

    name: str
    summary: str
    kind: Kind
    parameters: tuple[Parameter, ...]
    support_text: str
    support: Callable[[Arguments], Support]
    examples: tuple[str, ...]
    draw: Callable[[Any, Stream, int], Tensor]
    alternatives: tuple[str, ...] = ()
    forms: tuple[tuple[str, ...], ...] = ()
    rules: tuple[Rule, ...] = ()
    event_shape: Callable[[Arguments], Shape] = _scalar
    categories: Callable[[Arguments], int | None] = lambda _: None
    space: Space = "real numbers"
    prepare: Callable[[Any, Arguments], Any] = lambda wrapped, _: wrapped
    log_prob: LogDensity | None = None
    inside: Callable[[Any, Tensor], Tensor] | None = None
    centres: Callable[[Any], tuple[float, ...]] = mean_and_mode
    atoms: Callable[[Any], Tensor | None] | None = None
    natural: Callable[[Any], Natural] | None = None
    scores: Mapping[str, ParameterScore] = field(default_factory=dict)
    logits: Callable[[Arguments], Tensor] | None = None
    change: Change | None = None
    length: Callable[[Arguments], int | None] | None = None
    checkpoint: bool = False
    instead: str = ""
    unscored: Callable[[Arguments], Mapping[str, str]] = lambda _: {}

    @property
    def univariate(self) -> bool:
        """Whether one draw is one number."""
        return self.event_shape is _scalar

    @property
    def example(self) -> str:
        """An expression to show."""
        return self.examples[0]

    @property
    def signature(self) -> str:
        """What a user writes: ``StudentT(df, loc=0, scale=1)``, ``Bernoulli(probs | logits)``."""
        return f"{self.name}({', '.join(self._signature_parts())})"

    def _signature_parts(self) -> list[str]:
        in_forms = [name for form in self.forms for name in form]
        texts = {p.name: p.name if p.default is None else f"{p.name}={value_text(p.default)}" for p in self.parameters}
        texts |= {p.name: f"{p.name}=none" for p in self.parameters if p.optional}
        single = [text for name, text in texts.items() if name not in (*self.alternatives, *in_forms)]
        forms = [" | ".join(", ".join(texts[name] for name in form) for form in self.forms)] if self.forms else []
        return [*forms, *single, " | ".join(self.alternatives)] if self.alternatives else [*forms, *single]
