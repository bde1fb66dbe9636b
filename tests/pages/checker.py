"""A strict reader of pages: what is not valid, self-contained, accessible HTML is a failure with its place."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

VOID = {"br", "input", "meta"}
RAW = {"style", "script"}
INSIDE = {
    "li": {"ol", "ul"},
    "tr": {"thead", "tbody"},
    "th": {"tr"},
    "td": {"tr"},
    "thead": {"table"},
    "tbody": {"table"},
    "caption": {"table"},
    "figcaption": {"figure"},
    "summary": {"details"},
    "option": {"select"},
    "title": {"head", "svg"},
    "main": {"body"},
}
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "script", "a", "header", "footer", "main", "nav", "section"),
    *("h1", "h2", "h3", "h4", "p", "span", "strong", "code", "pre", "div", "ul", "ol", "li", "figure", "figcaption"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary"),
    *("form", "label", "input", "select", "option", "button", "output"),
    *("svg", "desc", "g", "path", "defs", "use", "clippath", "rect", "image"),
}
PHRASING_ONLY = {"p", "h1", "h2", "h3", "h4", "span", "strong", "code", "label", "summary", "caption"}
BLOCKS = {"p", "div", "ul", "ol", "table", "section", "figure", "header", "footer", "h1", "h2", "h3", "h4", "pre"}


@dataclass
class Element:
    """An element with what is in it."""

    name: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(each if isinstance(each, str) else each.text for each in self.children)

    def all(self, name: str = "") -> list[Element]:
        found = []
        for child in self.children:
            if isinstance(child, Element):
                found += [child] * (name in ("", child.name)) + child.all(name)
        return found

    def one(self, name: str, /, **attributes: str) -> Element:
        (found,) = (each for each in self.all(name) if attributes.items() <= each.attributes.items())
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"{self.getpos()}: an attribute twice: {names}"
        assert tag in ALLOWED, f"{self.getpos()}: <{tag}>"
        assert not any(name.startswith("on") for name in names), f"{self.getpos()}: a handler"
        parent = self._open[-1].name
        assert parent in INSIDE.get(tag, {parent}), f"{self.getpos()}: <{tag}> in <{parent}>"
        assert not (tag in BLOCKS and parent in PHRASING_ONLY), f"{self.getpos()}: <{tag}> in <{parent}>"
        made = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(made)
        if tag not in VOID:
            self._open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert any(each.name == "svg" for each in self._open), f"{self.getpos()}: <{tag}/> outside of SVG"
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].name == tag, f"{self.getpos()}: </{tag}> closes <{self._open[-1].name}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        inside = self._open[-1].name
        assert inside not in ("table", "thead", "tbody", "tr", "ol", "ul") or not data.strip(), f"text in <{inside}>"
        self._open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def close(self) -> None:
        super().close()
        assert self._open == [self.root], f"never closed: {[each.name for each in self._open[1:]]}"


def read(page: str) -> Element:
    """The page as a tree, after every check."""
    assert page.startswith("<!DOCTYPE html>\n<html")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", page)
    reader = _Reader()
    reader.feed(page)
    reader.close()
    (root,) = (each for each in reader.root.children if isinstance(each, Element))
    for check in (_document, _ids, _headings, _tables, _figures, _alone):
        check(root)
    return root


def _document(root: Element) -> None:
    assert root.attributes["lang"]
    assert [each.name for each in root.children if isinstance(each, Element)] == ["head", "body"]
    head = root.one("head")
    assert head.one("title").text.strip()
    assert head.one("meta", name="viewport")
    assert len(root.all("main")) == len(root.all("h1")) == 1
    for control in (*root.all("input"), *root.all("select")):
        assert any(control in label.all() and label.text.strip() for label in root.all("label"))


def _ids(root: Element) -> None:
    given = Counter(each.attributes["id"] for each in root.all() if "id" in each.attributes)
    assert set(given.values()) <= {1}, [name for name, count in given.items() if count > 1]
    assert not any(re.search(r"\s", name) for name in given)
    for each in root.all():
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(each.attributes.get(name, "").split()) <= set(given)
        if "href" in each.attributes:
            assert each.attributes["href"][0] == "#"
            assert each.attributes["href"][1:] in given
        for value in each.attributes.values():
            for target in re.findall(r"url\(([^)]*)\)", value):
                assert target[0] == "#"
                assert target[1:] in given


def _headings(root: Element) -> None:
    levels = [int(each.name[1]) for each in root.all() if re.fullmatch("h[1-6]", each.name)]
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels)), levels


def _tables(root: Element) -> None:
    for table in root.all("table"):
        assert table.one("caption").text.strip()
        assert all(head.attributes.get("scope") for head in table.all("th"))
        assert all(head.text.strip() for head in table.all("th"))
        for body in table.all("tbody"):
            for row in body.all("tr"):
                assert any(cell.name == "th" for cell in row.children if isinstance(cell, Element))
        assert len(set(_widths(table))) == 1, table.one("caption").text


def _widths(table: Element) -> list[int]:
    """How many columns each row covers, cells of rows above that reach into it among them."""
    widths, reaching = [], Counter[int]()
    for at, row in enumerate(table.all("tr")):
        cells = [cell for cell in row.children if isinstance(cell, Element)]
        for cell in cells:
            for below in range(1, int(cell.attributes.get("rowspan", 1))):
                reaching[at + below] += 1
        widths.append(sum(int(cell.attributes.get("colspan", 1)) for cell in cells) + reaching[at])
    return widths


def _figures(root: Element) -> None:
    for drawing in root.all("svg"):
        assert drawing.attributes["role"] == "img"
        first = [each for each in drawing.children if isinstance(each, Element)][:2]
        assert [each.name for each in first] == ["title", "desc"]
        assert all(each.text.strip() for each in first)
    for figure in root.all("figure"):
        assert figure.one("figcaption").text.strip()


def _alone(root: Element) -> None:
    """Nothing is loaded: no address, no source, and no script but the page's own."""
    for each in root.all():
        assert not {"src", "srcset", "action", "data", "poster", "xmlns", "background"} & set(each.attributes)
        assert not re.search(r"\w+://", " ".join(f"{name}={value}" for name, value in each.attributes.items()))
    for raw in (*root.all("style"), *root.all("script")):
        assert "//" not in raw.text
        assert "@import" not in raw.text
        assert "url(" not in raw.text
    assert len(root.all("script")) == len(root.all("style")) == 1
