"""A user's function called: what it may return, and its derivative, which is theirs as much as the value is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from klbench.derived.coefficient import NotDifferentiableError, value_and_slope
from klbench.errors import UserError
from klbench.users.estimator import UserFunction
from tests.users.own_module import HEAD, value, written

FUNCTION = """\
class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, log_q, log_p):
        return log_q - log_p
    @staticmethod
    def backward(ctx, gradient):
        {}
def k(log_q, log_p):
    return Own.apply(log_q, log_p)
"""


def slope(name: str) -> list[float]:
    log_q, log_p = torch.tensor([[-1.0, -2.0], [-2.0, -4.0]], dtype=torch.float64)
    return value_and_slope(UserFunction(name), log_q, log_p, log_q)[1].tolist()


@pytest.mark.parametrize(
    ("backward", "told"),
    [
        ("raise ValueError('not today')", "ValueError: not today"),
        ("return gradient", "incorrect number of gradients"),
        ("return gradient[:1].repeat(3), -gradient", "invalid gradient"),
    ],
)
def test_what_a_backward_of_theirs_does_wrong_is_told_as_theirs(
    backward: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = written(tmp_path, monkeypatch, FUNCTION.format(backward))
    assert value(f"{name}:k", needs_gradient=True).tolist() == [1, 2, 3]
    with pytest.raises(UserError, match="its derivative raised") as caught:
        slope(f"{name}:k")
    assert told in caught.value.message
    assert (caught.value.location is not None) == ("ValueError" in told)


def test_where_a_backward_of_theirs_raises_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = written(tmp_path, monkeypatch, FUNCTION.format("raise ValueError"))
    with pytest.raises(UserError) as caught:
        slope(f"{name}:k")
    assert caught.value.location is not None
    assert caught.value.location.line == HEAD.count("\n") + 7


@pytest.mark.parametrize(
    "backward",
    [
        "return 2 * gradient, None",
        "import beside_b; return beside_b.factor * gradient, None",
        "return (gradient * 2.0000000001).float().round(), None",
    ],
)
def test_a_backward_of_theirs_is_the_slope(backward: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = written(tmp_path, monkeypatch, FUNCTION.format(backward))
    (tmp_path / "beside_b.py").write_text("factor = 2\n")
    assert slope(f"{name}:k") == [2, 2]


WITHOUT_GRADIENT = {
    "a backward that gives none": FUNCTION.format("return None, None"),
    "a parameter": "def k(log_q, log_p):\n    return torch.nn.Parameter(log_q - log_p)\n",
    "a parameter of their own": "own = torch.zeros(1, requires_grad=True)\ndef k(log_q, log_p):\n"
    "    return (log_q - log_p).detach() + own\n",
    "NumPy": "import numpy\ndef k(log_q, log_p):\n    return torch.from_numpy(log_q.numpy() - log_p.numpy())\n",
    "gradients turned off": "def k(log_q, log_p):\n    torch.set_grad_enabled(False)\n    return log_q - log_p\n",
    "inference": "@torch.inference_mode()\ndef k(log_q, log_p):\n    return log_q - log_p\n",
    "numbers": "def k(log_q, log_p):\n    return torch.tensor([(a - b).item() for a, b in zip(log_q, log_p)])\n",
}


@pytest.mark.parametrize("source", WITHOUT_GRADIENT.values(), ids=WITHOUT_GRADIENT)
def test_what_autograd_cannot_follow_has_a_value_and_no_gradient(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{written(tmp_path, monkeypatch, source)}:k"
    for found in (value(name), value(name, needs_gradient=True)):
        assert found.detach().tolist() == [1, 2, 3]
    assert not value(name).requires_grad
    with pytest.raises(NotDifferentiableError):
        slope(name)


def test_an_error_of_theirs_that_only_autograd_meets_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = FUNCTION.format("return gradient, None").replace("return log_q", "ctx.save_for_backward(3); return log_q")
    name = written(tmp_path, monkeypatch, source)
    with pytest.raises(UserError, match="save_for_backward"):
        slope(f"{name}:k")


PLAIN = {
    "a parameter": "torch.nn.Parameter(log_q - log_p)",
    "a class of theirs": "(log_q - log_p).as_subclass(type('Own', (torch.Tensor,), {}))",
    "a class that refuses everything": "(log_q - log_p).as_subclass(type('Own', (torch.Tensor,), "
    "{'__torch_function__': classmethod(lambda *_: 1 / 0)}))",
    "less precision": "(log_q - log_p).to(torch.float8_e4m3fn)",
}


@pytest.mark.parametrize("returned", PLAIN.values(), ids=PLAIN)
def test_a_tensor_of_any_class_is_taken_as_a_plain_one(
    returned: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = value(f"{written(tmp_path, monkeypatch, f'def k(log_q, log_p):{chr(10)}    return {returned}')}:k")
    assert type(found) is torch.Tensor
    assert (found.dtype, found.tolist()) == (torch.float64, [1, 2, 3])


REFUSED = {
    "(log_q - log_p).to_sparse()": ("sparse", "dense"),
    "torch.nested.nested_tensor([log_q, log_p])": ("nested", "dense"),
    "(log_q - log_p).to('meta')": ("on meta", "cpu"),
    "(log_q - log_p)[:, None]": ("shape [3, 1]", "shape [3]"),
    "(log_q - log_p) * 1j": ("complex128", "floating-point"),
    "(log_q, log_p)": ("type tuple", "torch tensor"),
    "1.0": ("type float", "torch tensor"),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("returned", REFUSED)
def test_a_tensor_that_is_no_number_a_sample_is_refused_for_what_it_is(
    returned: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = written(tmp_path, monkeypatch, f"def k(log_q, log_p):\n    return {returned}\n")
    with pytest.raises(UserError) as caught:
        value(f"{name}:k")
    said, helped = REFUSED[returned]
    assert said in caught.value.message
    assert helped in caught.value.help[0]


def test_what_it_does_to_its_inputs_tensors_does_not_reach_klbenchs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = written(
        tmp_path, monkeypatch, "def k(log_q, log_p):\n    log_p.requires_grad_()\n    return log_q - log_p\n"
    )
    log_q, log_p = torch.zeros(2, 3, dtype=torch.float64)
    assert not UserFunction(f"{name}:k")(log_q, log_p, log_q).requires_grad
    assert not log_p.requires_grad
