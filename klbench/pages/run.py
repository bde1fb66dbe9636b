"""One run on a page: its question, its figures, its pairs with tables and notes, and what was run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from klbench.errors import SpecError
from klbench.figures.choose import figures_of
from klbench.pages.data import data_tables
from klbench.pages.drawing import Drawn, drawn
from klbench.pages.manifest import facts, what_was_run
from klbench.pages.markup import NOTHING, Ids, Markup, element, lines
from klbench.pages.tables import as_paragraphs, chart_table, in_lines
from klbench.report.reading import Read, from_files, manifest_of
from klbench.report.summary import Summary, summaries
from klbench.results import Results
from klbench.wording import counted, file_stem


@dataclass(frozen=True)
class Run:
    """The files of a run, read.

    Args:
        results: its results.
        manifest: what manifest.json says; empty where there is none.
        files: the names of its files.
    """

    results: Results
    manifest: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    @staticmethod
    def of(read: Read, files: Sequence[str], where: str) -> Run:
        """The run whose files ``read`` reads; ``where`` names their folder in errors.

        Raises:
            SpecError: files are missing, or are not what klbench writes.
        """
        results = from_files(read, where)
        if not results.cases:
            raise SpecError(f"there is no row in {where}/results.csv", help=["run the spec again"])
        return Run(results, manifest_of(read("manifest.json"), where), tuple(files))

    @property
    def name(self) -> str:
        """The name of its spec."""
        return self.results.spec.name

    @property
    def question(self) -> str:
        """What its spec says that it is about."""
        return self.results.spec.description

    @cached_property
    def summaries(self) -> tuple[Summary, ...]:
        """Its pairs."""
        return tuple(summaries(self.results))


class Section:
    """A run as a part of a page: its headings begin at ``level``; its ids are among the page's."""

    def __init__(self, run: Run, ids: Ids, level: int) -> None:
        self.run, self._ids, self._level = run, ids, level
        self.id = ids.new(file_stem(run.name))
        self._drawn = [drawn(figure, ids.new(f"{self.id}-{figure.name}-drawn")) for figure in figures_of(run.results)]

    @property
    def styles(self) -> Iterator[str]:
        """The styles of its figures."""
        return (figure.style for figure in self._drawn)

    def heading(self) -> Markup:
        """Its name, its question and a line of facts."""
        asked = element("p", self.run.question, class_="question") if self.run.question else NOTHING
        return lines([element(f"h{self._level}", self.run.name), asked, self._facts()])

    def body(self) -> Markup:
        """All that is below its heading."""
        figures: Sequence[Drawn] = self._drawn
        spec = self.run.results.spec.to_yaml()
        return lines(
            [
                *(figure.shown for figure in figures),
                *map(self._pair, self.run.summaries),
                what_was_run(self.run.manifest, self.run.files, spec),
            ]
        )

    def _facts(self) -> Markup:
        results = self.run.results
        rows = sum(len(case.rows) for case in results.cases)
        sizes = [counted(len(self.run.summaries), "pair"), counted(len(results.cases), "case"), counted(rows, "row")]
        return element("p", " · ".join([", ".join(sizes), *facts(self.run.manifest)]), class_="facts")

    def _pair(self, summary: Summary) -> Markup:
        name = self._ids.new(f"{self.id}-{file_stem(summary.name)}")
        head = element(
            "header", element(f"h{self._level + 1}", summary.name, id=name), element("p", summary.divergence)
        )
        data = next(
            (case.data for case in self.run.results.cases if case.case.pair == summary.name and case.data), None
        )
        return element(
            "section",
            lines(
                [
                    head,
                    in_lines([*summary.distributions, *filter(None, [summary.gradient])], "distributions"),
                    element("p", summary.facts, class_="facts"),
                    *(chart_table(chart, summary.name) for chart in summary.charts),
                    *(data_tables(data) if data else ()),
                    as_paragraphs(summary.notes, "notes"),
                ]
            ),
            class_="pair",
            aria_labelledby=name,
        )
