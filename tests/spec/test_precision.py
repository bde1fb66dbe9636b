"""The key ``precision``: a share of the true value, refused where it is anything else."""

from __future__ import annotations

import pytest

from klbench.errors import SpecError
from klbench.spec.read import read_text

TEXT = "name: x\nprecision: {}\nestimators: [k1]\npairs: [{{q: 'N(0, 1)', p: 'N(1, 1)'}}]\n"


@pytest.mark.parametrize("written", ["0", "-0.01", "1", "2", "1e-9", "nan", ".inf", "1%", "yes", "[0.1]", "true"])
def test_what_is_no_precision_is_refused_in_its_place(written: str) -> None:
    with pytest.raises(SpecError) as refused:
        read_text(TEXT.format(written))
    assert "is not a precision" in refused.value.message
    assert (refused.value.location.line, refused.value.location.column) == (2, 12)  # type: ignore[union-attr]
    assert "0.01 is 1 % of the true value" in "".join(refused.value.help)


@pytest.mark.parametrize(("written", "value"), [("0.01", 0.01), ("1e-3", 0.001), ("0.999", 0.999)])
def test_a_precision_is_read_and_written(written: str, value: float) -> None:
    spec = read_text(TEXT.format(written))
    assert spec.precision == value
    assert read_text(spec.to_yaml()) == spec


def test_without_one_nothing_is_written() -> None:
    assert "precision" not in read_text(TEXT.format("~")).to_yaml()
