"""``klbench explain data``: which files are read, the names that columns have, and the lines that write them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from klbench.cli import output
from klbench.cli.options import Format
from klbench.dumps.layouts.found import layouts
from klbench.dumps.names import NEUTRAL, OPTIONS, PLACES
from klbench.dumps.snippets import SNIPPETS
from klbench.report.records import Record

NAME = "data"
_WHOSE = {
    "log_q": "the policy that is trained",
    "log_p": "the reference",
    "log_sampler": "the engine that drew the tokens",
    "mask": "1 where a token counts; without it all do",
    "group": "what shares an error, such as the answers to one prompt",
}
_ABOUT = """\
klbench data FILE... measures log-probabilities that a run has saved, one row a sequence; - {name: ..., data: FILE}
among the pairs of a spec does the same. With log_q and log_p it is the KL to the reference, with log_q and log_sampler
the mismatch of trainer and engine, KL(sampler‖q); with all three both.

.jsonl (.gz, .zst): a sequence a line, {"log_q": [...], "log_p": [...], "log_sampler": [...], "mask": [...],
"group": ...}, all lists of one length; .npz, .safetensors, .pt (never unpickled): the same names as [sequences, tokens]
arrays, with a mask; .parquet: as list columns; .csv: a token a line, with the columns sequence and position. Two logits
files of llama.cpp: whole distributions, so that full is the truth."""


def explain_data(format: Format) -> None:
    """Show the page, or the names as records."""
    if format is not Format.TABLE:
        from klbench.cli.records import show_one

        show_one(_record(), format)
        return
    output.data(Text("data, log-probabilities of your own run\n", style="bold"))
    output.data(Text(_ABOUT))
    output.data(Text("\nColumns, by the names that frameworks give them; an option names another:", style="bold"))
    for place in PLACES:
        output.data(Text(f"\n{place}, {OPTIONS[place]}: {_WHOSE[place]}"))
        output.data(Text(f"  {', '.join(NEUTRAL.of(place))}"))
    output.data(Text("\nFiles that are known as they are written:", style="bold"))
    output.data(Text(f"  {', '.join(sorted(layout.name for layout in layouts()))}"))
    output.data(Text("\nA run that writes no log-probabilities: these lines write them.", style="bold"))
    for line in _snippets():
        output.data(Text(line))


def _snippets() -> Iterator[str]:
    for framework, lines in SNIPPETS.items():
        yield f"\n{framework}:"
        yield from (f"  {line}" for line in lines)


def _record() -> Record:
    return {
        "name": NAME,
        "kind": "word",
        "columns": {place: list(NEUTRAL.of(place)) for place in PLACES},
        "layouts": sorted(layout.name for layout in layouts()),
        "snippets": {framework: list(lines) for framework, lines in SNIPPETS.items()},
        "summary": " ".join(_ABOUT.split()),
    }
