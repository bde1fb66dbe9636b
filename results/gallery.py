"""The page about the committed results: for each spec its story, a compact table, and every number folded under it.

All of it is made from the committed files alone, without running anything: a test holds the page to them. Beside it
stands the audit of frameworks, which is exact and takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterator

from compact import compact
from drawings import images
from reading import HERE, committed
from stories import STORIES

from klbench.identity.audit import audit
from klbench.report.data_files import NAMES as DATA_FILES
from klbench.report.frameworks import to_markdown as to_audit
from klbench.report.markdown import to_markdown
from klbench.results import Results
from klbench.runner import one_torch_thread

__all__ = ["HERE", "audit_page", "committed", "names", "page"]

INTRODUCTION = """\
# The gallery

What klbench says about the specs of [configs/](../configs). Each folder here holds what `klbench run NAME` writes;
this page is made from those files by `make results`, and a test holds all of it to the specs.

In the compact tables of values a cell is one estimator on one case: bias/true above, stdev/true below, both of one
sample's value, each with the standard error of its last digits in parentheses. † is an error bar that cannot be
trusted, the tail being heavy; ‡ a number that has none, since the variance it would need does not exist. Those of
gradients say below what their cells are.

What every estimator that frameworks ship really does is a page of its own: [the audit](frameworks/README.md). So is
what came out of [a real model](models/README.md), which `make models` makes anew.
"""


def audit_page() -> str:
    """The text of results/frameworks/README.md: what `klbench frameworks --format markdown` prints."""
    with one_torch_thread():
        return to_audit(audit())


def names() -> tuple[str, ...]:
    """The specs of the gallery, in the order of their stories."""
    return tuple(STORIES)


def page() -> str:
    """The text of results/README.md."""
    contents = "\n".join(f"- [{name}](#{name}): {committed(name).spec.description}" for name in names())
    return "\n".join([INTRODUCTION, contents, "", *map(section, names())])


def section(name: str) -> str:
    """One spec: its story, its compact table, its full tables."""
    results, story = committed(name), STORIES[name]
    told = (story.tell(results), images(name), compact(results, story.cells), _links(results))
    parts = (f"## {name}", *told, *_folded(results))
    return "\n\n".join(parts) + "\n"


def _links(results: Results) -> str:
    name = results.spec.name
    links = [f"[spec](../configs/{name}.yaml)", f"[results.csv]({name}/results.csv)"]
    if "gradient" in results.spec.measure:
        links.append(f"[components.csv]({name}/components.csv)")
    if any(case.data for case in results.cases):
        links += [f"[{file}]({name}/{file})" for file in DATA_FILES]
    if name == "known_dump":
        links += ["[the dump](../klbench/texts/known_dump.jsonl)", "[who drew it](draw_dump.py)"]
    if name == "frameworks":
        links.append("[the audit](frameworks/README.md)")
    return " · ".join(links)


def _folded(results: Results) -> Iterator[str]:
    _, _, tables = to_markdown(results).partition("\n\n")
    yield "<details><summary>Every number, with the exact ones beside</summary>"
    yield tables.replace("## ", "### ").rstrip()
    yield "</details>"
