"""A file of logits: a one-dimensional .npy array of numbers, never unpickled. No torch here."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from klbench.distributions.constraints import MOST_TOKENS
from klbench.distributions.expression import Text
from klbench.distributions.named_files import FileFault, content

if TYPE_CHECKING:
    import numpy as np

_SAVE = "numpy.save(name, logits), of a float array [vocab]"


def array_fault(name: Text) -> tuple[str, str] | None:
    """Why a file holds no logits, and what to do; None where it does."""
    try:
        logits_of(name)
    except FileFault as fault:
        return fault.what, fault.advice
    return None


def logits_of(name: Text) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The logits of a file [vocab], float64: finite or −inf, and not all of them −inf.

    Raises:
        FileFault: it is not there, or holds something else.
    """
    import numpy as np

    data = content(name)
    if not data.startswith(b"\x93NUMPY"):
        raise FileFault("is no .npy file", _SAVE)
    try:
        array = np.load(BytesIO(data), allow_pickle=False)
    except ValueError as error:
        if "pickle" in str(error) or "Object arrays" in str(error):
            raise FileFault("holds pickled objects, which are never read", _SAVE) from None
        raise FileFault("is torn: NumPy does not read it", _SAVE) from None
    except (OSError, EOFError, SyntaxError, TypeError, KeyError, MemoryError, OverflowError):
        raise FileFault("is torn: NumPy does not read it", _SAVE) from None
    if array.ndim != 1:
        raise FileFault(f"has the shape {list(array.shape)}", "a one-dimensional array [vocab]")
    if array.dtype.kind not in "fiu":
        raise FileFault(f"is of type {array.dtype}", "an array of float64, float32, float16 or integers")
    if not 1 <= len(array) <= MOST_TOKENS:
        raise FileFault(f"has {len(array):,} logits", f"from 1 to {MOST_TOKENS:,}")
    logits: np.ndarray[Any, np.dtype[np.float64]] = array.astype(np.float64)
    wrong = np.flatnonzero(np.isnan(logits) | (logits == np.inf))
    if len(wrong):
        raise FileFault(f"has {logits[wrong[0]]} at position {wrong[0]}", "finite numbers and -inf")
    if not np.isfinite(logits).any():
        raise FileFault("has no token with any mass: all logits are -inf", "at least one finite number")
    return logits
