"""Replacing one folder by another: in one step if the system can do that, else in two.

Linux (``renameat2``) and macOS (``renamex_np``) exchange two names at once: at every moment the place holds the one
folder or the other, whole. Elsewhere, and on a file system that cannot exchange (NFS, some network disks), the old
folder is first moved aside. A kill between these two steps leaves no folder in the place, and both beside it; whoever
comes next puts the old one back (``klbench.files.folder``).
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

ASIDE = ".old"
"""The ending of a folder that was moved aside."""
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_AT_CURRENT_FOLDER, _EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux; macOS's RENAME_SWAP is 2 as well."""


def put(new: Path, place: Path) -> None:
    """Make ``place`` the folder ``new``. What was at ``place`` is then at ``new``, or at ``new`` with the ending
    ``ASIDE``.

    Raises:
        OSError: it cannot be done; if the second of two steps fails, nothing is at ``place``.
    """
    if not os.path.lexists(place):
        new.rename(place)
    elif not _exchanged(new, place):
        place.rename(new.with_suffix(ASIDE))
        new.rename(place)


def _exchanged(first: Path, second: Path) -> bool:
    """Exchange two names; False if the system or the file system cannot."""
    code = _exchange(os.fsencode(first), os.fsencode(second))
    if code in _CANNOT:
        return False
    if code:
        raise OSError(code, os.strerror(code), str(second))
    return True


def _exchange(first: bytes, second: bytes) -> int:
    """Exchange two names; returns the system's error number, 0 if it is done."""
    if sys.platform == "win32":
        return errno.ENOSYS
    library, at, how = ctypes.CDLL(None, use_errno=True), ctypes.c_int(_AT_CURRENT_FOLDER), ctypes.c_uint(_EXCHANGE)
    if hasattr(library, "renameat2"):
        failed = library.renameat2(at, first, at, second, how)
    elif hasattr(library, "renamex_np"):
        failed = library.renamex_np(first, second, how)
    else:
        return errno.ENOSYS
    return ctypes.get_errno() if failed else 0
