"""``klbench --version``: the versions at work and the devices a run can use, for a report of a bug."""

from __future__ import annotations

import platform
from collections.abc import Iterator

import klbench
from klbench.cli import output
from klbench.cli.waiting import import_torch
from klbench.hardware import device_name, processor_name


def show_version() -> None:
    """Print klbench's version in the first line, what it stands on in the next, and its devices in the last."""
    output.text(f"klbench {klbench.__version__}\n")
    output.text(f"Python {platform.python_version()}\n")
    output.text("".join(f"{line}\n" for line in (*_torch(), f"device cpu: {processor_name()}")))


def _torch() -> Iterator[str]:
    """torch, the CUDA it is built for, and a line for each CUDA device."""
    try:
        import_torch()
        import torch
    except (ImportError, OSError) as error:  # OSError: a shared library of it is missing
        yield f"torch cannot be imported: {error}"
        return
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    yield f"torch {torch.__version__}"
    yield f"CUDA {torch.version.cuda}{'' if devices else ', no device'}" if torch.version.cuda else "no CUDA"
    yield from (f"device {device}: {device_name(device)}" for device in devices)
