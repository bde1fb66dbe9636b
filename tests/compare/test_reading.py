"""What is compared, read from disk: every way to give something else is an error that says where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from klbench.compare.comparison import compare
from klbench.compare.side import side
from klbench.errors import KlbenchError, SpecError
from tests.compare.doctored import write


def edited(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("edit", "message", "line"),
    [
        (lambda _: "", "no column 'pair'", 1),
        (lambda _: "a,b\n1,2\n", "no column 'pair'", 1),
        (edited("pair,", "pear,"), "no column 'pair'", 1),
        (edited("mean_mcse", "mean"), "the column 'mean' is there twice", 1),
        (lambda text: text.splitlines()[0] + "\n", "no row", 1),
        (edited("1.695,0.003", "1.695,O.OO3"), "stdev_over_true_mcse is 'O.OO3', which is no number", 2),
        (edited("1.695,0.003", "nan,0.003"), "stdev_over_true is 'nan'", 2),
        (edited("1.695,0.003", "1.695,-0.003"), "an error is not below 0", 2),
        (edited(",1000,", ",1000.5,"), "samples is '1000.5', which is no count", 2),
        (edited(",1000,", ",-3,"), "samples is '-3', which is no count", 2),
        (edited(",float64,cpu\n", "\n"), "24 cells under a header of 26", 2),
        (lambda text: text + text.splitlines()[1] + "\n", "two rows of close: k1: lines 2 and 6", 6),
        (lambda text: text + '"far', "this is not CSV", 6),
    ],
)
def test_a_broken_file_is_an_error_at_its_line(
    tmp_path: Path, edit: Callable[[str], str], message: str, line: int
) -> None:
    folder = write(tmp_path / "a")
    path = folder / "results.csv"
    path.write_text(edit(path.read_text()))
    with pytest.raises(SpecError) as raised:
        compare(folder, write(tmp_path / "b"))
    assert message in raised.value.message
    assert raised.value.location is not None
    assert (raised.value.location.source, raised.value.location.line) == (str(path), line)
    assert raised.value.exit_status == 2


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no "):
        side(tmp_path / "nothing")
    write(tmp_path / "below")
    with pytest.raises(SpecError, match=r"there is no results\.csv") as raised:
        side(tmp_path)
    assert str(tmp_path / "below") in raised.value.help[0]
    (tmp_path / "latin.csv").write_bytes(b"pair\n\xff")
    with pytest.raises(SpecError, match="not a text in UTF-8: byte 6 is 0xff"):
        side(tmp_path / "latin.csv")


def test_a_spec_is_read_as_plain_yaml_within_bounds(tmp_path: Path) -> None:
    first = write(tmp_path / "a", spec_yaml="name: made-up\n")
    bomb = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
    for text in (bomb, "a: !!python/object/apply:os.system [echo]\n", "a: [\n"):
        (tmp_path / "b" / "spec.yaml").unlink(missing_ok=True)
        second = tmp_path / "b" if (tmp_path / "b").exists() else write(tmp_path / "b")
        (second / "spec.yaml").write_text(text)
        with pytest.raises(KlbenchError):
            compare(first, second)


def test_a_manifest_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    for text in ("", "[", "[1]", '{"versions": 3}', "[" * 100_000):
        folder = write(tmp_path / str(len(text)), manifest_json=text)
        assert dict(side(folder).versions) == {}


def test_a_long_cell_is_read(tmp_path: Path) -> None:
    probabilities = ", ".join(["0.00001"] * 100_000)
    folder = write(tmp_path / "a", {"every": {"q": f"Categorical(probs=[{probabilities}])"}})
    assert len(side(folder).lines[0].q) > 800_000


def test_grid_parameters_are_numbers(tmp_path: Path) -> None:
    header = "spec,pair,mu,q,p,estimator,samples,seed,mean,mean_mcse\n"
    (tmp_path / "a.csv").write_text(header + "s,x,0.10,q(),p(),k1,10,0,1.0,0.1\n")
    (tmp_path / "b.csv").write_text(header + "s,x,0.1,q(),p(),k1,10,1,1.1,0.1\n")
    found = compare(tmp_path / "a.csv", tmp_path / "b.csv")
    assert found.rows == 1
    assert found.differences[0].where == "x (mu = 0.1)"
    (tmp_path / "a.csv").write_text(header + "s,x,zero,q(),p(),k1,10,0,1.0,0.1\n")
    with pytest.raises(SpecError, match="mu is 'zero'"):
        compare(tmp_path / "a.csv", tmp_path / "b.csv")
