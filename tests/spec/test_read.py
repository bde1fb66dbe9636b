"""Reading a spec: what it becomes, and where each thing wrong with one is said to be."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from klbench.errors import SpecError
from klbench.spec.cases import Case, Expectation
from klbench.spec.expression import parse
from klbench.spec.read import read_spec, read_text

SPEC = """\
name: both
description: A grid and a fixed pair.
samples: 2e5
seed: 1
estimators: [k1, k2, k3]
pairs:
  - name: shift
    q: N(0, 1)
    p: N({mu}, 1)
    grid: {mu: [0.25, 0.5]}
  - name: heavy
    q: {Normal: {loc: 0, scale: 1}}
    p: "N(0, 2)"
    expect: {k2: {bias: {value: 0.1, within: 0.05}}}
"""
MINIMAL = "name: x\nestimators: [k1]\npairs:\n- q: N(0, 1)\n  p: N(1, 1)\n"


def test_a_spec_becomes_cases() -> None:
    spec = read_text(SPEC, "spec.yaml")
    assert (spec.name, spec.samples, spec.seed, spec.dtype) == ("both", 200_000, 1, ("float64",))
    assert spec.estimators == ("k1", "k2", "k3")
    assert spec.grid_parameters() == ("mu",)
    assert spec.cases() == (
        Case("shift", parse("N(0, 1)"), parse("N(0.25, 1)"), parameters={"mu": 0.25}),
        Case("shift", parse("N(0, 1)"), parse("N(0.5, 1)"), parameters={"mu": 0.5}),
        Case("heavy", parse("N(0, 1)"), parse("N(0, 2)"), expect={"k2": {"bias": Expectation(0.1, 0.05)}}),
    )


def test_what_is_left_out_has_a_default() -> None:
    spec = read_text(MINIMAL, "x")
    assert (spec.samples, spec.seed, spec.dtype, spec.description) == (1_000_000, 0, ("float64",), "")
    assert (spec.measure, spec.placements, spec.weightings, spec.parameters) == (("value",), None, None, None)
    assert (spec.baseline, spec.batch) == ("none", None)
    assert spec.pairs[0].name == "Normal(0, 1) vs Normal(1, 1)"


@pytest.mark.parametrize(
    ("q", "p", "name"),
    [
        ("N(0, 1)", "N({mu}, 1)", "Normal(0, 1) vs Normal({mu}, 1)"),
        ("StudentT(df=3)", "StudentT(3, scale=2)", "StudentT(3) vs StudentT(df=3, scale=2)"),
        ("(0.5*N(0, 1) + 0.5*N(1, 1))**2", "N(0, 1)**2", "(0.5*Normal(0, 1) + 0.5*Normal(1, 1))**2 vs Normal(0, 1)**2"),
        (f"Categorical({[0.125] * 8})",) * 2
        + (f"{' vs '.join(['Categorical([0.125, 0.125, 0.125, 0.125, 0.125, ...])'] * 2)[:97]}...",),
    ],
)
def test_a_pair_without_a_name_is_called_by_what_it_compares(q: str, p: str, name: str) -> None:
    spec = read_text(
        f"name: x\nestimators: [k1]\npairs:\n- q: {q}\n  p: {p}\n  grid: {{mu: 1}}\n".replace(
            "  grid: {mu: 1}\n", "  grid: {mu: 1}\n" if "{mu}" in p else ""
        ),
        "x",
    )
    assert spec.pairs[0].name == name


def test_estimators_are_called_by_their_canonical_name() -> None:
    spec = read_text(MINIMAL.replace("[k1]", "[k1, 'ratio * k3', k1_cv( .5 )]"), "x")
    assert spec.estimators == ("k1", "ratio*k3", "k1_cv(0.5)")


def test_an_alias_repeats_a_value() -> None:
    spec = read_text(MINIMAL.replace("q: N(0, 1)", "q: &policy N(0, 1)").replace("p: N(1, 1)", "p: *policy"), "x")
    assert spec.pairs[0].p == spec.pairs[0].q


def edited(old: str, new: str) -> str:
    assert old in SPEC
    return SPEC.replace(old, new)


REFUSED = {
    "a misspelt key": (edited("estimators", "estimatros"), "5:1", "did you mean estimators?"),
    "a misspelt key of a pair": (edited("    grid", "    gird"), "10:5", "did you mean grid?"),
    "a misspelt key of an expected value": (edited("within", "witin"), "14:38", "did you mean within?"),
    "a missing key": (edited("name: both\n", ""), "1:1", "a spec needs name"),
    "a missing key of a pair": (edited("    q: N(0, 1)\n", ""), "7:5", "a pair needs q"),
    "no pairs": (SPEC[: SPEC.index("pairs")] + "pairs: []\n", "6:8", "at least one"),
    "pairs that are none": (SPEC[: SPEC.index("pairs")] + "pairs: 3\n", "6:8", "pairs is a list of at least one"),
    "a pair without a dash": (
        SPEC[: SPEC.index("pairs")] + "pairs: {q: 1, p: 1}\n",
        "6:8",
        'one pair: [{q: "N(0, 1)", p',
    ),
    "a pair that is none": (SPEC[: SPEC.index("pairs")] + "pairs: [3]\n", "6:9", "a pair cannot be 3"),
    "a name that is a path": (edited("both", "../both"), "1:7", "is not a name for a spec"),
    "a name that is a number": (edited("both", "2020"), "1:7", 'with quotes it is a text: "2020"'),
    "a name that is too long": (edited("both", "b" * 200), "1:7", "is not a name for a spec"),
    "no samples": (edited("2e5", "0"), "3:10", "0 is not a sample count"),
    "negative samples": (edited("2e5", "-5"), "3:10", "-5 is not a sample count"),
    "half a sample": (edited("2e5", "0.5"), "3:10", "0.5 is not a sample count"),
    "absurd samples": (edited("2e5", "1e15"), "3:10", "is not a sample count"),
    "infinite samples": (edited("2e5", ".inf"), "3:10", "inf is not a sample count"),
    "samples that are nothing to count": (edited("2e5", "[1]"), "3:10", "a list is not a sample count"),
    "a negative seed": (edited("seed: 1", "seed: -1"), "4:7", "-1 is not a seed"),
    "a truth value as a seed": (edited("seed: 1", "seed: true"), "4:7", "true is not a seed"),
    "a truth value as a name": (edited("both", "true"), "1:7", 'with quotes it is a text: "true"'),
    "an unknown dtype": (edited("seed: 1", "dtype: float8"), "4:8", "did you mean float"),
    "an unknown dtype in a list": (edited("seed: 1", "dtype: [float32, bf16]"), "4:18", "did you mean bfloat16?"),
    "a dtype that is a number": (edited("seed: 1", "dtype: 32"), "4:8", "32 is not a dtype"),
    "a dtype that is a mapping": (edited("seed: 1", "dtype: {float32: 1}"), "4:8", "a mapping is not a dtype"),
    "a dtype twice": (edited("seed: 1", "dtype: [float32, float64, float32]"), "4:27", "each dtype once"),
    "no dtypes": (edited("seed: 1", "dtype: []"), "4:8", "an empty list is not a dtype"),
    "an unknown measure": (edited("seed: 1", "measure: gradeint"), "4:10", "did you mean gradient?"),
    "a list of other measures": (edited("seed: 1", "measure: [values]"), "4:11", "did you mean value?"),
    "no estimators": (edited("[k1, k2, k3]", "[]"), "5:13", "estimators cannot be an empty list"),
    "one estimator without brackets": (edited("[k1, k2, k3]", "k1"), "5:13", "a list of names: [k1]"),
    "an unknown estimator": (edited("k3]", "k33]"), "5:22", "did you mean k3?"),
    "an estimator of another type": (edited("k3]", "3]"), "5:22", "3 is not an estimator"),
    "an estimator twice": (edited("k3]", "k1]"), "5:22", "k1 is listed twice"),
    "an unknown distribution": (edited("N(0, 1)", "Nomal(0, 1)"), "8:8", "did you mean Normal?"),
    "an unknown argument": (edited("N({mu}, 1)", "N({mu}, scal=1)"), "9:16", "did you mean scale?"),
    "a bad argument": (edited("N({mu}, 1)", "N({mu}, -1)"), "9:16", "scale must be a number > 0, given -1"),
    "a bad argument in quotes": (edited("N(0, 2)", "N(0, -2)"), "13:14", "given -2"),
    "a bad distribution in quotes": (edited("N(0, 2)", "Nomal(0, 2)"), "13:9", "did you mean Normal?"),
    "a bad argument after an escape": (edited("N(0, 2)", "\\x4E(0, -2)"), "13:8", "given -2"),
    "a bad argument on a second line": (edited("N({mu}, 1)", "N({mu},\n      -1)"), "9:8", "given -1"),
    "a bad argument after other letters": (edited("N({mu}, 1)", '"N({µ}, 1)"'), "9:11", "a name in braces"),
    "an unknown argument of a mapping": (edited("loc: 0", "lok: 0"), "12:18", "did you mean loc?"),
    "an unknown family of a mapping": (edited("Normal:", "Nomal:"), "12:9", "did you mean Normal?"),
    "a bad argument of a mapping": (edited("scale: 1}", "scale: 0}"), "12:33", "scale must be"),
    "a text in a mapping": (edited("scale: 1}", "scale: one}"), "12:33", "'one' is not a number"),
    "wrong arithmetic in a mapping": (edited("scale: 1}", "scale: 1 + 2/0}"), "12:38", "a division by zero"),
    "a distribution that is a number": (edited("N(0, 1)", "1"), "8:8", "1 is not a distribution"),
    "code": (edited("N(0, 1)", "__import__('os').system('true')"), "8:19", "unexpected"),
    "different kinds": (edited('"N(0, 2)"', "Poisson(2)"), "13:8", "one is continuous, the other discrete"),
    "different dimensions": (edited('"N(0, 2)"', "N(0, 2)**3"), "13:8", "dimensions differ"),
    "a sampler of another kind": (edited('"N(0, 2)"', "N(0, 2)\n    sampler: Poisson(2)"), "14:14", "q and sampler"),
    "a split flow mapping": (edited("q: {Normal: {loc: 0, scale: 1}}", "<<: {q: N(0, 1)}"), "12:13", '"N(0, 1)"'),
    "an undefined grid parameter": (edited("{mu: [", "{nu: ["), "9:8", "the grid parameter mu has no values"),
    "no grid": (edited("    grid: {mu: [0.25, 0.5]}\n", ""), "9:8", "grid: {mu: [0.1, 1]}"),
    "an unused grid parameter": (edited("0.5]}", "0.5], nu: 1}"), "10:29", "nothing uses the grid parameter nu"),
    "a parameter named like a column": (SPEC.replace("mu", "bias"), "10:12", "column bias already"),
    "a value the distribution refuses": (edited("N({mu}, 1)", "N(0, {mu})").replace("0.5]", "-2]"), "9:8", "mu = -2"),
    "a grid that is no list": (edited("[0.25, 0.5]", "x"), "10:16", "cannot be 'x'"),
    "a bad value in a grid": (edited("0.5]", ".nan]"), "10:23", "nan is not a finite number"),
    "a misspelt spacing": (edited("[0.25, 0.5]", "{linspce: [0, 1, 3]}"), "10:17", "did you mean linspace?"),
    "an endless grid": (edited("[0.25, 0.5]", "{linspace: [0, 1, 1e9]}"), "10:34", "from 2 to 10000"),
    "expect of an unknown estimator": (edited("{k2: {", "{k22: {"), "14:14", "did you mean k2?"),
    "expect of an absent estimator": (edited("{k2: {", "{abs: {"), "14:14", "unknown estimator in expect 'abs'"),
    "expect of an unknown column": (edited("{bias: {", "{bais: {"), "14:19", "did you mean bias?"),
    "expect of no number": (edited("value: 0.1", "value: big"), "14:33", "'big' is not a finite number"),
    "expect within a negative distance": (edited("within: 0.05", "within: -1"), "14:46", "a number >= 0"),
    "two pairs of one name": (edited("heavy", "shift"), "11:11", "two pairs are called 'shift'"),
    "a pair's name of two lines": (edited("heavy", '"a\\nb"'), "11:11", "is not a name for a pair"),
}


@pytest.mark.parametrize(("text", "place", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_says_what_and_where(text: str, place: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_text(text, "spec.yaml")
    error = caught.value
    assert str(error.location) == f"spec.yaml:{place}"
    assert error.location is not None
    assert error.location.text == text.split("\n")[error.location.line - 1]
    assert says in "\n".join([error.message, *error.help])


def test_the_errors_after_the_first_are_named_too() -> None:
    with pytest.raises(SpecError) as caught:
        read_text(edited("2e5", "0").replace("k3]", "k33]").replace("seed: 1", "seed: x"), "spec.yaml")
    assert str(caught.value.location) == "spec.yaml:3:10"
    assert [line for line in caught.value.help if line.startswith("also")] == [
        "also spec.yaml:4:7: 'x' is not a seed",
        "also spec.yaml:5:22: unknown estimator 'k33'",
    ]


def test_a_huge_grid_over_a_huge_distribution_is_refused() -> None:
    logits = ", ".join(["0"] * 5000)
    text = MINIMAL.replace("q: N(0, 1)", f"q: Categorical(logits=[{{a}}, {logits}])").replace("N(1, 1)", "Poisson(1)")
    with pytest.raises(SpecError, match="the cases hold"):
        read_text(text + "  grid: {a: {linspace: [0, 1, 9999]}}\n", "x")


def test_the_cases_of_all_pairs_together_are_bounded() -> None:
    pair = "- {name: NAME, q: 'N(0, 1)', p: 'N({m}, 1)', grid: {m: {linspace: [0, 1, 6000]}}}\n"
    text = "name: x\nestimators: [k1]\npairs:\n" + pair.replace("NAME", "a") + pair.replace("NAME", "b")
    with pytest.raises(SpecError, match="the spec has 12000 cases"):
        read_text(text, "x")


def test_a_spec_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert read_spec(str(path)) == read_text(MINIMAL, "x")


def test_a_spec_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MINIMAL.encode())))
    assert read_spec("-", ["seed=3"]).seed == 3


def test_a_spec_is_read_by_its_built_in_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schulman").mkdir()
    assert read_spec("schulman").name == "schulman"


def test_a_file_goes_before_a_built_in_spec(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schulman").write_text(MINIMAL)
    assert read_spec("schulman").name == "x"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("schulmann", "did you mean schulman?"),
        ("schulman.yaml", "did you mean schulman?"),
        ("mien.yaml", "did you mean mine.yaml?"),
        ("mine.yml", "did you mean mine.yaml?"),
        ("SCHULMAN", "did you mean schulman?"),
        ("zzz", "a path, - for standard input"),
        ("no/where.yaml", "there is no spec"),
        ("mine.yaml/x", "there is no spec"),
        ("folder", "is a folder"),
        ("a\0b", "cannot be read"),
        ("x" * 5000, "cannot be read"),
        ("binary", "not a text in UTF-8: byte 2 is 0xff"),
        ("huge", "more than 4 MiB"),
        ("/dev/zero", "more than 4 MiB"),
        ("", "is a folder"),
    ],
)
def test_a_spec_that_cannot_be_read(source: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "mine.yaml").write_text(MINIMAL)
    (tmp_path / "binary").write_bytes(b"a\xff")
    (tmp_path / "huge").write_bytes(b" " * (4 * 2**20 + 1))
    with pytest.raises(SpecError) as caught:
        read_spec(source)
    assert says in "\n".join([caught.value.message, *caught.value.help])


def test_reading_a_spec_imports_nothing_heavy() -> None:
    code = (
        "import sys; from klbench.spec.read import read_text; from klbench.spec.schema import json_schema\n"
        "json_schema()\n"
        f"read_text({SPEC!r}, 'x').to_yaml()\n"
        "print({'torch', 'pandas', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("set()", "")
