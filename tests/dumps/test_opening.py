"""Columns found, columns named, and lengths that fit or do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from klbench.dumps.names import NEUTRAL
from klbench.errors import SpecError
from tests.dumps.conftest import Written, mask, opened, rows, values

PAIR = {"log_q": [-1.0, -2.0, -3.0], "log_p": [-1.5, -2.5, -3.5]}


def test_what_is_missing_means_its_default(lines: Written) -> None:
    dump = opened(lines(PAIR))
    (row,) = dump.rows()
    assert (mask(row), row.group, row.prompt, row.texts) == (None, None, None, None)
    assert dump.said == "a sequence a row: log_q and log_p; no mask: every token counts"
    assert dump.notices == []


def test_the_sentence_names_what_was_picked(lines: Written) -> None:
    record = {"old_log_probs": [-1.0], "ref_log_prob": [-2.0], "response_mask": [1], "uid": "a"}
    assert opened(lines(record)).said == (
        "a sequence a row: old_log_probs is log_q, ref_log_prob is log_p, response_mask is mask and uid is group"
    )


def test_a_bare_logprobs_is_the_samplers(lines: Written) -> None:
    assert opened(lines({"logprobs": [-1.0], "ref_logp": [-2.0]})).roles == ("log_p", "log_sampler")


def test_no_name_is_in_two_places() -> None:
    names = NEUTRAL.all()
    assert len(set(names)) == len(names) > 30


@pytest.mark.parametrize(
    ("more", "place", "option"),
    [
        ({"old_log_probs": [-1.0] * 3}, "log_q", "--log-q log_q or old_log_probs"),
        ({"ref_logp": [-1.0] * 3}, "log_p", "--log-p log_p or ref_logp"),
        ({"logprobs": [-1.0] * 3, "rollout_log_probs": [-1.0] * 3}, "log_sampler", "--log-sampler rollout_log_probs"),
        ({"mask": [1] * 3, "loss_mask": [1] * 3}, "mask", "--mask mask or loss_mask"),
        ({"group": 1, "uid": 2}, "group", "--group group or uid"),
    ],
)
def test_two_candidates_are_refused_and_an_option_settles_it(
    more: dict[str, Any], place: str, option: str, lines: Written
) -> None:
    path = lines({**PAIR, **more})
    with pytest.raises(SpecError, match=f"may each be {place}") as raised:
        rows(path)
    assert option in raised.value.help[0]
    chosen = list(more)[-1]
    assert len(rows(path, **{place: chosen})) == 1


def test_columns_may_have_any_name(lines: Written) -> None:
    path = lines({"a": [-1.0, -2.0], "b": [-3.0, -4.0], "c": [0, 1], "d": "x"})
    with pytest.raises(SpecError, match="no column is known to have log-probabilities") as raised:
        opened(path)
    assert raised.value.help[0] == "its columns: a, b, c and d"
    dump = opened(path, log_q="a", log_sampler="b", mask="c", group="d")
    (row,) = dump.rows()
    assert dump.roles == ("log_q", "log_sampler")
    assert (values(row, "log_q"), values(row, "log_sampler"), mask(row), row.group) == ([-1, -2], [-3, -4], [0, 1], "x")


def test_a_column_that_is_not_there(lines: Written) -> None:
    with pytest.raises(SpecError, match=r"run\.jsonl:1: there is no column log_qq \(--log-q\)") as raised:
        opened(lines(PAIR), log_q="log_qq")
    assert raised.value.help == ("did you mean log_q?",)
    with pytest.raises(SpecError, match="unknown column 'logq'"):
        opened(lines(PAIR), logq="log_q")
    with pytest.raises(SpecError, match=r"run\.jsonl:2: there is no column extra"):
        rows(lines({**PAIR, "extra": [-1.0] * 3}, PAIR), log_sampler="extra")


COUNTS = [0, 1, 1, 0, 1]
FITTING = {
    "as it is": ([-1, -2, -3, -4, -5], [-1, -2, -3, -4, -5]),
    "compact": ([-2, -3, -5], [None, -2, -3, None, -5]),
    "shifted": ([-2, -3, -4, -5], [None, -2, -3, -4, -5]),
    "nested": ([[[-1, -2, -3, -4, -5]]], [-1, -2, -3, -4, -5]),
    "nested and compact": ([[-2, -3, -5]], [None, -2, -3, None, -5]),
}


@pytest.mark.parametrize(("given", "expected"), FITTING.values(), ids=FITTING)
def test_rows_that_fit_their_mask(given: list[Any], expected: list[Any], lines: Written) -> None:
    (row,) = rows(lines({"log_q": given, "log_p": [-9.0] * 5, "mask": COUNTS}))
    assert values(row, "log_q") == expected
    assert values(row, "log_p") == [-9.0] * 5
    assert mask(row) == COUNTS


def test_roles_may_have_different_forms(lines: Written) -> None:
    (row,) = rows(lines({"log_q": [-2, -3, -5], "log_p": [-2, -3, -4, -5], "mask": [COUNTS]}))
    assert (values(row, "log_q"), values(row, "log_p")) == ([None, -2, -3, None, -5], [None, -2, -3, -4, -5])


def test_shifted_rows_of_which_all_count(lines: Written) -> None:
    dump = opened(lines({"log_q": [-2.0, -3.0], "log_p": [-2.5, -3.5], "mask": [1, 0, 1]}, PAIR))
    with pytest.raises(SpecError, match="log_q has 2 entries, which may be those that count or all but the first"):
        list(dump.rows())
    dump = opened(lines({"log_q": [-2.0, -3.0], "log_p": [-2.5, -3.5], "mask": [1, 1, 1]}))
    (row,) = dump.rows()
    assert (values(row, "log_q"), mask(row)) == ([None, -2.0, -3.0], [0, 1, 1])
    assert dump.notices == [
        "1 sequence: rows are shifted by one: no log-probability of the first token, which does not count"
    ]


@pytest.mark.parametrize("length", [0, 1, 2, 6, 7])
def test_any_other_length_is_an_error_and_nothing_is_cut(length: int, lines: Written) -> None:
    good = {"log_q": [-1.0] * 5, "log_p": [-1.0] * 5, "mask": COUNTS}
    with pytest.raises(SpecError, match=r"run\.jsonl:2: the columns do not fit the mask of 5 tokens") as raised:
        rows(lines(good, {**good, "log_p": [-1.0] * length}))
    assert f"log_p {length}" in raised.value.message


def test_lengths_that_differ_without_a_mask(lines: Written) -> None:
    for length in (0, 2, 4):
        with pytest.raises(SpecError, match=rf"run\.jsonl:1: the columns differ in length: log_q 3 and log_p {length}"):
            rows(lines({**PAIR, "log_p": [-1.0] * length}))


@pytest.mark.parametrize("bad", [0.5, 2, -1, None, "1", [1], float("nan")])
def test_a_mask_of_other_numbers(bad: Any, lines: Written) -> None:
    with pytest.raises(SpecError, match=r"run\.jsonl:1: mask has .* at token 1"):
        rows(lines({**PAIR, "mask": [1, bad, 0]}))


@pytest.mark.parametrize("bad", [0.5, 2.0, float("nan")])
def test_an_array_as_mask_with_other_numbers(bad: float, tmp_path: Path) -> None:
    table = {name: np.array([values]) for name, values in PAIR.items()}
    np.savez(tmp_path / "run.npz", **table, mask=np.array([[1, 1, bad]]))
    with pytest.raises(SpecError, match=r"run\.npz, row 0: mask has .* at token 2"):
        rows(tmp_path / "run.npz")


@pytest.mark.parametrize("bad", ["text", 3.0, {"a": 1}, [-1.0, "x", -1.0], [-1.0, [1], -1.0], [True, False, True]])
def test_log_probs_that_are_no_numbers(bad: Any, lines: Written) -> None:
    with pytest.raises(SpecError, match=r"run\.jsonl:1: log_p (is|has)"):
        rows(lines({**PAIR, "log_p": bad}))


def test_padded_arrays_without_a_mask_are_refused(tmp_path: Path) -> None:
    table = {name: np.array([values]) for name, values in PAIR.items()}
    np.savez(tmp_path / "run.npz", **table)
    with pytest.raises(SpecError, match=r"run\.npz, row 0: an array .* needs a mask, and there is none"):
        rows(tmp_path / "run.npz")
    np.savez(tmp_path / "run.npz", **table, kept=np.ones((1, 3)))
    assert len(rows(tmp_path / "run.npz", mask="kept")) == 1


def test_left_padding_is_the_masks(tmp_path: Path) -> None:
    log_q = np.array([[0.0, 0.0, -1.0], [0.0, -2.0, 0.0]])
    np.savez(tmp_path / "run.npz", log_q=log_q, log_p=log_q, mask=np.array([[0, 0, 1], [0, 1, 1]], bool))
    assert [mask(row) for row in rows(tmp_path / "run.npz")] == [[0, 0, 1], [0, 1, 1]]


@pytest.mark.parametrize(
    ("given", "expected"),
    [("a", "a"), (3, 3), (3.0, 3), (2.5, "2.5"), ([[4]], 4), (["x", "x", "x"], "x"), (None, None), ([], None)],
)
def test_groups(given: Any, expected: Any, lines: Written) -> None:
    assert rows(lines({**PAIR, "group": given}))[0].group == expected


def test_a_group_that_differs_within_a_sequence(lines: Written) -> None:
    with pytest.raises(SpecError, match="group differs within the sequence"):
        rows(lines({**PAIR, "group": [1, 2, 1]}))


def test_prompts_and_texts(lines: Written) -> None:
    (row,) = rows(lines({**PAIR, "prompt_ids": [4, 5], "tokens": ["a", "b", "c"]}))
    assert (row.prompt, row.texts, row.group) == ((4, 5), ("a", "b", "c"), None)
    (row,) = rows(lines({**PAIR, "mask": [0, 1, 1], "input_ids": [7, 8, 9], "prompt": "2 + 2"}))
    assert (row.prompt, row.group) == ((7,), "2 + 2")
    (row,) = rows(lines({**PAIR, "step": 3, "prompt_idx": 5}))
    assert row.group == "3/5"


def test_files_of_two_layouts(lines: Written) -> None:
    export = {"trainer_logprobs": [-1.0], "inference_logprobs": [-1.0], "loss_mask": [True]}
    one, two = lines(PAIR, name="a.jsonl"), lines(export, name="b.jsonl")
    with pytest.raises(SpecError, match=r"a\.jsonl is neutral, and .*b\.jsonl is prime-rl token export"):
        opened(one, two)
    with pytest.raises(SpecError, match=r"run\.jsonl:2: this is no record of prime-rl token export"):
        rows(lines(export, PAIR))


def test_a_later_file_that_lacks_a_role(lines: Written) -> None:
    one = lines({**PAIR, "log_sampler": [-1.0] * 3}, name="a.jsonl")
    with pytest.raises(SpecError, match=r"b\.jsonl:1: there is no log_sampler"):
        rows(one, lines(PAIR, name="b.jsonl"))


def test_opening_reads_the_first_record_alone(lines: Written) -> None:
    path = lines(PAIR, {"log_q": "wrong"})
    dump = opened(path)
    assert dump.roles == ("log_q", "log_p")
    found = dump.rows()
    next(found)
    with pytest.raises(SpecError, match=r"run\.jsonl:2"):
        next(found)
