"""A user's own estimator: a Python function named ``module:function`` on the command line or in a spec.

Naming it imports nothing. The module is imported when a run first calls it, from the folder the command was given in or
from wherever Python finds modules. What it raises is shown as the user's, with the place in their file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from importlib import import_module
from importlib.machinery import PathFinder
from inspect import Parameter, cleandoc, signature
from linecache import getline
from math import inf
from pathlib import Path
from traceback import FrameSummary, extract_tb
from typing import TYPE_CHECKING, Any

from klbench.errors import KlbenchError, Location, SpecError
from klbench.estimators.divergence import REVERSE_KL
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import on_samples_of_q

if TYPE_CHECKING:
    from torch import Tensor

_FORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
HOW = "a function of your own is module:function, of (log_q, log_p) or (log_q, log_p, log_sampler), tensors to tensor"


_DOUBLE = 8


class UserFunction:
    """The joint function that a user's function is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:
        """The user's value for each sample [n].

        Raises:
            SpecError: their function raises, or what it returns is no tensor of one number a sample.
        """
        from klbench.uncast import Uncast

        given = (log_q, log_p, log_sampler)[: self.arity]
        try:
            with Uncast():
                value = self.function(*given)
        except (KlbenchError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise self._theirs(error) from error
        return self._checked(value, log_q)

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The function itself; the first use imports its module.

        Raises:
            SpecError: the module cannot be imported, or has no such function.
        """
        module_name, _, attribute = self.name.partition(":")
        folder = str(Path.cwd())
        sys.path.insert(0, folder)
        try:
            module = import_module(module_name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._theirs(error, "importing it") from error
        finally:
            with suppress(ValueError):
                sys.path.remove(folder)
        found = getattr(module, attribute, None)
        if not callable(found):
            names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
            raise SpecError(f"{module_name} has no function {attribute!r}", help=[f"it has: {', '.join(names)}"])
        return found  # type: ignore[no-any-return]

    @cached_property
    def arity(self) -> int:
        """How many log-probabilities it takes: 2, or 3 with the sampler's.

        Raises:
            SpecError: neither.
        """
        try:
            given = signature(self.function).parameters.values()
        except (TypeError, ValueError):
            return 2
        places = [p for p in given if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
        needed = [p for p in places if p.default is Parameter.empty]
        most = inf if any(p.kind is Parameter.VAR_POSITIONAL for p in given) else len(places)
        allowed = [count for count in (2, 3) if len(needed) <= count <= most]
        if not allowed:
            raise SpecError(f"{self.name} takes {len(needed)} arguments", help=[HOW])
        return allowed[0]

    def _checked(self, value: Any, log_q: Tensor) -> Tensor:
        shape = f" of shape {list(value.shape)}" if hasattr(value, "shape") else ""
        given = f"something of type {type(value).__name__}{shape}"
        if not hasattr(value, "requires_grad"):
            raise SpecError(f"{self.name} returns {given}", help=["return a torch tensor, one value for each sample"])
        if value.shape != log_q.shape:
            want = f"one value for each sample, shape {list(log_q.shape)} here"
            raise SpecError(f"{self.name} returns {given}", help=[f"return {want}; leave averaging to klbench"])
        if not value.is_floating_point():
            raise SpecError(f"{self.name} returns numbers of {value.dtype}", help=["return floating-point numbers"])
        # whatever it was made in, in float64 the truth goes on in float64
        return value.to(log_q.dtype) if log_q.element_size() == _DOUBLE else value  # type: ignore[no-any-return]

    def _theirs(self, error: BaseException, doing: str = "it") -> SpecError:
        location = _place(error)
        message = f"{self.name}: {doing} raised {type(error).__name__}: {error}"
        return SpecError(message, location=location, help=["the error is in that module, not in klbench"])

    @property
    def summary(self) -> str:
        """The function's docstring, where it has one."""
        return cleandoc(self.function.__doc__ or "")


def _place(error: BaseException) -> Location | None:
    """The innermost line of the current folder's files that the error came through; where it is one of syntax, it."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return Location(error.filename, error.lineno, error.offset or 1, (error.text or "").rstrip("\n"))
    here = str(Path.cwd())
    frames = [frame for frame in extract_tb(error.__traceback__) if frame.filename.startswith(here)]
    own = [frame for frame in frames if frame.filename != __file__]
    return _location(own[-1]) if own else None


def _location(frame: FrameSummary) -> Location:
    line = frame.lineno or 1
    return Location(frame.filename, line, (frame.colno or 0) + 1, getline(frame.filename, line).rstrip("\n"))


def is_user_name(name: str) -> bool:
    """Whether this names a function of a module that can be found; nothing is imported."""
    if not _FORM.fullmatch(name):
        return False
    top = name.partition(":")[0].partition(".")[0]
    return top in sys.modules or PathFinder.find_spec(top, [str(Path.cwd()), *sys.path]) is not None


def user_estimator(name: str) -> Estimator:
    """The estimator that a user's function is; it is taken for one of the reverse KL until it is identified."""
    function = UserFunction(name)
    return Estimator(
        name=name,
        formula="a function of your own",
        target=REVERSE_KL,
        function=on_samples_of_q(function),
        unbiased=False,
        nonnegative=False,
        biased_when="klbench identify tells",
        infinite_variance_when="klbench identify tells",
        source=name.partition(":")[0],
        joint=function,
        looks_at="sampler",
    )
