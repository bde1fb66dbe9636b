"""``klbench --version``: klbench first, then what it stands on and runs on."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable

import pytest
import torch

import klbench
from klbench.hardware import processor_name
from tests.cli.conftest import Done

Call = Callable[..., Done]


def test_it_says_what_is_at_work(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    done = call("--version")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"klbench {klbench.__version__}",
        f"Python {platform.python_version()}",
        f"torch {torch.__version__}",
        "no CUDA",
        f"device cpu: {processor_name()}",
    ]


def test_it_names_every_device(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"the {device[5:]}th")
    lines = call("--version").out.splitlines()
    assert lines[3:6] == ["CUDA 12.8", "device cuda:0: the 0th", "device cuda:1: the 1th"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert call("--version").out.splitlines()[3] == "CUDA 12.8, no device"


def test_it_works_without_torch(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # as where it is not there
    lines = call("--version").out.splitlines()
    assert lines[0] == f"klbench {klbench.__version__}"
    assert lines[2].startswith("torch cannot be imported")
