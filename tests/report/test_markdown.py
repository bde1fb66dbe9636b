# ruff: noqa: E501 (lines of Markdown)
"""The Markdown document, compared whole and read back as GitHub splits its tables."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from markdown_it import MarkdownIt

from klbench.report.escaping import escaped
from klbench.report.markdown import to_markdown
from tests.report import made_up_gradients as gradients
from tests.report.made_up import GRID, K1, K2, NO_RATIOS, made_up


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_whole_document() -> None:
    assert (
        to_markdown(made_up(notes=("mind | the gap",)))
        == r"""# made-up

## close

`q = Normal(loc=0, scale=1)`, `p = Normal(loc=1, scale=1)`. KL(q‖p) = 0.5 (closed-form). 1,000 samples · seed 7 · float64 · cpu.

| estimator | bias/true | bias/true regressed | bias/true exact | bias/true z | stdev/true | stdev/true exact | stdev/true z | k \< 0 | k̂ |
|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|
| k1 | -0.003(63) | – | 0 | -0.1 | 2.002(45) | 2 | +0.0 | 30.8% | -0.05 |
| k2 | 0.256(55) | 0.2511(74) | 0.25 | +0.1 | 1.71(10) | 1.73205 | -0.2 | 0% | 0.21 |

- mind \| the gap

<sub>KL(q‖p) is the reverse KL.</sub><br>
<sub>-0.003(63) means -0.003 ± 0.063, one standard error.</sub><br>
<sub>bias and stdev are of one sample's value; exact is without sampling.</sub><br>
<sub>regressed: the bias after regression on k1 - KL and r - 1, whose means are known: the same bias, a smaller error.</sub><br>
<sub>– there is none, or klbench has no exact method for it.</sub><br>
"""
    )


def test_every_row_says_its_case_and_target() -> None:
    other = replace(K2, estimator="ratio*forward_kl", target="forward KL", true=0.25)
    document = to_markdown(made_up(GRID, rows=lambda _: (K1, other))).splitlines()
    rows = [cells(line)[:4] for line in document if line.startswith(("| 0.5", "| mu"))]
    assert rows == [
        ["mu", "target", "true", "estimator"],
        ["0.5", "reverse KL", "0.5", "k1"],
        ["0.5", "forward KL", "0.25", r"ratio\*forward\_kl"],
    ]


def test_every_line_of_a_table_has_as_many_cells_as_its_head() -> None:
    odd = (K1, replace(K1, true=0.0, **NO_RATIOS), replace(K2, target="chi2(p‖q)", estimator="a|b"))
    width = 0
    for line in to_markdown(made_up(GRID, rows=lambda _: odd)).splitlines():
        width = (width or len(cells(line))) if line.startswith("|") else 0
        assert len(cells(line)) == width or not width


def test_the_whole_document_of_gradients() -> None:
    assert (
        to_markdown(gradients.made_up(notes=("mind the gap",)))
        == r"""# made-up

## close

`q = Normal(loc=0, scale=1)`, `p = Normal(loc=1, scale=1)`. KL(q‖p) = 0.5 (closed-form). ∇ in loc, scale: ∇KL(q‖p) = (-1, 0), of length 1. 1,000 samples · seed 7 · float64 · cpu.

| estimator | placement | follows | bias/true | bias/true exact | stdev/true | stdev/true exact | cosine | cosine exact |
|:--|:--|:--|--:|--:|--:|--:|--:|--:|
| k1 | loss | 0 | 0.991(32) | 1 | 1.741(35) | 1.73205 | 0.31‡ | – |
| k3 | loss | KL(p‖q) | 0.520(40) | 0.5 | 2.100(90) | 2 | 0.910(31) | 0.9 |
| k3 | reward × detached | KL(q‖p) − KL(p‖q) | 0.520(40) | 0.5 | 2.100(90) | 2 | 0.910(31) | 0.9 |

| estimator | placement | ∇loc | ∇loc exact | ∇scale | ∇scale exact |
|:--|:--|--:|--:|--:|--:|
| k1 | loss | 0.009(40) | 0 | -0.020(40) | 0 |
| k3 | loss | -1.020(40) | -1 | -0.480(40) | -0.5 |
| k3 | reward × detached | 0.010(40) | 0 | 0.520(40) | 0.5 |

- mind the gap

<sub>KL(q‖p) is the reverse KL, KL(p‖q) the forward KL.</sub><br>
<sub>0.991(32) means 0.991 ± 0.032, one standard error.</sub><br>
<sub>follows: the divergence whose gradient equals the mean gradient, compared exactly.</sub><br>
<sub>bias is ‖E g - ∇‖ and stdev √(trace of g's covariance): g is one sample's gradient, ∇ the target's; exact is without sampling.</sub><br>
<sub>cosine: that of the angle between E g and ∇.</sub><br>
<sub>× detached: times sg(ρ), the importance weight ρ = q/sampler held constant (stop-gradient).</sub><br>
<sub>‡ no error bar: the variance is infinite, or too rare to measure with this many samples or groups.</sub><br>
<sub>– there is none, or klbench has no exact method for it.</sub><br>
"""
    )


def test_every_row_of_gradients_says_its_case_and_what_is_true_there() -> None:
    document = to_markdown(gradients.made_up(gradients.GRID)).splitlines()
    assert [cells(line)[:5] for line in document if line.startswith(("| mu", "| 0.5"))] == [
        ["mu", "‖∇KL(q‖p)‖", "estimator", "placement", "follows"],
        ["0.5", "1", "k1", "loss", "0"],
        ["0.5", "1", "k3", "loss", "KL(p‖q)"],
        ["0.5", "1", "k3", "reward × detached", "KL(q‖p) − KL(p‖q)"],
    ]


def test_the_legend_is_of_the_tables_and_not_of_the_notes() -> None:
    said = to_markdown(
        gradients.made_up(rows=lambda _: (replace(gradients.K3, follows="E_q[k]"),), notes=("a none b",))
    )
    assert r"<sub>E\_q\[k]: " in said
    assert "<sub>none: " not in said


HOSTILE = [
    *("[a](http://b)", "![a](b)", "[r]: x", "<b>x</b>", "<!-- -->", "`c`", "&amp; &#42; &copy &lt;", "~~s~~", "$x$"),
    *("# h", "a #", "a|b", "\\", "\\*", "k \\", "_x_ **b**", "1. x", "two\nlines", "a \\| b", "</td></table>"),
    *("http://b.c", "HTTPS://b.c", "www.b.c", "a@b.c", "@user", "verl@0.4.1:low_var_kl", "x :smile: y", "a:b:c"),
]
LINKED_BY_GITHUB = re.compile(r"\w://|\bwww\.|\w@[a-z]|(^|\s)@[a-z]|:[a-z]+:", re.IGNORECASE)


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_name_holds_is_shown_as_it_is(name: str) -> None:
    """Read back by another program's reader of Markdown; GitHub's links, which that has not, by what starts one."""
    text = escaped(name)
    html = (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .render(f"## {text}\n\n| {text} |\n|--|\n| {text} |\n")
    )
    shown = re.findall(r"<(?:h2|th|td)>(.*?)</(?:h2|th|td)>", html.replace("<!---->", ""))
    assert [unescape(each) for each in shown] == [" ".join(name.splitlines())] * 3
    assert not LINKED_BY_GITHUB.search(text)


def test_names_are_escaped_wherever_a_document_has_them() -> None:
    for name in ("[a](http://b)", "a`b`&amp;"):
        document = to_markdown(made_up(rows=lambda _, name=name: (replace(K1, estimator=name),), notes=(name,)))
        assert name not in document
        assert document.count(escaped(name)) == 2
