"""How results show themselves: in a line, as a data frame, as tables in a notebook."""

from __future__ import annotations

import pandas as pd

from klbench.report.frame import to_frame
from klbench.report.html import to_html
from tests.report.made_up import GRID, made_up


def test_they_say_in_a_line_what_they_are() -> None:
    assert repr(made_up(GRID)) == "<Results of made-up: 3 cases, 6 rows, 1.5 s; .to_frame() has the numbers>"
    assert str(made_up()) == "<Results of made-up: 1 case, 2 rows, 1.5 s; .to_frame() has the numbers>"


def test_they_are_a_data_frame_and_a_piece_of_html() -> None:
    results = made_up(GRID)
    pd.testing.assert_frame_equal(results.to_frame(), to_frame(results))
    assert results._repr_html_() == to_html(results)
