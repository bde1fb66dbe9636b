"""Every kind of bad input: a clear error in its place, status 2, and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import SPEC, Ended, edited

Call = Callable[..., Ended]

LAUGHS = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 8)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)

SPECS: dict[str, tuple[str | bytes, str, str]] = {
    # keys, names, arguments
    "misspelt key": (edited("estimators", "estimatros"), "3:1", "did you mean estimators?"),
    "unknown key": (SPEC + "tempo: 9\n", "9:1", "allowed: name, description"),
    "misspelt key of a pair": (edited("    grid", "    gird"), "8:5", "did you mean grid?"),
    "key twice": (SPEC + "name: again\n", "9:1", "given twice"),
    "unknown estimator": (edited("k3]", "k33]"), "3:22", "did you mean k3?"),
    "estimator in capitals": (edited("k3]", "K3]"), "3:22", "did you mean k3?"),
    "estimator without its argument": (edited("k3]", "k1_cv()]"), "3:22", "a number between"),
    "estimator with a text": (edited("k3]", "k1_cv(abc)]"), "3:22", "a number between"),
    "estimator with NaN": (edited("k3]", "alpha(nan)]"), "3:22", "a number between"),
    "weight without an estimator": (edited("k3]", "ratio*]"), "3:22", "unknown estimator"),
    "misspelt distribution": (edited("N(0, 1)", "Norml(0, 1)"), "6:8", "did you mean Normal?"),
    "unknown argument": (edited("N(0, 1)", "N(0, scael=1)"), "6:13", "did you mean scale?"),
    "missing argument": (edited("N(0, 1)", "N(0)"), "6:8", "write Normal(loc, scale)"),
    "too many arguments": (edited("N(0, 1)", "N(0, 1, 2)"), "6:8", "at most 2 arguments"),
    "argument twice": (edited("N(0, 1)", "N(loc=0, loc=1, scale=1)"), "6:17", "given twice"),
    # values
    "zero scale": (edited("N(0, 1)", "N(0, 0)"), "6:13", "a number > 0"),
    "NaN": (edited("N(0, 1)", "N(nan, 1)"), "6:10", "is not a number"),
    "infinite": (edited("N(0, 1)", "N(0, 1e999)"), "6:13", "is not a finite number"),
    "underflow": (edited("N(0, 1)", "N(0, 1e-999)"), "6:13", "a number > 0"),
    "probabilities": (edited("N(0, 1)", "Categorical([0.5, 0.6])"), "6:20", "sum to 1"),
    "covariance": (
        edited("N(0, 1)", "MultivariateNormal([0, 0], [[1, 2], [2, 1]])"),
        "6:35",
        "positive definite",
    ),
    "weights": (edited("N(0, 1)", "0.5*N(0, 1) + 0.6*N(1, 1)"), "6:8", "the weights sum to 1.1"),
    "power": (edited("N(0, 1)", "N(0, 1)**1e9"), "6:17", "a whole number from 1"),
    **{
        f"samples {value}": (edited("2000", value), "2:10", "is not a sample count")
        for value in ("0", "-1", "1.5", "1e30", "10MM", "true", ".nan", "[1]", "{a: 1}", "''", "9" * 500)
    },
    **{
        f"seed {value}": (SPEC + f"seed: {value}\n", "9:7", "is not a seed")
        for value in ("-1", "0.5", "true", "one", "1e30")
    },
    "dtype": (SPEC + "dtype: float8\n", "9:8", "allowed: float64, float32, bfloat16, float16"),
    # gradients
    "measure": (SPEC + "measure: gradeint\n", "9:10", "did you mean gradient?"),
    "gradient key of a value": (SPEC + "placements: [loss]\n", "9:1", "add measure: gradient"),
    "placement": (SPEC + "measure: gradient\nplacements: [los]\n", "10:14", "did you mean loss?"),
    "weighting": (SPEC + "measure: gradient\nweightings: [none, none]\n", "10:20", "listed twice"),
    "parameter": (SPEC + "measure: gradient\nparameters: [lok]\n", "10:14", "did you mean loc?"),
    "batch": (SPEC + "measure: gradient\nbaseline: mean\nbatch: 1\n", "11:8", "a whole number from 2"),
    "unknown framework": (edited("k3]", "vrl:k3]"), "3:22", "did you mean verl"),
    "unknown version": (edited("k3]", "verl@new:k3]"), "3:22", "'new'"),
    "user function of no module": (edited("k3]", "no_such_module:k3]"), "3:22", "module"),
    **{
        f"name {value[:12]}": (edited("name: small", f"name: {value}"), "1:7", "is not a name for a spec")
        for value in (
            "../x",
            "a/b",
            "'a\\b'",
            "''",
            "'..'",
            ".hidden",
            "é",
            "a b",
            "x" * 300,
            "5",
            "[a]",
            "-rf",
            "--help",
        )
    },
    **{
        f"name {value}": (edited("name: small", f"name: {value}"), "1:7", "on Windows")
        for value in ("nul", "CON", "com1")
    },
    **{
        f"pair {value!r}": (edited("name: shift", f'name: "{value}"'), "5:11", "is not a name for a pair")
        for value in ("=1+1", "+1", "-1", "@a", " =1", "＝1", "a\\tb", "a\\nb")
    },
    **{
        f"pair with {value}": (edited("name: shift", f'name: "a{value}b"'), "5:11", "unexpected character")
        for value in ("\\e[31m", "\\a", "\\b", "\\x7f", "\\x9b")
    },
    **{
        f"pair with {value}": (edited("name: shift", f'name: "a{value}b"'), "5:11", "cannot be shown")
        for value in ("\\u202e", "\\u200b", "\\xa0")
    },
    # pairs and grids
    "kinds": (edited("N({mu}, 1)", "Poisson({mu})"), "7:8", "one is continuous, the other discrete"),
    "dimensions": (edited("N({mu}, 1)", "N({mu}, 1)**3"), "7:8", "their dimensions differ"),
    "sampler": (edited("    grid", "    sampler: Poisson(1)\n    grid"), "8:14", "q and sampler cannot be compared"),
    "undefined parameter": (edited("N({mu}, 1)", "N({nu}, 1)"), "7:8", "nu has no values"),
    "unused parameter": (edited("{mu: [0.5]}", "{mu: [0.5], nu: [1]}"), "8:23", "nothing uses"),
    "no values": (edited("[0.5]", "[]"), "8:16", "an empty list"),
    "value twice": (edited("[0.5]", "[0.5, 0.50]"), "8:22", "twice"),
    "value of a column": (SPEC.replace("mu", "mean"), "8:12", "a column mean already"),
    "huge grid": (edited("[0.5]", "{linspace: [0, 1, 1e9]}"), "8:34", "from 2 to 10000"),
    "no pairs": (SPEC[: SPEC.index("pairs")] + "pairs: []\n", "4:8", "at least one"),
    "expected column": (
        SPEC + "    expect: {k1: {bais: {value: 0, within: 1}}}\n",
        "9:19",
        "did you mean bias?",
    ),
    # code
    "a call": (edited("N(0, 1)", "\"__import__('os').system('touch broken')\""), "6:20", "not a text"),
    "an attribute": (edited("N(0, 1)", "N(0, 1).__class__"), "6:15", "unexpected '.'"),
    "a name for a number": (edited("N(0, 1)", "N(open, 1)"), "6:10", "'open' is not a number"),
    "another function": (edited("N(0, 1)", "eval(1)"), "6:8", "unknown distribution 'eval'"),
    "a Python tag": (edited("small", "!!python/object/apply:os.system ['touch broken']"), "1:7", "is not allowed"),
    # YAML and files
    "no YAML": (edited("[k1, k2, k3]", "[k1, k2"), "4:6", "this is not YAML"),
    "a tab": (edited("    q:", "\tq:"), "6:1", "spaces, not tabs"),
    "exploding aliases": (LAUGHS, "7:4", "this expands to"),
    "an alias inside itself": (edited("[k1, k2, k3]", "&a [*a]"), "3:17", "inside itself"),
    "nothing": ("", "1:1", "is empty"),
    "only a comment": ("# nothing\n", "1:1", "is empty"),
    "two documents": (SPEC + "---\n" + SPEC, "9:1", "a second document"),
    "deep": ("{a: " * 5000, "1:126", "nested too deeply"),
    "deep expression": (edited("N(0, 1)", "(" * 5000), "6:25", "nested too deeply"),
    "a NUL": (edited("N(0, 1)", "N(0,\0 1)"), "6:12", "unexpected character"),
    "enormous": ("#" * (5 * 2**20), "", "more than 4 MiB"),
    "binary": (b"\x89PNG\r\n\x1a\n", "", "not a text in UTF-8"),
    "UTF-16": (SPEC.encode("utf-16"), "", "not a text in UTF-8"),
    "Latin-1": (SPEC.encode() + b"# \xe9", "", "not a text in UTF-8"),
}


@pytest.mark.parametrize("name", SPECS)
def test_a_bad_spec_is_refused_in_its_place(call: Call, here: Path, name: str) -> None:
    text, place, says = SPECS[name]
    (here / "s.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    call("run", "s.yaml", "--out", "out").refuses(2, f"--> s.yaml:{place}\n" if place else "s.yaml", says)
    assert {path.name for path in here.iterdir()} == {"s.yaml"}


OVERRIDES = {
    "no value": ("samples", "1:1", "KEY=VALUE"),
    "no key": ("=3", "1:1", "KEY=VALUE"),
    "unknown key": ("smaples=3", "1:1", "did you mean samples?"),
    "index": ("pairs.5.p=N(0, 1)", "1:7", "there is no entry '5'"),
    "negative index": ("pairs.-1.p=N(0, 1)", "1:7", "there is no entry '-1'"),
    "type": ("samples=[1]", "1:9", "is not a sample count"),
    "inside a number": ("samples.x=1", "1:9", "there is no 'x'"),
    "a second key": ("name=x\nsamples: 5", "2:8", "not YAML"),
    "a tag": ("description=!!python/object/apply:os.system ['x']", "1:13", "is not allowed"),
    "an alias": ("description=*a", "1:13", "has no anchor"),
    "a path": ("name=../x", "1:6", "is not a name for a spec"),
    "an expression": ("pairs.0.p=N(0,", "1:15", "the end is not a number"),
}


@pytest.mark.parametrize("name", OVERRIDES)
def test_a_bad_override_is_refused_in_its_place(call: Call, here: Path, name: str) -> None:
    override, place, says = OVERRIDES[name]
    call("run", "s.yaml", override, "--out", "out").refuses(2, f"--> override:{place}\n", says)
    assert {path.name for path in here.iterdir()} == {"s.yaml"}


CALLS = {
    "no spec": (["run"], "SPEC"),
    "no such spec": (["run", "s.yml"], "did you mean s.yaml?"),
    "a folder": (["run", "."], "is a folder"),
    "a path too long": (["run", "x" * 5000], "cannot be read"),
    "an endless file": (["run", "/dev/zero"], "more than 4 MiB"),
    "an unknown command": (["rum"], "no such command"),
    "an unknown option": (["run", "s.yaml", "--frmt", "csv"], "no such option"),
    "an unknown format": (["run", "s.yaml", "--format", "xml"], "allowed: table, markdown, csv, json"),
    "an unknown device": (["run", "s.yaml", "--device", "tpu"], "auto, cpu, cuda, cuda:N"),
    "a device without a number": (["run", "s.yaml", "--device", "cuda:"], "auto, cpu, cuda, cuda:N"),
    "no threads": (["run", "s.yaml", "-j", "0"], "greater than or equal to 1"),
    "negative threads": (["run", "s.yaml", "-j", "-1"], "greater than or equal to 1"),
    "half a thread": (["run", "s.yaml", "-j", "1.5"], "whole number"),
    "no samples": (["run", "s.yaml", "-n", "0"], "is not a sample count"),
    "a text for samples": (["run", "s.yaml", "-n", "many"], "is not a sample count"),
    "a text for a seed": (["run", "s.yaml", "--seed", "a"], "whole number"),
    "a bad name to explain": (["explain", "k33"], "did you mean k3?"),
    "a bad list": (["list", "distribution"], "did you mean distributions?"),
    "a file that is there": (["init", "s.yaml"], "is there already"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_bad_call_is_refused(call: Call, here: Path, name: str) -> None:
    arguments, says = CALLS[name]
    call(*arguments).refuses(2, says)
    assert {path.name for path in here.iterdir()} == {"s.yaml"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "crlf", "cr"])
def test_what_an_editor_does_to_a_file_is_no_error(call: Call, here: Path, encoding: str) -> None:
    ends = {"crlf": b"\r\n", "cr": b"\r"}
    text = SPEC.encode().replace(b"\n", ends[encoding]) if encoding in ends else SPEC.encode(encoding)
    (here / "s.yaml").write_bytes(text)
    assert call("validate", "s.yaml").status == 0
