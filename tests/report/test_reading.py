"""A run's files read back are the run: every committed folder of the gallery gives its own bytes again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf, isnan
from pathlib import Path

import pytest

import klbench
from klbench.errors import SpecError
from klbench.report.components import to_components_csv
from klbench.report.data_files import to_data_files
from klbench.report.folder import to_files
from klbench.report.frame import to_csv
from klbench.report.markdown import to_markdown
from klbench.report.reading import from_files, read_results
from klbench.results import Results
from klbench.runner import run
from klbench.spec.read import read_text

GALLERY = sorted(path.parent for path in (Path(__file__).parents[2] / "results").glob("*/results.csv"))
SPEC = """\
name: small
description: Of two pairs.
samples: 4000
measure: [value, gradient]
estimators: [k1, k3]
pairs:
  - {name: "shift, far", q: "N(0, 1)", p: "N({mu}, 1)", grid: {mu: [1, 2.5]}}
  - {name: alone, q: "Bernoulli(0.5)", p: "Bernoulli(0.25)", sampler: "Bernoulli(0.4)"}
"""


def files(results: Results) -> dict[str, str]:
    return {name: text for name, text in to_files(results, datetime.now(UTC)).items() if text is not None}


def again(results: Results) -> Results:
    return from_files(files(results).get, "here")


@pytest.fixture(scope="module")
def small() -> Results:
    return run(read_text(SPEC))


@pytest.mark.parametrize("folder", GALLERY, ids=lambda folder: folder.name)
def test_the_gallery_reads_back_to_its_bytes(folder: Path) -> None:
    results = read_results(folder)
    assert to_csv(results) == (folder / "results.csv").read_text(encoding="utf-8")
    if (folder / "components.csv").is_file():
        assert to_components_csv(results) == (folder / "components.csv").read_text(encoding="utf-8")
    for name, text in to_data_files(results).items():
        assert text == ((folder / name).read_text(encoding="utf-8") if (folder / name).is_file() else None)


def test_all_that_is_shown_is_there(small: Results) -> None:
    read = again(small)
    assert to_markdown(read) == to_markdown(small)
    assert read.crossings == small.crossings
    assert read.seconds == pytest.approx(small.seconds, abs=1e-3)
    for one, other in zip(read.cases, small.cases, strict=True):
        assert (one.kl, one.kl_from, one.notes) == (other.kl, other.kl_from, other.notes)
        assert one.case.parameters == other.case.parameters
        assert (str(one.case.q), str(one.case.p)) == (str(other.case.q), str(other.case.p))


def test_the_rows_are_the_rows(small: Results) -> None:
    for (_, one), (_, other) in zip(again(small).rows(), small.rows(), strict=True):
        assert repr(one).partition("components=")[0] == repr(other).partition("components=")[0]


def test_a_run_to_a_precision_keeps_its_checkpoints() -> None:
    spec = read_text(
        "name: x\nprecision: 0.02\nsamples: 2e6\nestimators: [k1]\npairs: [{q: 'N(0, 1)', p: 'N(1, 1)'}]\n"
    )
    results = run(spec)
    (case,) = results.cases
    assert len(case.running) > 0
    assert case.running[-1].samples == case.rows[0].samples
    assert case.running[-1].bias_over_true == case.rows[0].bias_over_true
    (read,) = again(results).cases
    assert [(row.samples, row.bias_over_true, row.bias_over_true_mcse) for row in read.running] == [
        (row.samples, row.bias_over_true, row.bias_over_true_mcse) for row in case.running
    ]


def test_infinity_and_what_is_missing_come_back() -> None:
    heavy = "name: x\nsamples: 2000\nestimators: [k3]\npairs: [{q: 'Cauchy(0, 1)', p: 'N(0, 1)'}]\n"
    results = run(read_text(heavy))
    (case,) = again(results).cases
    assert case.kl == inf
    assert isnan(case.rows[0].stdev_over_true)


def test_what_a_dump_says_of_itself_comes_back(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.jsonl").write_text(
            "\n".join(
                json.dumps({"log_q": [-1.0 - k / 9], "log_p": [-1.2], "log_sampler": [-1.1], "group": k % 4})
                for k in range(12)
            )
        )
    for pairs in ("[{data: 1.jsonl}]", "[{data: 1.jsonl, name: a}, {data: 2.jsonl, name: b, compare: mismatch}]"):
        results = run(read_text(f"name: x\nestimators: [k1]\npairs: {pairs}\n", folder=str(tmp_path)))
        read = again(results)
        assert to_data_files(read) == to_data_files(results)
        assert {case.data.tokens for case in read.cases if case.data} == {12}
        assert to_markdown(read) == to_markdown(results)


def test_nothing_that_a_spec_names_is_opened(small: Results) -> None:
    """Neither a user's module nor a file of log-probabilities need be there."""
    texts = files(small)
    texts["spec.yaml"] = texts["spec.yaml"].replace("[k1, k3]", "[k1, gone_module:function]")
    assert "gone_module:function" in from_files(texts.get, "here").spec.estimators
    gone = "name: d\nestimators: [k1]\npairs:\n- data: [gone.jsonl]\n  name: d\n"
    assert from_files({**texts, "spec.yaml": gone}.get, "here").spec.pairs[0].name == "d"


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("results.csv", lambda _: None, "there is no results.csv in here"),
        ("spec.yaml", lambda _: None, "there is no spec.yaml in here"),
        ("spec.yaml", lambda _: "[1, 2", "here/spec.yaml is not a spec that klbench wrote"),
        ("spec.yaml", lambda _: "- a\n- b\n", "here/spec.yaml is not a spec that klbench wrote"),
        ("results.csv", lambda text: text[: len(text) // 2], "this is not CSV"),
        ("results.csv", lambda text: text.replace("4000", "many", 1), "which is no number"),
        ("results.csv", lambda text: text.replace("estimator,", "name,", 1), "no column 'estimator'"),
        ("manifest.json", lambda text: text[:-20], "manifest.json is not JSON"),
        ("manifest.json", lambda _: "[]", "manifest.json is not JSON"),
    ],
)
def test_what_is_broken_is_told(small: Results, name: str, change: Callable[[str], str | None], said: str) -> None:
    texts: dict[str, str | None] = dict(files(small))
    texts[name] = change(str(texts[name]))
    with pytest.raises(SpecError) as caught:
        from_files(texts.get, "here")
    assert said in str(caught.value)
    assert "here" in str(caught.value)


def test_a_folder_is_found_by_its_results_too(small: Results, tmp_path: Path) -> None:
    for name, text in files(small).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert to_csv(klbench.read_results(tmp_path)) == to_csv(klbench.read_results(tmp_path / "results.csv"))
    with pytest.raises(SpecError, match="there is no folder"):
        klbench.read_results(tmp_path / "gone")


def test_results_of_an_earlier_release_are_read(small: Results) -> None:
    texts = files(small)
    manifest = json.loads(texts["manifest.json"])
    del manifest["crossings"]
    for case in manifest["cases"]:
        del case["notes"], case["kl"], case["kl_from"]
    read = from_files({**texts, "manifest.json": json.dumps(manifest)}.get, "here")
    assert read.cases[0].kl == small.cases[0].kl  # a row of values has it
    assert read.cases[0].notes == ()
    assert from_files({**texts, "manifest.json": None}.get, "here").cases[0].kl == small.cases[0].kl  # type: ignore[dict-item]
