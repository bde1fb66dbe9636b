"""Checkpoints that the tests of this folder share, in one folder with prompts; each test may add files of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import klbench
from klbench import Results, Spec
from klbench.problems.build import build_pair
from klbench.problems.checkpoints import Checkpoints
from tests.models import tiny


@dataclass(frozen=True)
class Bench:
    """A folder with the checkpoints q, p (trained otherwise) and llama, and prompts."""

    folder: Path

    def spec(self, q: str, p: str, sampler: str | None = None, **more: object) -> Spec:
        path = self.folder / "spec.yaml"
        path.write_text(tiny.spec_text(q, p, sampler, **more), encoding="utf-8")  # type: ignore[arg-type]
        return klbench.read_spec(path)

    def problem(self, q: str, p: str, sampler: str | None = None, **more: object) -> Checkpoints:
        spec = self.spec(q, p, sampler, **more)
        problem = build_pair(spec.cases()[0], names=spec.estimators)
        assert isinstance(problem, Checkpoints)
        return problem

    def run(self, q: str, p: str, sampler: str | None = None, **more: object) -> Results:
        return klbench.run(self.spec(q, p, sampler, **more), device="cpu", threads=2)


@pytest.fixture(scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    tiny.write(folder / "q", tiny.gpt2(1))
    close = tiny.gpt2(1)
    torch.manual_seed(2)
    with torch.no_grad():
        for weight in close.parameters():
            weight.add_(0.05 * torch.randn(weight.shape))
    tiny.write(folder / "p", close)
    tiny.write(folder / "llama", tiny.llama(3))
    tiny.write(folder / "wider", tiny.gpt2(4, tiny.VOCABULARY + 3))
    return folder


@pytest.fixture
def bench(_shared: Path, tmp_path: Path) -> Bench:
    for checkpoint in _shared.iterdir():
        (tmp_path / checkpoint.name).symlink_to(checkpoint)
    (tmp_path / "prompts.txt").write_text("\n".join(tiny.PROMPTS) + "\n", encoding="utf-8")
    return Bench(tmp_path)


@pytest.fixture
def written(bench: Bench) -> Callable[[str, str], str]:
    """Writes a file beside the spec, and gives its name."""

    def write(name: str, text: str) -> str:
        (bench.folder / name).write_text(text, encoding="utf-8")
        return name

    return write
