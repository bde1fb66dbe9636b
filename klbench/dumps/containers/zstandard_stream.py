"""A file packed with Zstandard as a stream. The package's own reader only stops where a file is torn; this one tells.

Needs the package zstandard (extra ``data``), which is imported where such a file is opened.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO

_PACKED = 2**12
"""Bytes unpacked at a time: the tightest packing makes 128 MiB of them, not more."""


class Unpacked(io.RawIOBase):
    """The bytes of a packed file, frame after frame.

    Raises:
        ImportError: zstandard is not installed.
        EOFError: from reading, where the file ends within a frame or is no such file.
    """

    def __init__(self, packed: BinaryIO) -> None:
        import zstandard

        self._zstandard: Any = zstandard
        self._packed = packed
        self._frame: Any = None
        self._rest = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills ``buffer`` as far as what is unpacked goes; 0 at the end."""
        while not self._ready:
            packed = self._rest or self._packed.read(_PACKED)
            self._rest = b""
            if not packed:
                if self._frame is not None:
                    raise EOFError("it ends before its Zstandard frame does")
                return 0
            self._ready = memoryview(self._unpack(packed))
        number = min(len(buffer), len(self._ready))
        buffer[:number] = self._ready[:number]
        self._ready = self._ready[number:]
        return number

    def _unpack(self, packed: bytes) -> bytes:
        self._frame = self._frame or self._zstandard.ZstdDecompressor().decompressobj()
        try:
            unpacked: bytes = self._frame.decompress(packed)
        except self._zstandard.ZstdError as error:
            raise EOFError(f"it is not Zstandard: {error}") from None
        if self._frame.eof:
            self._rest, self._frame = self._frame.unused_data, None
        return unpacked
