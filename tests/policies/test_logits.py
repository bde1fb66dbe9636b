"""Logits of a file, and the files that hold none."""

from __future__ import annotations

import pickle
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch

from klbench.distributions.build import build
from klbench.distributions.shape import form
from klbench.spec.expression import read
from klbench.spec.refusal import Refusal
from tests.policies.tables import softmax


def saved(array: np.ndarray, *, pickled: bool = False) -> bytes:
    file = BytesIO()
    np.save(file, array, allow_pickle=pickled)
    return file.getvalue()


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64"])
def test_the_probabilities_are_their_softmax(tmp_path: Path, dtype: str) -> None:
    logits = np.array([3, -1, 0, 2], dtype=dtype)
    (tmp_path / "l.npy").write_bytes(saved(logits))
    expression = read('Logits("l.npy")', str(tmp_path))
    assert form(expression).categories == 4
    found = build(expression).log_prob(torch.arange(4, dtype=torch.float64)).exp().numpy()
    np.testing.assert_allclose(found, softmax(logits.astype(float)), rtol=1e-13)
    kept = build(read('TopK(Logits("l.npy"), 1)', str(tmp_path)))
    assert kept.log_prob(torch.arange(4, dtype=torch.float64)).tolist() == [0, -np.inf, -np.inf, -np.inf]


class Evil:
    def __reduce__(self):  # type: ignore[no-untyped-def]
        return Path.touch, (Path("evil"),)


REFUSED = {
    "two axes": (saved(np.zeros((2, 3))), "has the shape [2, 3]"),
    "no axis": (saved(np.float64(3)), "has the shape []"),
    "none": (saved(np.zeros(0)), "has 0 logits"),
    "too many": (saved(np.zeros(2**20 + 1, dtype=np.float16)), "has 1,048,577 logits"),
    "texts": (saved(np.array(["a", "b"])), "is of type <U1"),
    "complex": (saved(np.zeros(2, dtype=complex)), "is of type complex128"),
    "truth": (saved(np.zeros(2, dtype=bool)), "is of type bool"),
    "NaN": (saved(np.array([0, np.nan])), "has nan at position 1"),
    "infinite": (saved(np.array([np.inf, 0])), "has inf at position 0"),
    "no mass": (saved(np.array([-np.inf, -np.inf])), "all logits are -inf"),
    "objects": (saved(np.array([Evil()], dtype=object), pickled=True), "holds pickled objects"),
    "a pickle": (pickle.dumps(Evil()), "is no .npy file"),
    "torn": (saved(np.zeros(9))[:100], "is torn"),
    "cut short": (saved(np.zeros(9))[:-3], "is torn"),
    "a header that is code": (b"\x93NUMPY\x01\x00\x10\x00__import__('os')", "is torn"),
    "empty": (b"", "is no .npy file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_holds_no_logits_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    content, says = REFUSED[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "l.npy").write_bytes(content)
    with pytest.raises(Refusal) as error:
        read('Logits("l.npy")', str(tmp_path))
    assert says in error.value.message
    assert "a one-dimensional .npy array" in error.value.message
    assert error.value.offset == 7
    assert not (tmp_path / "evil").exists()
