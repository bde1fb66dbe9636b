"""Trees: a state for every prefix, and what is no tree."""

from __future__ import annotations

import pytest
import torch

from klbench.errors import SpecError
from klbench.policies.table import ENDED
from klbench.spec.expression import from_mapping, parse
from klbench.spec.read import read_text
from tests.policies.tables import row, sequences, table

TREE = 'Tree({"": [0.5, 0.25, 0.25], "1": [0.1, 0.9, 0], "0": [0, 0.5, 0.5], "1,0": [0.2, 0.2, 0.6]})'


def test_every_sequence_has_the_product_of_its_rows() -> None:
    expected = {(0, 1): 0.25, (0, 2): 0.25, (2,): 0.25, (1, 1): 0.225}
    expected |= {(1, 0, 0): 0.005, (1, 0, 1): 0.005, (1, 0, 2): 0.015}
    assert sequences(table(TREE)) == pytest.approx(expected, rel=1e-13)


def test_states_are_in_the_order_of_lengths_then_as_written() -> None:
    tree = table(TREE.replace('"": [0.5, 0.25, 0.25], ', "").replace("})", ', "": [0.5, 0.25, 0.25]})'))
    assert (tree.states, tree.start, tree.length) == (4, 0, 3)
    assert row(tree, (1,)) == pytest.approx([0.1, 0.9, 0])
    assert tree.log_probs[1].exp().tolist() == pytest.approx([0.1, 0.9, 0])
    assert torch.equal(tree.following[0], torch.tensor([2, 1, ENDED]))


def test_texts_mappings_and_grids_write_the_same() -> None:
    rows = {"": [0.5, 0.25, 0.25], "1": [0.1, 0.9, 0], "0": [0, 0.5, 0.5], "1,0": [0.2, 0.2, 0.6]}
    assert from_mapping({"Tree": rows}) == from_mapping({"Tree": {"probs": rows}}) == parse(TREE)
    assert parse(str(parse(TREE))) == parse(TREE)
    grid = "q: 'Tree({\"\": [{a}, 1 - {a}]})', p: {Tree: {'': [0.5, '{a} + 0.25']}}, grid: {a: [0.25]}"
    text = f"name: t\nestimators: [k1]\npairs: [{{{grid}}}]"
    (case,) = read_text(text).cases()
    assert str(case.q) == 'Tree(probs={"": [0.25, 0.75]})'
    assert str(case.p) == 'Tree(probs={"": [0.5, 0.5]})'
    assert read_text(read_text(text).to_yaml()) == read_text(text)


REFUSED = {
    'Tree({"": [0.5, 0.6]})': 'sums to 1.1 in "", +0.1 off',
    'Tree({"": [0.5, 0.5], "1": [0.5, 0.4]})': 'sums to 0.9 in "1", -0.1 off',
    'Tree({"": [1.5, -0.5]})': 'has -0.5 in ""',
    'Tree({"0": [0.5, 0.5]})': 'has no row for the start, ""',
    'Tree({"": [0.5, 0.5], "0,1": [0.5, 0.5]})': 'a row for "0,1", which no sequence reaches: "0" has no row',
    'Tree({"": [0.5, 0.5], "2": [0.5, 0.5]})': '"" has 2 tokens',
    'Tree({"": [0.5, 0.5], "0": [1]})': 'has 1 numbers for "0" and 2 for ""',
    'Tree({"": [0.5, 0.5], "0": [1, 0], "0": [1, 0]})': "has a prefix twice",
    'Tree({"": [0.5, 0.5], "a": [1, 0]})': 'has the prefix "a"',
    'Tree({"": []})': "no probabilities",
    "Tree(0.5)": "given 0.5",
    "Tree([0.5, 0.5])": "given [0.5, 0.5]",
    "Tree({a})": "given {a}",
    'Tree({"": 1})': "expected '['",
    'Tree({"" [1]})': "expected ':'",
    'Tree({"": [1]': "expected ','",
    'N({"": [1]}, 1)': "loc must be a finite number",
}


@pytest.mark.parametrize("written", REFUSED)
def test_what_is_no_tree_is_refused_where_it_is(written: str) -> None:
    with pytest.raises(SpecError) as error:
        parse(written)
    assert REFUSED[written] in error.value.message
    assert error.value.location is not None


def test_a_wrong_row_of_a_mapping_is_refused_at_the_tree() -> None:
    with pytest.raises(SpecError, match=r"sums to 0\.9") as error:
        read_text("name: t\nestimators: [k1]\npairs:\n  - q: {Tree: {'': [0.5, 0.4]}}\n    p: Zipf(2)")
    assert error.value.location is not None
    assert error.value.location.line == 4
