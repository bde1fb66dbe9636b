"""Gradient specs: what their keys become, and where each thing wrong with one is said to be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from klbench.errors import SpecError
from klbench.spec.model import Spec
from klbench.spec.read import read_text

SPEC = """\
name: stale
measure: gradient
samples: 1000
estimators: [k1, k2, k3]
placements: [loss, reward]
weightings: [none, ratio, detached]
parameters: [loc]
baseline: leave-one-out
batch: 64
pairs:
  - name: shift
    q: N(0, {sigma})
    p: N(1, 1)
    grid: {sigma: [1, 2]}
  - name: heavy
    q: StudentT(df=3)
    p: N(0, 1)
"""


def test_the_keys_of_a_gradient() -> None:
    spec = read_text(SPEC, "x")
    assert spec.placements == ("loss", "reward")
    assert spec.weightings == ("none", "ratio", "detached")
    assert (spec.parameters, spec.baseline, spec.batch) == (("loc",), "leave-one-out", 64)


def test_a_name_alone_is_a_list_of_one() -> None:
    text = SPEC.replace("[loss, reward]", "reward").replace("[none, ratio, detached]", "none").replace("[loc]", "loc")
    spec = read_text(text, "x")
    assert (spec.placements, spec.weightings, spec.parameters) == (("reward",), ("none",), ("loc",))


@pytest.mark.parametrize("key", ["placements", "weightings", "parameters"])
def test_what_is_left_out_depends_on_the_estimator_or_on_q(key: str) -> None:
    assert getattr(read_text(SPEC, "x", [f"{key}="]), key) is None


@pytest.mark.parametrize(("written", "batch"), [("2", 2), ("1e2", 100), ("1k", 1000), ("1_000", 1000)])
def test_a_batch_is_written_as_a_sample_count(written: str, batch: int) -> None:
    assert read_text(SPEC, "x", [f"batch={written}"]).batch == batch


def test_precisions_keep_their_order() -> None:
    assert read_text(SPEC, "x", ["dtype=[float16, float64, bfloat16]"]).dtype == ("float16", "float64", "bfloat16")


def test_a_gradient_is_taken_in_every_kind_of_distribution() -> None:
    pairs = "[{q: 'Categorical([0.5, 0.5])', p: 'Categorical([0.2, 0.8])'}, {q: 'N(0, 1)**3', p: 'N(1, 1)**3'}]"
    assert len(read_text(SPEC, "x", [f"pairs={pairs}", "parameters="]).pairs) == 2


def test_the_parameters_of_a_mixture_are_numbered() -> None:
    overrides = ["pairs=[{q: '0.5*N(0, 1) + 0.5*N(1, 1)', p: 'N(0, 1)'}]", "parameters=[1.loc, logits]"]
    spec = read_text(SPEC, "x", overrides)
    assert spec.parameters == ("1.loc", "logits")
    assert read_text(spec.to_yaml(), "resolved") == spec


def edited(*replacements: tuple[str, str]) -> str:
    text = SPEC
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text


COUNTS = [("N(0, {sigma})", "Binomial(3, {sigma})"), ("N(1, 1)", "Binomial(3, 0.5)"), ("[1, 2]", "[0.5, 0.6]")]
NO_BASELINE = [("baseline: leave-one-out\n", "")]
NO_BATCH = [("batch: 64\n", "")]
VALUE = ("measure: gradient\n", "")
ALONE = {
    "placements": "placements: loss\n",
    "weightings": "weightings: [none]\n",
    "parameters": "parameters: [loc]\n",
    "baseline": "baseline: none\n",
    "batch": "batch: 64\n",
}
VALUES = SPEC[: SPEC.index("placements")].replace("gradient", "value") + "KEY\n" + SPEC[SPEC.index("pairs") :]
EXPECT = "    expect: {k1: {cosine: {value: 1, within: 0}}}\n"

REFUSED = {
    "an unknown placement": (edited(("[loss,", "[los,")), "5:14", "did you mean loss?"),
    "a placement alone": (edited(("[loss, reward]", "rewrad")), "5:13", "did you mean reward?"),
    "a placement in capitals": (edited(("[loss,", "[LOSS,")), "5:14", "did you mean loss?"),
    "a placement twice": (edited(("reward]", "loss]")), "5:20", "loss is listed twice"),
    "a placement that is a number": (edited(("reward]", "1]")), "5:20", "1 is not a placement"),
    "a placement that is nothing": (edited(("reward]", "~]")), "5:20", "nothing is not a placement"),
    "no placements": (edited(("[loss, reward]", "[]")), "5:13", "[loss, reward]"),
    "placements in a list of lists": (edited(("[loss, reward]", "[[loss]]")), "5:14", "a list is not a placement"),
    "placements as a mapping": (edited(("[loss, reward]", "{loss: 1}")), "5:13", "a mapping is not a placement"),
    "an unknown weighting": (edited(("detached]", "detach]")), "6:27", "did you mean detached?"),
    "a weighting that is false": (edited(("detached]", "false]")), "6:27", "allowed: none, ratio, detached"),
    "a weighting twice": (edited(("detached]", "none]")), "6:27", "none is listed twice"),
    "no weightings": (edited(("[none, ratio, detached]", "[]")), "6:13", "an empty list is not a weighting"),
    "a misspelt parameter": (edited(("[loc]", "[lok]")), "7:14", "did you mean loc?"),
    "a parameter that no q has": (edited(("[loc]", "[loc, logits]")), "7:19", "unknown parameter of Normal"),
    "a parameter that the first q has not": (edited(("[loc]", "[loc, df]")), "7:19", "of Normal(loc=0, scale=1)"),
    "a parameter that the last q has not": (edited(("StudentT(df=3)", "Exponential(1)")), "7:14", "allowed: rate"),
    "a parameter that is a count": (edited(*COUNTS, ("[loc]", "[total_count]")), "7:14", "it is a count"),
    "a parameter twice": (edited(("[loc]", "[loc, loc]")), "7:19", "loc is listed twice"),
    "a parameter that is a number": (edited(("[loc]", "[0]")), "7:14", "0 is not a parameter"),
    "a parameter that is a text": (edited(("[loc]", "['my loc']")), "7:14", "'my loc' is not a parameter"),
    "a parameter far too long": (edited(("[loc]", f"[{'l' * 500}]")), "7:14", "is not a parameter"),
    "no parameters": (edited(("[loc]", "[]")), "7:13", "[loc, scale]"),
    "a q without a parameter": (edited(("StudentT(df=3)", "Uniform(-1, 1)")), "16:8", "Uniform"),
    "a q without a parameter, none named": (
        edited(("StudentT(df=3)", "Uniform(-1, 1)"), ("parameters: [loc]\n", "")),
        "15:8",
        "Uniform",
    ),
    "a q that the grid brings to the end of its range": (
        edited(*COUNTS, ("0.6]", "1]"), ("parameters: [loc]\n", "")),
        "11:8",
        "1 is the end of its range",
    ),
    "an unknown baseline": (edited(("leave-one-out", "leave-one")), "8:11", "did you mean leave-one-out?"),
    "a list of baselines": (edited(("leave-one-out", "[mean]")), "8:11", "allowed: none, mean, leave-one-out"),
    "a baseline without a batch": (edited(*NO_BATCH), "8:11", "the baseline leave-one-out needs a batch"),
    "a baseline of a loss": (edited(("[loss, reward]", "[loss]")), "8:11", "add reward to placements"),
    "a batch without a baseline": (edited(*NO_BASELINE), "8:1", "batch is for a baseline"),
    "a batch of no baseline": (edited(("leave-one-out", "none")), "9:1", "batch is for a baseline"),
    "a batch of one": (edited(("64", "1")), "9:8", "a whole number from 2 to 1000000"),
    "a negative batch": (edited(("64", "-64")), "9:8", "-64 is not a batch size"),
    "half a batch": (edited(("64", "2.5")), "9:8", "2.5 is not a batch size"),
    "a batch that is a text": (edited(("64", "many")), "9:8", "'many' is not a batch size"),
    "a list of batches": (edited(("64", "[64]")), "9:8", "a list is not a batch size"),
    "an absurd batch": (edited(("64", "2e6")), "9:8", "2000000 is not a batch size"),
    "a batch of more than the samples": (edited(("64", "1001")), "9:8", "more than the 1,000 samples"),
    "expect of a gradient": (SPEC + EXPECT, "18:5", "--check holds gradients to their exact values"),
    **{
        f"{key} of a value": (VALUES.replace("KEY\n", line), "5:1", f"add measure: gradient, or take {key} out")
        for key, line in ALONE.items()
    },
    "gradient keys where values are the default": (edited(VALUE), "4:1", "placements is for gradients"),
}


@pytest.mark.parametrize(("text", "place", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_says_what_and_where(text: str, place: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_text(text, "spec.yaml")
    assert str(caught.value.location) == f"spec.yaml:{place}"
    assert says in "\n".join([caught.value.message, *caught.value.help])


@pytest.mark.parametrize("name", ["placement", "weighting", "cosine", "parameter", "index", "exact", "follows"])
def test_a_grid_parameter_is_no_column_of_a_gradient(name: str) -> None:
    with pytest.raises(SpecError, match=f"a column {name} already"):
        read_text(SPEC.replace("sigma", name), "x")


def named(*estimators: str) -> Spec:
    return read_text(SPEC, "x", [f"estimators=[{', '.join(estimators)}]"])


@pytest.mark.parametrize("name", ["verl:low_var_kl", "verl:low_var_kl+", "trl:grpo", "nemo-rl@0.6:k3"])
def test_the_estimators_of_frameworks_need_no_quotes(name: str) -> None:
    spec = named(name, "k3")
    assert spec.estimators == (name, "k3")
    assert read_text(spec.to_yaml(), "resolved") == spec


def test_a_baseline_where_frameworks_put_all_in_the_loss() -> None:
    overrides = ["placements=", "estimators=[trl:grpo]"]
    with pytest.raises(SpecError, match="every placement is loss"):
        read_text(SPEC, "x", overrides)
    assert read_text(SPEC, "x", [*overrides, "placements=reward"]).baseline == "leave-one-out"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package that must not be imported, and cannot be without a trace."""
    folder = tmp_path / "someones_estimators"
    folder.mkdir()
    for file in ("__init__.py", "token.py"):
        (folder / file).write_text("raise RuntimeError('imported')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return folder.name


@pytest.mark.parametrize("function", [":my_kl", ".token:my_kl"])
def test_reading_a_spec_imports_no_module_of_a_user(module: str, function: str) -> None:
    name = module + function
    spec = named(name)
    assert spec.estimators == (name,)
    assert read_text(spec.to_yaml(), "resolved") == spec
    assert not [loaded for loaded in sys.modules if loaded.startswith(module)]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("verl:low_var", "low_var_kl"),
        ("vrl:k3", "did you mean verl"),
        ("verl@new:k3", "'new'"),
        ("no_such_module:my_kl", "no_such_module"),
        ("verl:", "verl:"),
        (":k3", "module:function"),
        ("x" * 201, "at most 200 characters"),
    ],
)
def test_an_estimator_that_nobody_has(name: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_text(SPEC, "x", [f"estimators=[k1, '{name}']"])
    assert says in "\n".join([caught.value.message, *caught.value.help])
    assert str(caught.value.location) == "override:1:17"


def test_reading_a_gradient_spec_imports_nothing_heavy() -> None:
    code = (
        "import sys; from klbench.spec.read import read_text\n"
        f"read_text({SPEC!r}, 'x', ['estimators=[k1, verl:low_var_kl+, trl:grpo]']).to_yaml()\n"
        "print({'torch', 'numpy', 'pandas', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("set()", "")


def test_a_weighted_name_is_refused_for_the_weightings_that_say_how() -> None:
    with pytest.raises(SpecError) as refused:
        read_text(
            "name: a\nmeasure: gradient\nestimators: [k1, 'ratio*k3']\npairs:\n  - {q: 'N(0, 1)', p: 'N(1, 1)'}\n"
        )
    assert str(refused.value.location).endswith(":3:18")
    assert "weightings: [ratio]" in refused.value.help[0]
