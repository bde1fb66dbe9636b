"""The page of one run or of several: ``klbench report``, ``run --html``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from klbench.pages.markup import NOTHING, Ids, Markup, element, lines
from klbench.pages.run import Run, Section
from klbench.pages.skeleton import page
from klbench.pages.tables import as_paragraphs
from klbench.report.console import UNLIMITED
from klbench.report.elsewhere import elsewhere
from klbench.report.legend import legend
from klbench.versions import __version__
from klbench.wording import counted

_READING = "how-to-read-it"


def to_page(runs: Sequence[Run]) -> str:
    """The page, the same bytes for the same files.

    Raises:
        RunError: matplotlib is not installed.
    """
    ids = Ids()
    content, reading = ids.new("content"), ids.new(_READING)
    alone = len(runs) == 1
    sections = [Section(run, ids, 1 if alone else 2) for run in runs]
    title = runs[0].name if alone else f"Results of {counted(len(runs), 'run')}"
    head = sections[0].heading() if alone else element("h1", title)
    body = [
        element("header", element("p", "klbench", class_="kicker"), head),
        NOTHING if alone else _contents(sections, reading),
        element("main", lines([*_parts(sections, alone), _how_to_read(runs, reading)]), id=content),
        _footer(),
    ]
    styles = dict.fromkeys(style for section in sections for style in section.styles)
    return page(f"{title} · klbench", lines(body), "\n".join(styles))


def _parts(sections: Sequence[Section], alone: bool) -> Iterator[Markup]:
    for section in sections:
        head = NOTHING if alone else section.heading()
        yield element("section", lines([head, section.body()]), class_="run", id=section.id)


def _contents(sections: Sequence[Section], reading: str) -> Markup:
    entries = [
        element("li", element("a", section.run.name, href=f"#{section.id}"), element("span", section.run.question))
        for section in sections
    ]
    entries.append(element("li", element("a", "How to read it", href=f"#{reading}"), element("span")))
    return element("nav", element("h2", "Contents"), element("ol", lines(entries)), aria_label="Contents")


def _how_to_read(runs: Sequence[Run], reading: str) -> Markup:
    """What the words and marks of the tables mean, each once for the whole page."""
    pairs = [summary for run in runs for summary in run.summaries]
    sentences = dict.fromkeys([*legend(pairs, UNLIMITED), *elsewhere(pairs, UNLIMITED)])
    said = element("h2", "How to read it", id=reading)
    return element("section", said, as_paragraphs([*sentences], "reading"), class_="part", aria_labelledby=reading)


def _footer() -> Markup:
    return element("footer", element("p", f"Made by klbench {__version__}. Nothing in this file is loaded."))
