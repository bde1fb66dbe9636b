"""Finding an estimator by the name a spec gives it.

A name is ``k3``, a family with its number, ``k1_cv(0.5)``, what a framework ships, ``verl:low_var_kl``, a user's own,
``my_module:my_kl``, or any of them importance-weighted, ``ratio*k3``. Every module of this package that declares
``ESTIMATORS`` or ``FAMILIES`` is found by itself: a new file needs no entry here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import PurePath
from pkgutil import iter_modules
from types import ModuleType

import klbench.estimators
from klbench.errors import SpecError, is_surely, nearest, unknown
from klbench.estimators.estimator import OPTIMAL, WEIGHT, Estimator, EstimatorFamily
from klbench.estimators.weights import WEIGHTS, weighed
from klbench.estimators.whole import WHOLE, WHOLE_FAMILIES
from klbench.users.estimator import is_user_name, user_estimator
from klbench.users.module import HOW

_RATIO = re.compile(rf"(?P<prefix>{WEIGHT})\s*\*\s*")
_BEFORE = re.compile(r"[^:]*\*\s*(?=\S)")
"""All that stands before a name: ``verl:*`` has its star behind."""
_NAME = re.compile(r"(?P<base>\w[\w-]*)\s*(?:\(\s*(?P<value>[^()]*?)\s*\))?")


@cache
def estimators() -> tuple[Estimator, ...]:
    """Every estimator without a parameter, in the order of the modules."""
    return tuple(entry for module in _modules() for entry in getattr(module, "ESTIMATORS", ()))


@cache
def families() -> tuple[EstimatorFamily, ...]:
    """Every family of estimators that takes a number."""
    return tuple(entry for module in _modules() for entry in getattr(module, "FAMILIES", ()))


def unlisted() -> tuple[Estimator, ...]:
    """The estimators without a parameter that are no functions of one log_ratio."""
    return WHOLE


def of_sequences() -> tuple[Estimator, ...]:
    """The estimators that only sequences or whole distributions have, one of each family."""
    return (*WHOLE, *(family.make(family.example) for family in WHOLE_FAMILIES))


def every_family() -> tuple[EstimatorFamily, ...]:
    """Every family, those of whole distributions too."""
    return (*families(), *WHOLE_FAMILIES)


def every_name() -> tuple[str, ...]:
    """Every name a spec can use, families with an example number."""
    return (*names(), *(estimator.name for estimator in of_sequences()))


@cache
def names() -> tuple[str, ...]:
    """Every name of an estimator of single draws, families with an example number."""
    members = [f"{family.name}({family.example:g})" for family in families()]
    fitted = [f"{family.name}({OPTIMAL})" for family in families() if family.optimal]
    return (*(entry.name for entry in estimators()), *members, *fitted)


def find(name: str) -> Estimator:
    """The estimator called ``name``.

    Raises:
        SpecError: nobody is called that; says what there is and what was probably meant. Or it is to be weighted, and
            has a weight of its own.
    """
    plain = unweighted(name)
    refuse_other_weights(name)
    estimator = _find_named(plain) if ":" in plain else _find_native(name, plain)
    if plain == name.strip():
        return estimator
    _refuse_two_weights(plain)
    match = _RATIO.match(name.strip())
    assert match is not None, "there is a weight before the plain name"
    return weighed(estimator, match["prefix"])


def unweighted(name: str) -> str:
    """The name without the weight before it: ``ratio*``, ``ratio-sequence*``, ``self-normalised-ratio*`` and so on."""
    return _RATIO.sub("", name.strip(), count=1) if _RATIO.match(name.strip()) else name.strip()


def refuse_other_weights(name: str) -> None:
    """Refuse what stands before a star and is no weight, or a second one.

    Raises:
        SpecError: with the weight that was probably meant, before the same name.
    """
    before, star, after = unweighted(name).partition("*")
    if star and after.strip() and ":" not in before:
        raise _no_such_weight(name.strip())


def _refuse_two_weights(name: str) -> None:
    from klbench.frameworks import catalogue as shipped

    if shipped.is_shipped(name) and shipped.find(name).multiplies_ratio:
        help = [f"write {name} alone"]
        raise SpecError(f"{name} multiplies by ρ = q/sampler itself: ratio* would weight it twice", help=help)


def _find_native(given: str, name: str) -> Estimator:
    """The estimator of a name without a colon; an error shows the name as it was ``given``."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise _unknown(given, name)
    return _find_base(given, match["base"], match["value"])


def _find_named(name: str) -> Estimator:
    """A framework's entry, ``framework:name`` or ``framework@version:name``, or a user's ``module:function``."""
    from klbench.frameworks import catalogue as shipped

    owner = shipped.owner(name)
    if shipped.is_shipped(name):
        try:
            return shipped.estimator(name)
        except SpecError as error:
            hint = [f"{owner} is a framework here: a module of your own needs another name"] * is_user_name(name)
            raise SpecError(error.message, help=[*error.help, *hint]) from error
    if ".py:" in name or "/" in name:
        module, _, function = name.replace(".py:", ":").partition(":")
        meant = f"{'.'.join(PurePath(module).parts)}:{function}"
        raise SpecError(f"{name!r} is a file, not a module", help=[f"write {meant}", HOW])
    if is_user_name(name):
        return user_estimator(name)
    mistake = unknown("framework or module", owner, shipped.frameworks())
    raise SpecError(mistake.message, help=[_not_a_users(name, owner), *mistake.help, HOW])


def _not_a_users(name: str, owner: str) -> str:
    if all(part.isidentifier() for part in name.replace(":", ".").split(".")):
        return f"no module {owner} in the current folder, nor where Python looks for modules"
    return f"{name!r} cannot be module:function: names are of letters, digits and _"


def examples() -> tuple[Estimator, ...]:
    """One estimator of every kind, plain: what lists show and contract tests run over."""
    return tuple(find(name) for name in names())


def _find_base(given: str, base: str, value: str | None) -> Estimator:
    if value is None:
        estimator = next((entry for entry in (*estimators(), *WHOLE) if entry.name == base), None)
    else:
        family = next((entry for entry in (*families(), *WHOLE_FAMILIES) if entry.name == base), None)
        estimator = family.bind(value) if family else None
    if estimator is None:
        raise _unknown(given, base)
    return estimator


def _unknown(given: str, name: str) -> SpecError:
    """The error for a name without a colon: a framework, or a framework's name for an estimator, gets its own help."""
    from klbench.frameworks import catalogue as shipped

    before = given.strip().removesuffix(name)
    error = unknown("estimator", given, _allowed(before))
    if meant := shipped.called(name):
        return SpecError(error.message, help=[f"did you mean {', '.join(before + one for one in meant)}?"])
    if name in shipped.frameworks():
        return SpecError(error.message, help=[f"{name} is a framework; klbench explain {name} lists what it ships"])
    return error


def _no_such_weight(given: str) -> SpecError:
    """The error for what stands before a star and is no weight: the nearest weight, of the same name."""
    before, name = given.partition("*")[0].strip(), _BEFORE.sub("", given)
    near, weights = nearest(before, WEIGHTS), f"allowed: {', '.join(WEIGHTS)}"
    meant = [] if near is None else [f"did you mean {near}*{name}?"]
    message = f"unknown weight {before!r} in {given!r}"
    if before in WEIGHTS:
        message = f"{given!r} has more than one weight"
    return SpecError(message, help=meant if is_surely(before, near, WEIGHTS) else [*meant, weights])


def _allowed(before: str = "") -> tuple[str, ...]:
    """Every name, behind a weight where there is one ``before`` it; without one the weights of a name too."""
    if before:
        return tuple(before + name for name in every_name())
    return (*every_name(), *(f"{weight}*k3" for weight in WEIGHTS))


def _modules() -> Iterator[ModuleType]:
    order = {"schulman": 0}
    modules = [module.name for module in iter_modules(klbench.estimators.__path__)]
    for name in sorted(modules, key=lambda name: (order.get(name, 1), name)):
        if name != "catalogue":
            yield import_module(f"{klbench.estimators.__name__}.{name}")
