"""The page of the audit: ``klbench frameworks -f html``, with a search and filters where scripts may run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from klbench.figures.figure import Figure
from klbench.identity.audit import STANDARD, Practice, Standard, divergences
from klbench.pages.drawing import drawn
from klbench.pages.markup import NOTHING, Ids, Markup, element, lines, together
from klbench.pages.skeleton import page
from klbench.pages.tables import Column, Line, as_paragraphs, in_lines, plain_table
from klbench.report.entries import default_place
from klbench.report.frameworks import (
    LEGEND,
    NUMBERS,
    REPRODUCE,
    TITLE,
    Numbered,
    alike_on,
    by_sequences,
    figure,
    label,
    opening,
    ordered,
    roles,
)
from klbench.report.verdict import Kind, verdict
from klbench.wording import file_stem

_TEXTS = 4
"""The columns of a pair's table that are no numbers, the first ones."""
_NO_GRADIENT = "no gradient: only logged"


def to_page(practices: Sequence[Practice], figures: Sequence[Figure] = (), lacking: str = "") -> str:
    """The page of these practices.

    Args:
        practices: what is audited.
        figures: what is drawn of it.
        lacking: what to say where nothing could be drawn.

    Raises:
        RunError: there are figures, and matplotlib is not installed.
    """
    ids = Ids()
    content = ids.new("content")
    kinds = {heading: numbered for heading, numbered in ordered(practices).items() if numbered}
    numbered = [item for group in kinds.values() for item in group]
    said, sentences = opening(practices)
    pictures = [drawn(each, ids.new(f"{each.name}-drawn")) for each in figures]
    head = [element("p", "klbench frameworks", class_="kicker"), element("h1", TITLE), element("p", said)]
    body = [
        element("header", lines(head)),
        element(
            "main",
            lines(
                [
                    as_paragraphs(sentences, "notes"),
                    *(each.shown for each in pictures),
                    element("p", lacking, class_="facts") if lacking else NOTHING,
                    _filters(practices),
                    *(_under(heading, group, ids) for heading, group in kinds.items()),
                    element("section", lines(_pairs(numbered, ids)), class_="part"),
                    _how_to_read(ids),
                ]
            ),
            id=content,
        ),
        element("footer", element("p", REPRODUCE.format("html"))),
    ]
    styles = dict.fromkeys(each.style for each in pictures)
    return page(f"{TITLE} · klbench", lines(body), "\n".join(styles))


def _filters(practices: Sequence[Practice]) -> Markup:
    """The form, which the script shows: without it there is nothing to filter with."""
    frameworks = sorted({entry.framework for practice in practices for entry in practice.entries})
    places = sorted({default_place(practice.entry) for practice in practices})
    follows = sorted(map(_follows, practices))
    return element(
        "form",
        element("label", "Search", element("input", type="search", name="search", autocomplete="off")),
        _choice("Framework", "frameworks", frameworks),
        _choice("Placement", "placement", places),
        _choice("What it follows", "follows", dict.fromkeys(follows)),
        element("button", "Show all", type="reset"),
        element("output", aria_live="polite"),
        class_="filters",
        role="search",
        hidden=True,
    )


def _choice(said: str, name: str, values: Iterable[str]) -> Markup:
    options = [element("option", "all", value=""), *(element("option", value, value=value) for value in values)]
    return element("label", said, element("select", *options, name=name))


def _follows(practice: Practice) -> str:
    return practice.follows or _NO_GRADIENT


def _under(heading: Kind, numbered: Sequence[Numbered], ids: Ids) -> Markup:
    name = ids.new(file_stem(heading.title))
    return element(
        "section",
        lines(
            [
                element("h2", heading.title, id=name),
                element("p", heading.says),
                element("ol", lines(map(_practice, numbered)), class_="practices"),
            ]
        ),
        class_="part",
        data_kind="",
        aria_labelledby=name,
    )


def _practice(item: Numbered) -> Markup:
    practice = item.practice
    told = [
        element("p", label(practice), class_="what"),
        element("p", verdict(practice)),
        *(
            element("p", element("span", f"{short}: "), _names(entry.qualified for entry in entries), class_="by")
            for short, entries in by_sequences(practice).items()
        ),
    ]
    return element(
        "li",
        element("span", str(item.number), class_="place"),
        element("div", *told),
        id=f"practice-{item.number}",
        data_practice=str(item.number),
        data_frameworks=_listed(entry.framework for entry in practice.entries),
        data_placement=_listed([default_place(practice.entry)]),
        data_follows=_listed([_follows(practice)]),
    )


def _names(names: Iterable[str]) -> Markup:
    return together((element("code", name) for name in names), ", ")


def _listed(values: Iterable[str]) -> str:
    return json.dumps([*dict.fromkeys(values)], ensure_ascii=False)


def _pairs(numbered: Sequence[Numbered], ids: Ids) -> Iterator[Markup]:
    yield element("h2", "Pair by pair")
    for standard in STANDARD:
        name = ids.new(file_stem(standard.name))
        divergence = f"KL(q‖p) = {figure(divergences()[standard.name])}"
        yield element(
            "section",
            element("header", element("h3", standard.name, id=name), element("p", divergence)),
            element("p", standard.why),
            in_lines([f"{role} = {said}" for role, said in roles(standard)], "distributions"),
            _numbers(standard, numbered),
            class_="pair",
            aria_labelledby=name,
        )


def _numbers(standard: Standard, numbered: Sequence[Numbered]) -> Markup:
    columns = [Column(header, numeric=at >= _TEXTS) for at, header in enumerate(NUMBERS)]
    rows = []
    for cells, alike in alike_on(numbered, standard.name).items():
        numbers = [item.number for item in alike]
        links = together((element("a", str(each), href=f"#practice-{each}") for each in numbers), ", ")
        reading = alike[0].practice.readings[standard.name]
        keys = (
            *(numbers[0], None, None, None),
            *(reading.bias_over_true, reading.length, reading.cosine, reading.noise),
            *(reading.clamp_share, reading.broken.get("float16", 0.0)),
        )
        rows.append(Line((links, *cells), keys, (("data_practices", " ".join(map(str, numbers))),)))
    return plain_table(f"Exact numbers, {standard.name}", columns, rows)


def _how_to_read(ids: Ids) -> Markup:
    name = ids.new("how-to-read-it")
    head = element("h2", "How to read it", id=name)
    return element("section", head, as_paragraphs(LEGEND, "reading"), class_="part", aria_labelledby=name)
