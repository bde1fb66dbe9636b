"""What a run was made on, by name: the processor, or the accelerator."""

from __future__ import annotations

import platform
from pathlib import Path

_LINUX = Path("/proc/cpuinfo")


def device_name(device: str) -> str:
    """The name of a device that torch calls ``device``: the accelerator's, or of ``cpu`` the processor's."""
    if not device.startswith("cuda"):
        return processor_name()
    import torch

    return torch.cuda.get_device_name(device)


def processor_name() -> str:
    """``AMD EPYC 7763 64-Core Processor``; the kind of machine, ``arm64``, where the system does not name it."""
    try:
        lines = _LINUX.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == "model name")
    return next(named, "") or platform.processor() or platform.machine()


def processor() -> str:
    """``AVX2``: the instructions that torch uses here; on other ones the last digits of sums may differ."""
    import torch

    return torch.backends.cpu.get_cpu_capability()
