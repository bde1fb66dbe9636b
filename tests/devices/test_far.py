"""Every path that leaves the CPU, on a stand-in device that refuses what a real one refuses (``far.py``).

Both runs draw from the same numbers, those of a device's stream, so all the bytes of both have to be equal.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from klbench.distributions.stream import DeviceStream, Stream
from klbench.engines.threads import Threads
from klbench.measure.case import measure
from klbench.measure.setting import Machine
from klbench.observer import Observer
from klbench.problems import pair as problems
from klbench.report.components import to_components_csv
from klbench.report.frame import to_csv
from klbench.results import Results
from klbench.runner import one_torch_thread
from klbench.spec.model import Spec
from klbench.spec.read import read_text
from tests.devices.far import FAR, Far, far_device

CPU = torch.device("cpu")
EVERY = "dtype: [float64, float32, bfloat16]"
TOKENS = 'q: "Categorical([0.36, 0.25, 0.15, 0.24])", p: "Categorical([0.25, 0.20, 0.35, 0.2])"'
STALE_TOKENS = f'{TOKENS}, sampler: "Categorical([0.25, 0.25, 0.25, 0.25])"'
NORMALS = 'q: "N(0, 1)", p: "N(0.5, 1.2)"'
STALE_NORMALS = f'{NORMALS}, sampler: "N(0.2, 1)"'
OWN = "tests.identity.functions:bounded_weight"
ESTIMATORS = f'[k1, k2, k3, "k1_cv(optimal)", "ratio*k3", "verl:low_var_kl", "prime-rl:kl", "{OWN}"]'
GRADIENTS = f'[k1, k3, "verl:low_var_kl", "slime:low_var_kl_unbiased", "{OWN}"]'
VALUES = f"estimators: {ESTIMATORS}"
PLACES = f"measure: gradient\nestimators: {GRADIENTS}\nplacements: [loss, reward]"
WEIGHTS = "weightings: [none, ratio, detached]"
SPECS = {
    "values": f"{VALUES}\n{EVERY}\npairs: [{{{NORMALS}}}]",
    "stale values": f"{VALUES}\n{EVERY}\npairs: [{{{STALE_NORMALS}}}]",
    "tokens": f"{VALUES}\n{EVERY}\npairs: [{{{STALE_TOKENS}}}]",
    "a family a line": VALUES
    + """
pairs:
  - {q: "Gamma(2, 1)", p: "Gamma(2.5, 1)"}
  - {q: "0.5*N(0, 1) + 0.5*N(2, 1)", p: "N(1, 2)"}
  - {q: "Poisson(3)", p: "Poisson(4)"}
  - {q: "StudentT(5)", p: "N(0, 1)"}
  - {q: "Beta(2, 3)", p: "Uniform(0, 1)"}
  - {q: "N(0, 1)**3", p: "N(0.1, 1)**3"}
  - {q: "MultivariateNormal([0, 0], [[1, 0.5], [0.5, 1]])", p: "MultivariateNormal([0, 0], [[1, 0], [0, 1]])"}
  - {q: "Dirichlet([1, 2])", p: "Dirichlet([2, 2])"}""",
    "gradients": f"{PLACES}\n{EVERY}\npairs: [{{{NORMALS}}}, {{{TOKENS}}}]",
    "stale gradients": f"{PLACES}\n{WEIGHTS}\npairs: [{{{STALE_NORMALS}}}, {{{STALE_TOKENS}}}]",
    "baselines": f"{PLACES}\nbaseline: leave-one-out\nbatch: 16\n{EVERY}\npairs: [{{{NORMALS}}}, {{{TOKENS}}}]",
}


def stream(seed: int, key: bytes, block: int, _device: torch.device, on: torch.device) -> Stream:
    """A device's stream, whatever the device."""
    return DeviceStream(np.random.SeedSequence([seed, block, *key]), on)


def measured(spec: Spec, device: torch.device) -> str:
    """All the files say, with what depends on the device's name taken off."""
    cases = tuple(measure(spec, case, Machine(device, Threads(1)), Observer()) for case in spec.cases())
    results = Results(spec, cases, device.type, 1, 0.0)
    components = to_components_csv(results) if "gradient" in spec.measure else ""
    notes = "\n".join(note for case in cases for note in case.notes)
    return f"{to_csv(results)}{components}{notes}".replace(f",{device.type}", ",DEVICE")


@pytest.mark.parametrize("name", SPECS)
def test_a_device_gives_the_bytes_of_the_cpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = read_text(f"name: far\nsamples: 3000\n{SPECS[name]}\n")
    with one_torch_thread():
        monkeypatch.setattr(problems, "stream_for", partial(stream, on=CPU))
        near = measured(spec, CPU)
        monkeypatch.setattr(problems, "stream_for", partial(stream, on=FAR))
        with far_device():
            far = measured(spec, FAR)
    assert near == far


@pytest.mark.parametrize(
    "operation",
    [
        lambda far: far + torch.ones(3),
        lambda far: torch.ones(3).mul_(far),
        lambda far: far.numpy(),
        lambda far: torch.dot(far, torch.ones(3)),
    ],
)
def test_the_stand_in_refuses_what_a_device_refuses(operation: Callable[[torch.Tensor], object]) -> None:
    with far_device(), pytest.raises(RuntimeError):
        operation(torch.zeros(3, device=FAR))


def test_the_stand_in_computes() -> None:
    with far_device():
        far = torch.zeros(3, device=FAR, dtype=torch.float64).add_(1).exp()
        assert isinstance(far, Far)
        assert not far.is_cpu
        assert float(far.sum()) == pytest.approx(3 * np.e)
        assert type(far.cpu()) is torch.Tensor
