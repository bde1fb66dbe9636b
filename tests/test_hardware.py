"""The names of what a run was made on."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import torch

from klbench import hardware
from klbench.hardware import device_name, processor_name


def test_the_processor_is_called_as_the_system_calls_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel\t\t: 85\nmodel name\t: A Processor: 2\nprocessor\t: 1\nmodel name\t: B\n")
    monkeypatch.setattr(hardware, "_LINUX", file)
    assert processor_name() == device_name("cpu") == "A Processor: 2"


@pytest.mark.parametrize("processor", ["arm", ""])
def test_elsewhere_it_is_at_least_of_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processor: str) -> None:
    monkeypatch.setattr(hardware, "_LINUX", tmp_path / "none")
    monkeypatch.setattr(platform, "processor", lambda: processor)
    assert processor_name() == (processor or platform.machine())


def test_an_accelerator_is_called_as_torch_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"the one at {device}")
    assert device_name("cuda:1") == "the one at cuda:1"
