"""Checks a spec that somebody else wrote for the code it would run on this machine."""

from __future__ import annotations

from klbench.errors import SpecError
from klbench.estimators.catalogue import find, unweighted
from klbench.spec.model import Spec
from klbench.users.estimator import UserFunction


def refuse_imports(spec: Spec) -> None:
    """Refuse a spec that names a function of a module, which a run would import: that runs whatever is in the module.

    Raises:
        SpecError: located at the first such name.
    """
    for name in spec.estimators:
        if isinstance(find(name).joint, UserFunction):
            place = spec.place_of(unweighted(name))
            help = ["with --no-import no module is imported that a spec names", "take it out, or leave --no-import out"]
            raise SpecError(f"{name} is a function of a module: a run imports that", location=place, help=help)
