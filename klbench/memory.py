"""Memory that is full: told from other errors, whoever raises it, and what then helps.

Python and NumPy raise ``MemoryError``, torch an ``OutOfMemoryError`` of its own on a GPU and a bare ``RuntimeError`` on
the CPU, the system an ``OSError``, and a library that cannot be loaded an ``ImportError``. No torch here.
"""

from __future__ import annotations

import errno
import re
import sys

LESS_MEMORY = (
    "klbench itself takes about 300 MiB; each thread (-j) takes more, and so do large distributions and many pairs",
    "what helps: -j 1, smaller distributions, lower powers (**), fewer estimators or pairs; ulimit -v tells a limit",
)
_SAID = re.compile(
    r"can(?:'|no)t allocate memory|not enough memory|unable to allocate|out of memory|bad_alloc|failed to map segment"
    r"|can't start new thread",
    re.IGNORECASE,
)
"""The words of torch, NumPy, C++, the loader, and of Python where there is no room for a thread's stack."""
_WANTED = re.compile(r"allocate (?P<size>\d[\d.]*) ?(?P<unit>bytes|[KMGTPE]i?B)", re.IGNORECASE)
_MEBIBYTE = 2**20
_LIBRARIES = "torch, numpy"
_ROOM = 64 * _MEBIBYTE
"""What klbench itself takes beside them, its own modules and the stacks of a few threads."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError | ImportError | SystemError | OSError) and bool(_SAID.search(_text(error)))


def out_of_memory(error: BaseException) -> str:
    """What to say of such an error, with its notes: ``out of memory in my_kl:f: there is no room for 763 MiB``."""
    said = " ".join(["out of memory", *getattr(error, "__notes__", ())])
    wanted = _WANTED.search(_text(error))
    if wanted is None:
        return said
    size = f"{wanted['size']} {wanted['unit']}"
    if wanted["unit"] == "bytes":
        size = f"{float(wanted['size']) / _MEBIBYTE:,.0f} MiB"
    return f"{said}: there is no room for {size}"


def libraries_fit() -> bool:
    """Whether this process may load torch: tried in a process of its own where memory is limited (``ulimit -v``).

    A library that finds no memory as it is loaded may abort the process, which nothing inside of it can tell of.
    """
    if sys.platform == "win32":
        return True
    import resource
    import subprocess

    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return True
    tried = [sys.executable, "-P", "-c", f"import {_LIBRARIES}; room = bytearray({_ROOM})"]
    nothing = subprocess.DEVNULL
    return not subprocess.run(tried, stdin=nothing, stdout=nothing, stderr=nothing, check=False).returncode


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a user's error has a __str__ that is theirs too
        return ""
