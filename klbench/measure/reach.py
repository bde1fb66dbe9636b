"""What only tables and scores tell of a spec: whether policies walk together, and whether a gradient is too long.

Every case is held to it before one is measured, and a refusal says where in the spec the case is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from klbench.errors import Location, SpecError
from klbench.problems.build import AnyPair, build_pair

if TYPE_CHECKING:
    from klbench.spec.cases import Case
    from klbench.spec.model import Spec


def hold_to_reach(spec: Spec) -> None:
    """Build every case that has tables or a gradient, and draw nothing.

    Raises:
        SpecError: located in the spec at q, p or the sampler: policies that cannot walk together, a file that cannot be
            read, a gradient of too many components.
    """
    gradients = "gradient" in spec.measure
    for index, pair in enumerate(spec.pairs):
        if not gradients and not pair.has_sequences:
            continue
        for case in pair.cases():
            if case.data is not None:
                with _placed(case, spec.place_at("pairs", index, "data")):
                    build_pair(case)
                continue
            built = _built(spec, case, index)
            if gradients:
                from klbench.measure.components import hold_gradient  # of gradients only

                with _placed(case, spec.place_at("pairs", index, "q")):
                    hold_gradient(built, spec.parameters, with_baseline=spec.baseline != "none")


def _built(spec: Spec, case: Case, index: int) -> AnyPair:
    try:
        return build_pair(case)
    except SpecError:
        for role, members in (("p", replace(case, sampler=None)), ("sampler", case)):
            with _placed(case, spec.place_at("pairs", index, role)):
                build_pair(members)
        raise


@contextmanager
def _placed(case: Case, place: Location | None) -> Iterator[None]:
    """Say of what is refused where it stands, and with which values of the grid."""
    try:
        yield
    except SpecError as error:
        values = ", ".join(f"{name} = {value}" for name, value in case.parameters.items())
        with_values = f"with {values}: " if values else ""
        raise SpecError(with_values + error.message, location=error.location or place, help=error.help) from error
