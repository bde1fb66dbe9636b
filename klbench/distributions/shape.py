"""The shape of an expression's draws, found without torch: a pair that cannot be compared is refused early.

Two distributions can be compared where their densities are densities on the same space: the same kind, the same event
shape, the same number of categories.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from klbench.distributions.catalogue import find, with_defaults
from klbench.distributions.constraints import POLICY
from klbench.distributions.expression import (
    Expression,
    Mixture,
    Named,
    Power,
    Reference,
    placeholders,
    references,
    shortened,
)
from klbench.distributions.family import Kind
from klbench.errors import SpecError
from klbench.wording import counted


@dataclass(frozen=True)
class Form:
    """The kind, event shape, number of categories and space of a distribution; a size not yet known is None.

    A policy over sequences is of kind discrete, its categories are the vocabulary, and ``length`` is the most tokens of
    a sequence. Of a ``checkpoint`` neither is known before it is loaded.
    """

    kind: Kind
    event_shape: tuple[int | None, ...] = ()
    categories: int | None = None
    space: str = "real numbers"
    sequence: bool = False
    length: int | None = None
    checkpoint: bool = False

    def __str__(self) -> str:
        if self.checkpoint:
            return "discrete, sequences of tokens of a checkpoint"
        if self.sequence:
            sizes = ("?" if n is None else str(n) for n in (self.length, self.categories))
            return "discrete, sequences of up to {} of {} tokens".format(*sizes)
        size = " x ".join("?" if n is None else str(n) for n in self.event_shape)
        thing = {0: "numbers", 1: "vectors"}.get(len(self.event_shape), "arrays")
        if self.space not in ("real numbers", "integers"):
            return f"{self.kind}, {self.space} of shape {size}"
        if self.categories is not None:
            return f"{self.kind}, {self.categories} categories" + (" (one-hot)" if self.event_shape else "")
        return f"{self.kind}, {thing}" + (f" of shape {size}" if size else "")


def form(expression: Expression) -> Form:
    """The form of an expression, placeholders allowed.

    Raises:
        SpecError: the components of a mixture differ in form.
    """
    match expression:
        case Named():
            return _named(expression)
        case Mixture():
            return _mixture(expression)
        case Reference():
            return Form("discrete")
        case _:
            return _power(expression)


def mismatch(left: Form, right: Form) -> str | None:
    """Why two forms cannot be compared, as the end of a sentence, or None where they can."""
    if left.kind != right.kind:
        return f"one is {left.kind}, the other {right.kind}"
    if left.sequence != right.sequence:
        return "one is a policy over sequences, the other is over single draws"
    if left.checkpoint != right.checkpoint:
        return "one is a checkpoint, the other is not"
    if not _same_shape(left.event_shape, right.event_shape):
        return f"their dimensions differ: {left} and {right}"
    if left.space != right.space:
        return f"one has draws in {left.space}, the other in {right.space}"
    if left.categories and right.categories and left.categories != right.categories:
        unit = "tokens" if left.sequence else "categories"
        return f"one has {left.categories} {unit}, the other {right.categories}"
    if left.length and right.length and left.length != right.length:
        return f"one has sequences of up to {counted(left.length, 'token')}, the other of up to {right.length:,}"
    return None


def check_pair(q: Expression, p: Expression, sampler: Expression | None = None) -> None:
    """Refuse a pair whose members cannot be compared.

    Raises:
        SpecError: names the two and what differs.
    """
    others = [("p", p)] + ([("sampler", sampler)] if sampler is not None else [])
    for name, other in others:
        reason = mismatch(form(q), form(other))
        if reason:
            help = [
                f"q = {shortened(q)}",
                f"{name} = {shortened(other)}",
                "q, p and sampler must be densities of the same kind and size",
            ]
            raise SpecError(f"q and {name} cannot be compared: {reason}", help=help)


def _named(expression: Named) -> Form:
    family = find(expression.family)
    arguments = with_defaults(family, expression.arguments)
    made = Form(family.kind, family.event_shape(arguments), family.categories(arguments), family.space)
    if family.length is not None:
        made = replace(made, sequence=True, length=family.length(arguments), checkpoint=family.checkpoint)
    for parameter in family.parameters:
        if parameter.constraint is POLICY:
            base = arguments[parameter.name]
            _check_policy(expression, base)  # type: ignore[arg-type]
            made = _as_base(made, form(base))  # type: ignore[arg-type]
    return made


def _as_base(made: Form, base: Form) -> Form:
    """What is made of a policy over sequences is one too."""
    return replace(made, sequence=base.sequence, length=base.length, checkpoint=base.checkpoint)


def _check_policy(expression: Named, base: Expression) -> None:
    if references(base):
        return  # the pair puts q in its place, and asks again
    found = form(base)
    if found.checkpoint:
        if instead := find(expression.family).instead:
            raise SpecError(f"{expression.family} is not made of a checkpoint", help=[instead])
        return
    if found.event_shape or found.kind != "discrete" or (found.categories is None and not placeholders(base)):
        help = [
            "a policy over tokens: q, Zipf(vocab=100), Softmax(vocab=100), Categorical(...), or what is made of one"
        ]
        raise SpecError(f"{expression.family} takes a policy over tokens, not {shortened(base)}", help=help)
    size = dict(expression.arguments).get("k")
    if isinstance(size, int | float) and found.categories is not None and size > found.categories:
        help = [f"a whole number from 1 to {found.categories}"]
        raise SpecError(f"{expression.family} of {size:g} tokens, but the policy has {found.categories}", help=help)


def _mixture(expression: Mixture) -> Form:
    forms = [form(component) for component in expression.components]
    for component, of in zip(expression.components, forms, strict=True):
        _refuse_sequences(component, of, "mixed")
    for component, other in zip(expression.components[1:], forms[1:], strict=True):
        reason = mismatch(forms[0], other)
        if reason:
            message = f"{shortened(expression.components[0])} and {shortened(component)} cannot be mixed: {reason}"
            raise SpecError(message, help=["the components of a sum must be densities of the same kind and size"])
    return forms[0]


def _refuse_sequences(expression: Expression, of: Form, done: str) -> None:
    if of.sequence:
        help = ["a policy over sequences stands by itself, or in Perturb, Temper, TopK or TopP"]
        raise SpecError(f"{shortened(expression)} is a policy over sequences and cannot be {done}", help=help)


def _power(expression: Power) -> Form:
    base, copies = form(expression.base), expression.copies
    _refuse_sequences(expression.base, base, "raised to a power")
    return replace(base, event_shape=(int(copies) if isinstance(copies, int | float) else None, *base.event_shape))


def _same_shape(left: tuple[int | None, ...], right: tuple[int | None, ...]) -> bool:
    if None in left or None in right:
        return True
    return left == right
