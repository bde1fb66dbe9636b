"""The tokens and sequences of a dump that are farthest off, as ``--worst`` shows them."""

from __future__ import annotations

from rich.text import Text

from klbench.cli import output
from klbench.report.numbers import plain_number
from klbench.results import Results


def show_worst(results: Results, most: int) -> None:
    """The first ``most`` tokens and sequences of each comparison."""
    for result in results.cases:
        if result.data is None:
            continue
        output.data(Text(f"\n{result.case.pair}: largest |log_ratio|", style="bold cyan"))
        for one in result.data.worst:
            if one.rank <= most:
                where = "" if one.position is None else f", token {one.position}"
                text = f"  {one.text!r}" if one.text else ""
                output.data(Text(f"{one.what:8}  {plain_number(one.log_ratio):>12}  {one.place}{where}{text}"))
