"""A user's code run: what it raises is told as theirs, what it needs is there, and what it changes is undone."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from klbench.errors import RunError, SpecError, UserError
from klbench.runner import run
from klbench.spec.read import read_text
from tests.users.own_module import HEAD, value, written

LINE = HEAD.count("\n") + 2


def raised(name: str) -> UserError:
    with pytest.raises(UserError) as caught:
        value(f"{name}:k")
    return caught.value


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("ValueError('plain')", "it raised ValueError: plain"),
        ("ValueError", "it raised ValueError"),
        ("ValueError('\\x1b[31mred\\x1b[0m\\x07')", "it raised ValueError: red�"),
        ("ValueError('two\\nlines\\n')", "it raised ValueError: two lines"),
        ("ValueError('x' * 100_000)", f"it raised ValueError: {'x' * 300}…"),
        ("type('Mute', (Exception,), {'__str__': lambda self: 1 / 0})()", "it raised Mute"),
        ("SystemExit(0)", "it raised SystemExit: 0"),
        ("StopIteration", "it raised StopIteration"),
        ("GeneratorExit", "it raised GeneratorExit"),
        ("__import__('klbench.errors').errors.SpecError('mine')", "it raised SpecError: mine"),
    ],
)
def test_whatever_it_raises_is_told_as_theirs(
    error: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = written(tmp_path, monkeypatch, f"def k(log_q, log_p):\n    raise {error}\n")
    found = raised(name)
    assert found.message == f"{name}:k: {told}"
    assert found.location is not None
    assert (found.location.source, found.location.line) == (str(tmp_path / f"{name}.py"), LINE)


def test_a_function_without_an_end_is_told_as_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = written(tmp_path, monkeypatch, "def k(log_q, log_p):\n    return k(log_q, log_p)\n")
    found = raised(name)
    assert "RecursionError" in found.message
    assert found.location is not None
    assert found.location.line == LINE


@pytest.mark.parametrize("source", ["raise KeyboardInterrupt\n", "def k(log_q, log_p):\n    raise KeyboardInterrupt\n"])
def test_an_interrupt_is_no_error_of_theirs(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        value(f"{written(tmp_path, monkeypatch, source)}:k")


def test_the_caret_is_under_the_letter_and_not_under_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = '    é = "üüü"; return log_q.nothing'
    found = raised(written(tmp_path, monkeypatch, f"def k(log_q, log_p):\n{line}\n"))
    assert found.location is not None
    assert (found.location.text, found.location.column) == (line, line.index("log_q") + 1)


def test_an_error_inside_a_library_is_placed_where_they_call_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = written(tmp_path, monkeypatch, "def k(log_q, log_p):\n    return torch.nn.functional.softmax(1, 0)\n")
    found = raised(name)
    assert found.location is not None
    assert (Path(found.location.source).name, found.location.line) == (f"{name}.py", LINE)


def test_an_error_in_a_module_of_another_folder_has_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = written(tmp_path, monkeypatch, "def k(log_q, log_p):\n    return 1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = raised(name)
    assert found.location is not None
    assert found.location.source == str(tmp_path / f"{name}.py")


CHANGES = {
    "no_gradients": "torch.set_grad_enabled(False)",
    "dtype": "torch.set_default_dtype(torch.float16)",
    "device": "torch.set_default_device('meta')",
}


@pytest.mark.parametrize("where", ["at import", "when called"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_it_sets_in_torch_is_undone(
    change: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = "def k(log_q, log_p):\n    value = log_q - log_p\n    {}\n    return value\n"
    source = f"{change}\n{function.format('pass')}" if where == "at import" else function.format(change)
    name = written(tmp_path, monkeypatch, source)
    found = value(f"{name}:k", needs_gradient=True)
    assert found.requires_grad
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert torch.get_default_device() == torch.device("cpu")


def test_what_threads_set_at_once_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "    torch.set_default_dtype(torch.float16)\n    time.sleep(0.01)\n    return log_q - log_p\n"
    name = written(tmp_path, monkeypatch, f"import time\ndef k(log_q, log_p):\n{body}")
    head = f"name: t\nsamples: 3_000_000\nestimators: ['{name}:k']\n"
    run(read_text(f"{head}pairs: [{{q: 'N(0, 1)', p: 'N(1, 1)'}}]\n"), device="cpu", threads=4)
    assert torch.get_default_dtype() == torch.float32


def test_a_module_beside_is_found_while_it_runs_and_only_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    function = "def k(log_q, log_p):\n    import beside_k\n    return beside_k.k(log_q, log_p)\n"
    name = written(tmp_path, monkeypatch, function)
    (tmp_path / "beside_k.py").write_text("def k(log_q, log_p):\n    return log_q - log_p\n")
    before = list(sys.path)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(value, [f"{name}:k"] * 8))
    assert all(each.tolist() == [1, 2, 3] for each in found)
    assert sys.path == before
    del sys.modules["beside_k"]


@pytest.mark.parametrize("error", ["torch.OutOfMemoryError('full')", "MemoryError()"])
def test_full_memory_is_not_told_as_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str) -> None:
    """Fewer draws may fit: the sampling road tries, and says in the end what is the matter."""
    body = f"    if len(log_q) > 2**17:\n        raise {error}\n    return log_q - log_p\n"
    name = written(tmp_path, monkeypatch, f"def k(log_q, log_p):\n{body}")
    head = f"name: t\nsamples: 300_000\nestimators: ['{name}:k']\n"
    with pytest.raises(RunError, match=rf"out of memory in {name}:k, in one block of samples") as caught:
        run(read_text(f"{head}pairs: [{{q: 'N(0, 1)', p: 'N(1, 1)'}}]\n"), device="cpu", threads=2)
    assert not isinstance(caught.value, SpecError)
