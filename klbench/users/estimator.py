"""A user's own estimator: a Python function named ``module:function`` on the command line or in a spec.

Naming it imports nothing. The module is imported when a run first calls it, from the folder the command was given in or
from wherever Python finds modules. What it raises is shown as the user's, with the place in their file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import cached_property
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

from klbench.estimators.divergence import REVERSE_KL
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import on_samples_of_q
from klbench.users.module import arity, load
from klbench.users.theirs import Theirs, current_folder

if TYPE_CHECKING:
    from torch import Tensor

_DOTTED = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_FORM = re.compile(f"{_DOTTED}:{_DOTTED}")


class UserFunction:
    """A user's function as a joint function of log-probabilities."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._theirs = Theirs(name, current_folder())

    def __call__(self, log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:
        """The user's value for each sample [n]; it can be differentiated if an argument can.

        Raises:
            UserError: their function raises, or what it returns is no tensor of one number a sample.
        """
        from klbench.users.called import called

        function, given = self._function, (log_q, log_p, log_sampler)[: self._arity]
        return called(self._theirs, function, given)

    @cached_property
    def _function(self) -> Callable[..., Any]:
        """The function itself; the first use imports its module."""
        return load(self._theirs)

    @cached_property
    def _arity(self) -> int:
        return arity(self.name, self._function)


def is_user_name(name: str) -> bool:
    """Whether this names a function of a module that can be found; nothing is imported."""
    if not _FORM.fullmatch(name):
        return False
    top = name.partition(":")[0].partition(".")[0]
    return top in sys.modules or PathFinder.find_spec(top, [current_folder(), *sys.path]) is not None


def user_estimator(name: str) -> Estimator:
    """A user's function as an estimator. Its target is the reverse KL until it is identified."""
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
