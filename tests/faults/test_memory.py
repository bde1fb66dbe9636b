"""Memory that is full: told as that, with what would help, status 3; never as a bug, and never a failed check."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from klbench.files.store import NAME
from klbench.memory import is_out_of_memory, out_of_memory
from tests.faults.conftest import FILES, SPEC, Ended, left_in

Call = Callable[..., Ended]


def _raised(attempt: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        attempt()
    return caught.value


TORCH = (
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
)
FULL = {
    "python": MemoryError(),
    "numpy": _raised(lambda: np.empty(2**50)),
    "torch": _raised(lambda: torch.empty(2**50)),
    "torch, as told": RuntimeError(f"{TORCH}8388608 bytes. Error code 12 (Cannot allocate memory)"),
    "torch on Windows": RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8388608 bytes."),
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of"),
    "C++": RuntimeError("std::bad_alloc"),
    "system": OSError(errno.ENOMEM, "Cannot allocate memory"),
    "loader": ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    "threads": RuntimeError("can't start new thread"),
}
OTHERS = [RuntimeError("shape mismatch"), OSError(errno.ENOSPC, "No space left on device"), ValueError("out of memory")]


@pytest.mark.parametrize("kind", FULL)
def test_full_memory_is_known_whoever_says_it(kind: str) -> None:
    assert is_out_of_memory(FULL[kind])


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_what_is_not_full_memory_is_not_taken_for_it(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_how_much_was_wanted_is_said() -> None:
    assert out_of_memory(FULL["torch, as told"]) == "out of memory: there is no room for 8 MiB"
    assert out_of_memory(FULL["cuda"]) == "out of memory: there is no room for 20.00 GiB"
    assert out_of_memory(FULL["numpy"]) == "out of memory: there is no room for 8.00 PiB"
    assert out_of_memory(MemoryError()) == "out of memory"


KEPT = f"small/{NAME}"
RESULTS = {f"small/{name}" for name in FILES}
PLACES = {
    "reading": "klbench.spec.read.read_document",
    "building": "klbench.measure.case.Setting.of",
    "enumeration": "klbench.roads.exact_moments.enumeration",
    "quadrature": "klbench.roads.exact_moments.quadrature",
    "a block": "klbench.roads.blocks.Blocks.block",
    "the tail": "klbench.stats.tail._generalized_pareto_shape",
    "the files": "klbench.report.folder.to_csv",
    "the table": "klbench.cli.show.heading",
}


@pytest.mark.parametrize("kind", ["python", "torch", "cuda", "threads"])
@pytest.mark.parametrize("place", PLACES)
def test_full_memory_anywhere_is_told_as_that(
    call: Call, here: Path, monkeypatch: pytest.MonkeyPatch, place: str, kind: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise FULL[kind]

    monkeypatch.setattr(PLACES[place], full)
    if place == "enumeration":
        (here / "s.yaml").write_text(SPEC.replace("N(0, 1)", "Poisson(1)").replace("N({mu}, 1)", "Poisson({mu})"))
    ended = call("run", "s.yaml", "--out", "out")
    ended.refuses(3, "error: out of memory", "what helps: -j 1")
    left = left_in(here / "out")
    assert left == (RESULTS if place == "the table" else {KEPT} if "goes on with it" in ended.err else set())


LIMITED = """
import resource, sys
from klbench.cli import main
limit = int(sys.argv.pop(1)) * 2**20
import torch, pandas, numpy, scipy.special  # what runs of this machine's libraries need before they start
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + limit, used + limit))
main(sys.argv[1:])
"""
_UNIT = [[float(row == column) for column in range(200)] for row in range(200)]
BIG = {
    "a large power": "q: 'N(0, 1)**10000', p: 'N(0.01, 1)**10000'",
    "many dimensions": f"q: 'MultivariateNormal({[0] * 200}, scale_tril={_UNIT})', p: 'N(0.01, 1)**200'",
    "many tokens": f"q: {{Categorical: {{logits: {[0.5] * 20_000}}}}}, p: {{Categorical: {{logits: {[0] * 20_000}}}}}",
}


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs to know what is in use")
@pytest.mark.parametrize("room", [64, 200])  # with 16 the interpreter itself fails, now and then, without a word
@pytest.mark.parametrize("spec", BIG)
def test_a_real_limit_on_memory_is_told_as_that(
    start: Callable[..., object], finish: Callable[[object], Ended], here: Path, spec: str, room: int
) -> None:
    """With too little room, or with enough: nothing in between, and no thread for every core of a large machine."""
    (here / "s.yaml").write_text(f"name: big\nsamples: 20000\nestimators: [k1, k2, k3]\npairs:\n  - {{{BIG[spec]}}}\n")
    code = LIMITED.replace("sys.argv.pop(1)", str(room))
    ended = finish(start("run", "s.yaml", "-j", "2", "--out", "out", code=code, OMP_NUM_THREADS="64"))
    if ended.status != 0:
        # with no room for the words that help, the fault alone is told
        helps = () if ended.err == "error: out of memory\n" else ("what helps",)
        ended.refuses(3, "error: out of memory", *helps)
        assert not (here / "out").exists()


LIMITED_FROM_THE_START = """
import resource, sys
limit = int(sys.argv.pop(1)) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from klbench.cli import main
main(sys.argv[1:])
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs a system that limits address space")
@pytest.mark.parametrize("limit", [200, 350, 415, 500, 520, 560, 610, 700])
def test_libraries_that_find_no_room_as_they_are_loaded_end_nothing(
    start: Callable[..., object], finish: Callable[[object], Ended], limit: int
) -> None:
    """C++ aborts and OpenBLAS exits where memory ends in the middle of an import: neither may be what a user sees."""
    ended = finish(
        start(
            "run",
            "s.yaml",
            "-j",
            "1",
            "--out",
            "out",
            code=LIMITED_FROM_THE_START.replace("sys.argv.pop(1)", str(limit)),
        )
    )
    if ended.status != 0:
        ended.refuses(3, "error: out of memory")
