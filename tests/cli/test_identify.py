"""klbench identify: one paragraph on a function of one's own, and errors that are shown as theirs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Done

Call = Callable[..., Done]

MINE = """\
import torch


def my_kl(log_q, log_p):
    log_ratio = log_p - log_q
    return (log_ratio.exp() - 1 - log_ratio).clamp(max=4)


def detached(log_q, log_p):
    return (log_q - log_p).detach()


def broken(log_q, log_p):
    return log_q.nothing


def wrong(log_q, log_p):
    return 1.0
"""


@pytest.fixture
def mine(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of that name in the current folder, forgotten afterwards."""
    import sys

    name = f"kl_of_{here.name.replace('-', '_')}"
    (here / f"{name}.py").write_text(MINE)
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield name
    sys.modules.pop(name, None)


def test_a_function_of_ones_own_is_told_in_a_paragraph(call: Call, mine: str) -> None:
    done = call("identify", f"{mine}:my_kl")
    assert (done.status, done.err) == (0, "")
    title, _, told, *table = done.out.splitlines()
    assert title == f"{mine}:my_kl, identified"
    assert told.startswith(
        "Its mean is KL(q‖p) on samples of q. In the loss it follows the gradient of KL(p‖q), in the "
    )
    assert "A clamp is active where log r < −4.993 or log r > 1.937." in told
    # behind the clamp of the value exp overflows
    assert "Its gradient in the loss is 0 where log r < −4.993 or 1.937 < log r < 709.8." in told
    assert told.endswith("Where no clamp is active it is identical to k3; elsewhere it matches no other estimator.")
    assert any(line.split() == ["in", "the", "loss", "KL(p‖q)", "none"] for line in table)


def test_a_function_without_a_gradient_is_said_to_have_none(call: Call, mine: str) -> None:
    said = call("identify", f"{mine}:detached").out
    assert "In the loss it has no gradient" in said
    assert any(line.split() == ["in", "the", "loss", "no", "gradient", "no", "gradient"] for line in said.splitlines())


@pytest.mark.parametrize("name", ["k1", "verl:low_var_kl", "nemo-rl@0.6:k3", "k1_cv(0.5)"])
def test_what_has_a_name_is_identified_too(call: Call, name: str) -> None:
    done = call("identify", name)
    assert done.status == 0
    assert done.out.startswith(f"{name}, identified\n")


def test_what_it_raises_is_shown_as_theirs_with_the_place(call: Call, here: Path, mine: str) -> None:
    done = call("identify", f"{mine}:broken")
    assert (done.status, done.out) == (2, "")
    assert f"error: {mine}:broken: it raised AttributeError" in done.err
    assert f"--> {here / mine}.py:14:" in done.err
    assert "return log_q.nothing" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("{}:wrong", ["of type float", "torch tensor"]),
        ("{}:my_lk", ["has no function 'my_lk'", "my_kl"]),
        ("nowhere_to_be_found:my_kl", ["unknown framework or module", "module:function"]),
        ("k9", ["unknown estimator 'k9'", "did you mean"]),
        ("k1_cv(optimal)", ["fitted to each pair", "k1_cv(0.5)"]),
        ("ratio*k3", ["ratio*k3 is k3 times the importance weight", "klbench identify k3"]),
        ("{}:", ["unknown framework or module", "module:function"]),
        ("schulman", ["unknown estimator 'schulman'", "allowed: k1, k2"]),
        ("{}.py", ["unknown estimator", "allowed: k1"]),
        ("verl:k33", ["unknown name in verl 'k33'", "did you mean k3?"]),
        ("verl@0.3:k3", ["verl 0.3 has no k3", "verl 0.3 has: kl, abs"]),
    ],
)
def test_errors_teach(call: Call, mine: str, name: str, parts: list[str]) -> None:
    done = call("identify", name.format(mine))
    assert (done.status, done.out) == (2, "")
    for part in parts:
        assert part in done.err


def test_explaining_ones_own_points_to_identify_and_imports_nothing(call: Call, here: Path) -> None:
    (here / "never_imported.py").write_text("raise SystemExit('imported')")
    done = call("explain", "never_imported:my_kl")
    assert done.status == 2
    assert "klbench identify never_imported:my_kl" in done.err


def test_what_a_users_function_prints_is_no_data(start: Callable[..., subprocess.Popen[str]], here: Path) -> None:
    (here / "loud.py").write_text("def k(log_q, log_p):\n    print('hello')\n    return log_q - log_p\n")
    (here / "s.yaml").write_text(
        "name: s\nsamples: 1000\nestimators: ['loud:k']\npairs: [{q: 'N(0, 1)', p: 'N(1, 1)'}]\n"
    )
    process = start("run", "s.yaml", "-f", "csv", "-o", "out")
    out, err = process.communicate()
    assert out.startswith("spec,pair,")
    assert "hello" not in out
    assert "hello" in err
