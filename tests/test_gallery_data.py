"""The gallery's dump: it is what its script draws, its truth has a second road, and its errors are those of prompts."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import numpy as np
import pytest

from klbench.policies.build import table_of
from klbench.policies.table import ENDED, PolicyTable
from klbench.spec.read import read_spec
from tests.test_gallery import ROOT

PAIRS = {"reference": "to the reference", "mismatch": "trainer and engine"}
"""What the script and the spec call them."""
Columns = dict[str, list[np.ndarray]]


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    """The module that draws the dump."""
    with patch.object(sys, "path", [str(ROOT / "results"), *sys.path]):
        yield importlib.import_module("draw_dump")


@pytest.fixture(scope="module")
def stories() -> Iterator[ModuleType]:
    with patch.object(sys, "path", [str(ROOT / "results"), *sys.path]):
        yield importlib.import_module("data_stories")


@pytest.fixture(scope="module")
def gallery() -> Iterator[ModuleType]:
    with patch.object(sys, "path", [str(ROOT / "results"), *sys.path]):
        yield importlib.import_module("gallery")


def expected() -> dict[tuple[str, str], float]:
    """What the spec says the means should be, by pair and estimator."""
    return {
        (pair.name, estimator): columns["mean"].value
        for pair in read_spec("known_dump").pairs
        for estimator, columns in pair.expect.items()
    }


def test_the_dump_is_what_the_script_draws(script: ModuleType) -> None:
    assert script.DUMP.read_text(encoding="utf-8") == script.text()


def test_what_is_expected_is_the_exact_mean(script: ModuleType) -> None:
    exact = {(PAIRS[pair], estimator): mean for (pair, estimator), mean in script.truth().items()}
    for which, value in expected().items():
        assert value == pytest.approx(exact[which], rel=1e-9), which


def test_what_is_expected_by_a_second_road(script: ModuleType) -> None:
    """How often each token is drawn in each state, step by step; then every mean is a sum over states and tokens."""
    means: dict[tuple[str, str], list[float]] = {}
    for case in script.policies():
        assert case.sampler is not None
        q, p, sampler = (table_of(role) for role in (case.q, case.p, case.sampler))
        log_q, log_p, log_sampler = (table.log_probs.numpy() for table in (q, p, sampler))
        by_sampler, by_q = drawn(sampler), drawn(q)
        k3 = np.exp(log_p - log_q) - 1 - (log_p - log_q)
        back = np.exp(log_q - log_sampler) - 1 - (log_q - log_sampler)
        found = {
            ("reference", "k1"): (by_sampler * (log_q - log_p)).sum(),
            ("reference", "k2"): (by_sampler * (log_q - log_p) ** 2 / 2).sum(),
            ("reference", "k3"): (by_sampler * k3).sum(),
            ("reference", "ratio*k3"): (by_sampler * np.exp(log_q - log_sampler) * k3).sum(),
            # under the whole sequence's weight the samples are q's, whose mean of k3 is the KL
            ("reference", "ratio-sequence*k3"): (by_q * (log_q - log_p)).sum(),
            ("mismatch", "k1"): (by_sampler * (log_sampler - log_q)).sum(),
            ("mismatch", "k2"): (by_sampler * (log_sampler - log_q) ** 2 / 2).sum(),
            ("mismatch", "k3"): (by_sampler * back).sum(),
        }
        for (pair, estimator), mean in found.items():
            means.setdefault((PAIRS[pair], estimator), []).append(float(mean))
    assert expected() == pytest.approx({which: np.mean(each) for which, each in means.items()}, rel=1e-9)


def drawn(table: PolicyTable) -> np.ndarray:
    """How often a sequence of a policy has each token in each state, on average [S, V]."""
    probs, following = table.log_probs.exp().numpy(), table.following.numpy()
    at, times = np.zeros(len(probs)), np.zeros_like(probs)
    at[table.start] = 1
    for _ in range(table.length):
        here = at[:, None] * probs
        times += here
        goes = following != ENDED
        at = np.bincount(following[goes], weights=here[goes], minlength=len(probs))
    return times


def read(script: ModuleType) -> tuple[Columns, np.ndarray]:
    lines = [json.loads(line) for line in script.DUMP.read_text(encoding="utf-8").splitlines()]
    names = ("log_q", "log_p", "log_sampler")
    return {name: [np.array(line[name]) for line in lines] for name in names}, np.array(
        [line["group"] for line in lines]
    )


def test_the_two_errors_by_hand(script: ModuleType, stories: ModuleType, gallery: ModuleType) -> None:
    """k3 of the reference: the error of groups, and that of as many independent tokens, in numpy."""
    columns, group = read(script)
    log_ratio = [p - q for p, q in zip(columns["log_p"], columns["log_q"], strict=True)]
    tokens = [np.expm1(each) - each for each in log_ratio]
    sums = np.array([each.sum() for each in tokens])
    by_group = np.bincount(group, weights=sums - sums.mean())
    clustered = np.sqrt((by_group**2).sum() * len(by_group) / (len(by_group) - 1)) / len(sums)
    flat = np.concatenate(tokens)
    naive = flat.std() / np.sqrt(len(flat)) * len(flat) / len(sums)
    (case, _) = gallery.committed("known_dump").cases
    (k3,) = (each for each in stories.beside(case) if each.row.estimator == "k3")
    assert k3.row.mean == pytest.approx(sums.mean(), rel=1e-12)
    assert k3.error == pytest.approx(clustered, rel=1e-9)
    assert k3.naive == pytest.approx(naive, rel=1e-3)
    assert naive < clustered / 3


def test_every_mean_is_right_by_its_error_of_prompts(stories: ModuleType, gallery: ModuleType) -> None:
    reference, mismatch = gallery.committed("known_dump").cases
    for case in (reference, mismatch):
        assert all(abs(each.off) < 5 * each.error for each in stories.beside(case))
    assert all(2 < each.error / each.naive < 5 for each in stories.beside(reference))
    assert all(1 < each.error / each.naive < 1.5 for each in stories.beside(mismatch))


def test_the_data_of_the_page_are_those_of_the_run(gallery: ModuleType) -> None:
    reference, mismatch = gallery.committed("known_dump").cases
    assert (reference.data.sequences, reference.data.groups, reference.data.tokens) == (512, 128, 9193)
    assert len(reference.data.checks) == 6
    # what is said of a file once is said of its first comparison
    assert mismatch.data.checks == ()
    assert sum(each.tokens for each in mismatch.data.positions) == 9193


def test_a_file_of_ones_own_goes_before_the_one_that_ships(tmp_path: Path) -> None:
    text = "name: mine\nestimators: [k1]\npairs: [{data: known_dump.jsonl}]\n"
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    (source,) = read_spec(str(tmp_path / "mine.yaml")).sources()
    assert source.is_shipped
    assert read_spec(str(tmp_path / "mine.yaml")).folder is None
    (tmp_path / "known_dump.jsonl").write_text('{"log_q": [-1.0], "log_p": [-2.0]}\n', encoding="utf-8")
    spec = read_spec(str(tmp_path / "mine.yaml"))
    (source,) = spec.sources()
    assert source.paths == (str(tmp_path / "known_dump.jsonl"),)
    assert spec.folder == str(tmp_path)
