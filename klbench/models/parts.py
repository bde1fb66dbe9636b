"""What was drawn and scored, kept in a folder part by part, so that no sequence is drawn twice.

A part is a few sequences of one block. It is written under another name and renamed, so that one that is there is
whole, whoever wrote it and however that ended.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import torch
from torch import Tensor

from klbench.errors import RunError
from klbench.models.drawing import Drawn


@dataclass(frozen=True)
class Parts:
    """The parts in a folder, which is made when the first one is put there."""

    folder: Path

    def find(self, block: int, first: int, count: int) -> Drawn | None:
        """What was drawn of so many sequences of a block, from ``first`` on; None where it is not here."""
        try:
            # NumPy leaves a file open that it finds torn
            with self._place(block, first, count).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return _read({name: torch.from_numpy(arrays[name]) for name in arrays.files})
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def put(self, block: int, first: int, count: int, drawn: Drawn) -> None:
        """Keep what was drawn.

        Raises:
            RunError: it cannot be written.
        """
        place = self._place(block, first, count)
        half = place.with_name(f"{uuid4().hex}.half")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with half.open("wb") as file:
                np.savez(file, **_written(drawn))  # type: ignore[arg-type]
            half.replace(place)
        except OSError as error:
            half.unlink(missing_ok=True)
            message = f"cannot keep what was drawn in {self.folder}: {error.strerror or error}"
            raise RunError(message, help=["free some of the disk"]) from error

    def _place(self, block: int, first: int, count: int) -> Path:
        return self.folder / f"{block}-{first}-{count}.npz"


def _written(drawn: Drawn) -> dict[str, np.ndarray]:
    known = {f"known_{number}": values for number, values in enumerate(drawn.known)}
    columns: dict[str, Tensor] = {**drawn.log_probs, **known, "tokens": drawn.tokens, "lengths": drawn.lengths}
    return {name: column.numpy() for name, column in columns.items()}


def _read(columns: dict[str, Tensor]) -> Drawn:
    known = sorted((name for name in columns if name.startswith("known_")), key=lambda name: int(name[6:]))
    roles = {name: column for name, column in columns.items() if name.startswith("log_")}
    return Drawn(columns["tokens"], roles, tuple(columns[name] for name in known), columns["lengths"])
