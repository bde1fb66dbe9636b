"""A module of a user in the current folder, under a name that no other test has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from klbench.users.estimator import UserFunction

HEAD = "import functools\nimport sys\nimport torch\n"


def written(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> str:
    """Write the module and go to its folder; the module's name."""
    name = f"own_{abs(hash(str(folder)))}"
    (folder / f"{name}.py").write_text(HEAD + source, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return name


def value(name: str, needs_gradient: bool = False) -> Tensor:
    """The function's value [3]; of log_q − log_p it is 1, 2 and 3."""
    log_q = torch.tensor([-1.0, -2.0, -3.0], dtype=torch.float64, requires_grad=needs_gradient)
    log_p = torch.tensor([-2.0, -4.0, -6.0], dtype=torch.float64)
    return UserFunction(name)(log_q, log_p, log_q.detach())
