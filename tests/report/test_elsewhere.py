"""What the tables leave out is said, with where it is; nothing is said where nothing is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from klbench.report.columns import COLUMNS
from klbench.report.elsewhere import elsewhere
from klbench.report.field import ROUNDING
from klbench.report.fields import GRADIENTS, VALUES
from klbench.report.summary import summaries
from klbench.row import Row
from tests.report import made_up, made_up_gradients
from tests.report.made_up_gradients import GRID, K1, PLAIN
from tests.report.test_gradient_table import of_size
from tests.report.test_table import drawn

COMPONENTS = "components.csv has the gradients component by component."


def said(width: int, *rows: Row, text: str = PLAIN) -> list[str]:
    results = made_up_gradients.made_up(text, rows=lambda _: rows) if rows else made_up_gradients.made_up(text)
    return list(elsewhere(list(summaries(results)), width))


def test_columns_without_room_are_named_with_the_width_that_has_it() -> None:
    assert said(80) == [
        "not shown, because the terminal is too narrow: stdev/true exact, cosine and cosine exact. results.csv "
        "has them, and a terminal of 103 columns shows them."
    ]
    assert said(65)[1:] == [COMPONENTS], "their table has no room either"
    assert said(103) == []
    assert "cosine" in drawn(made_up_gradients.made_up(), 103)
    assert said(102)[0].startswith("not shown, because the terminal is too narrow: cosine exact.")


@pytest.mark.parametrize("text", [made_up.CLOSE, made_up.GRID])
def test_the_width_that_is_advised_shows_everything(text: str) -> None:
    pairs = list(summaries(made_up.made_up(text)))
    for width in range(40, 200):
        said = " ".join(elsewhere(pairs, width))
        if "a terminal of" in said:
            advised = int(said.split("a terminal of ")[1].split()[0])
            assert advised > width
            assert list(elsewhere(pairs, advised)) == []


@pytest.mark.parametrize("width", [60, 70, 80, 90])
def test_of_values_as_of_gradients(width: int) -> None:
    results = made_up.made_up()
    lines = list(elsewhere(list(summaries(results)), width))
    assert bool(lines) == ("k̂" not in drawn(results, width) or " z" not in drawn(results, width))


def test_components_that_no_table_has_are_said_to_be_in_their_file() -> None:
    assert said(200, replace(K1, components=of_size(8))) == []
    assert said(200, replace(K1, components=of_size(9))) == [COMPONENTS]
    assert said(200, replace(K1, components=None)) == []
    assert said(200, K1, text=GRID.partition("\n  - {q")[0]) == [COMPONENTS], "a grid has no table of them"


def test_every_field_of_a_table_names_columns_there_are() -> None:
    fields = {field for layout in (*VALUES.ratios, *GRADIENTS.ratios, *VALUES.absolute) for field in layout} | {
        ROUNDING
    }
    named = {column for field in fields for column in field.columns}
    assert named <= {column.name for column in COLUMNS}
    assert {"z_bias", "khat", "cosine", "rounding_over_true"} <= named
