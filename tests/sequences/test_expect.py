"""A published value of sequences is held to one row: the one that it names, or the one that is meant."""

from __future__ import annotations

import pytest

import klbench
from klbench.errors import SpecError
from klbench.report.check import check

CHAIN = "q: 'Markov(vocab=4, scale=1.5, seed=1, length=4, eos=0)', p: 'Perturb(q, scale=0.5, seed=2)'"
ALL = "level: [token, sequence]\naggregation: [token-mean, seq-mean-token-sum]"


def written(expect: str, keys: str = "", estimators: str = "k1, k3, full", pair: str = CHAIN) -> str:
    """Its keys end in line 5; what is expected is in line 7."""
    head = f"name: x\nsamples: 2000\nestimators: [{estimators}]\n"
    return f"{head}{keys}\npairs:\n  - {{{pair},\n     expect: {{{expect}}}}}\n"


def checked(expect: str, keys: str = "") -> list[str]:
    results = klbench.run(klbench.read_text(written(expect, keys, "k1, k3")), threads=1)
    return [point.text for point in check(results) if "expected" in point.text]


@pytest.mark.parametrize(
    ("said", "keys", "row"),
    [
        ("", "", "k3"),
        ("", "level: [sequence]", "k3 (sequence)"),
        ("", "aggregation: [token-mean]", "k3 (token-mean)"),
        ("", ALL, "k3"),
        ("level: sequence", ALL, "k3 (sequence)"),
        ("level: token", ALL, "k3"),
        ("aggregation: token-mean", ALL, "k3 (token-mean)"),
        ("level: token, aggregation: token-mean", ALL, "k3 (token-mean)"),
        ("level: sequence", "level: [token, sequence]", "k3 (sequence)"),
    ],
)
def test_one_row_is_meant(said: str, keys: str, row: str) -> None:
    more = f", {said}" if said else ""
    (text,) = checked(f"k3: {{bias_over_true: {{value: 0, within: 1{more}}}}}", keys)
    assert f", {row}: bias_over_true is" in text


def test_a_value_of_one_level_fails_at_no_other() -> None:
    """The noise of k3 at the two levels differs, and each is right of its own row alone."""
    spec = klbench.read_text(written("", "level: [token, sequence]"))
    (case,) = klbench.run(spec, threads=1).cases
    noise = {row.level: row.exact_stdev_over_true for row in case.rows if row.estimator == "k3"}
    for level, value in noise.items():
        for other in noise:
            expect = f"k3: {{exact_stdev_over_true: {{value: {value!r}, within: 0, level: {other}}}}}"
            results = klbench.run(klbench.read_text(written(expect, "level: [token, sequence]")), threads=1)
            (point,) = [point for point in check(results) if "expected" in point.text]
            assert point.holds == (level == other)


@pytest.mark.parametrize(
    ("expect", "keys", "message"),
    [
        ("k3: {mean: {value: 0, within: 1, level: sequence}}", "", "k3 is not measured at sequence"),
        ("k3: {mean: {value: 0, within: 1, aggregation: token-mean}}", "", "k3 is not measured at token-mean"),
        ("full: {mean: {value: 0, within: 1, level: sequence}}", ALL, "full is not measured at sequence"),
        (
            "k3: {mean: {value: 0, within: 1, level: sequence, aggregation: token-mean}}",
            ALL,
            "k3 is not measured at sequence and token-mean",
        ),
        (
            "k3: {mean: {value: 0, within: 1}}",
            "aggregation: [token-mean, seq-mean-token-mean]",
            "it is not said which row of k3 is meant",
        ),
        ("k3: {mean: {value: 0, within: 1, level: tokn}}", "", "unknown level 'tokn'"),
    ],
)
def test_what_is_of_no_row_or_of_several_is_refused(expect: str, keys: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as error:
        klbench.read_text(written(expect, keys))
    assert error.value.location is not None
    line = 6 + max(1, len(keys.splitlines()))
    assert (error.value.location.line, error.value.location.text.lstrip()[:6]) == (line, "expect")
    assert error.value.help


def test_single_draws_have_no_level() -> None:
    pair = "q: 'N(0, 1)', p: 'N(1, 1)'"
    with pytest.raises(SpecError, match="have no level"):
        klbench.read_text(written("k3: {mean: {value: 0, within: 1, level: token}}", "", "k3", pair))
    klbench.read_text(written("k3: {mean: {value: 0, within: 1}}", "", "k3", pair))


def test_it_is_written_and_read_again() -> None:
    expect = "k3: {mean: {value: 0, within: 1, level: token, aggregation: token-mean}}"
    spec = klbench.read_text(written(expect, ALL))
    assert klbench.read_text(spec.to_yaml()) == spec
    (case,) = spec.cases()
    found = case.expect["k3"]["mean"]
    assert (found.level, found.aggregation) == ("token", "token-mean")


CLIPPED: dict[str, tuple[str, bool]] = {
    "k3": ("", True),
    "ratio*k3": ("", False),
    "ratio-sequence*k3": ("", False),
    "ratio-geometric*k3, k1": ("", False),
    "k1": ("measure: gradient", True),
    "k2": ("measure: gradient\nweightings: [none]", True),
    "abs": ("measure: gradient\nweightings: [none, ratio]", False),
    "k1, k3": ("measure: [value, gradient]\nweightings: [detached]", False),
}


@pytest.mark.parametrize("estimators", CLIPPED)
def test_a_clip_of_nothing_is_refused(estimators: str) -> None:
    keys, refused = CLIPPED[estimators]
    text = f"name: x\nclip: 2\nestimators: [{estimators}]\n{keys}\npairs: [{{{CHAIN}}}]\n"
    if not refused:
        klbench.read_text(text)
        return
    with pytest.raises(SpecError, match="nothing is weighted") as error:
        klbench.read_text(text)
    assert error.value.location is not None
    assert (error.value.location.line, error.value.location.column) == (2, 1)
    assert "weigh an estimator" in error.value.help[0]
