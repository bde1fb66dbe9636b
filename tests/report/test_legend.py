"""The legend: each mark and word of a table is explained, whether or not the table is drawn in colours."""

from __future__ import annotations

import sys
from dataclasses import replace
from io import StringIO
from math import inf, nan

import pytest

from klbench.cli.show import show_tables
from klbench.report.legend import legend
from klbench.report.markdown import to_markdown
from klbench.report.summary import summaries
from klbench.results import Results
from tests.report import made_up_gradients
from tests.report.made_up import CLOSE, K1, K2, NO_RATIOS, made_up

MARKED = (
    replace(K1, z_bias=9.0),
    replace(K2, khat=0.9, exact_stdev_over_true=nan),
    replace(K2, bias_over_true_mcse=nan, exact_stdev_over_true=inf),
)
FOLLOWING = tuple(
    replace(made_up_gradients.K3, follows=name, weighting=weighting)
    for name, weighting in (("none", "none"), ("E_q[k]", "ratio"), ("0", "detached"))
)
RESULTS = {
    "marks": made_up(rows=lambda _: MARKED),
    "no ratios": made_up(rows=lambda _: (replace(K1, true=0.0, **NO_RATIOS),)),
    "rounding": made_up(
        CLOSE + "dtype: float16\n", rows=lambda _: (replace(K1, dtype="float16", rounding_over_true=1.0),)
    ),
    "gradients": made_up_gradients.made_up(rows=lambda _: FOLLOWING),
}
"""Between them every sentence of the legend."""


class Terminal(StringIO):
    """A stream that says it is a terminal, at which Rich draws colours."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def sentences(results: Results, width: int = 200) -> list[str]:
    return [*legend([*summaries(results)], width)]


def printed(results: Results, stream: StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "stdout", stream)
    show_tables(results, notes=False)
    return stream.getvalue()


@pytest.mark.parametrize("which", RESULTS)
@pytest.mark.parametrize("width", [60, 200])
def test_a_terminal_with_colours_has_the_legend_of_a_plain_one(
    which: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.text import Text

    texts = []
    for colours in ({"NO_COLOR": "1", "TERM": "xterm"}, {"FORCE_COLOR": "1", "TERM": "xterm-256color"}):
        with monkeypatch.context() as patched:
            for name in ("NO_COLOR", "FORCE_COLOR"):
                patched.delenv(name, raising=False)
            for name, value in {**colours, "COLUMNS": str(width)}.items():
                patched.setenv(name, value)
            texts.append(printed(RESULTS[which], Terminal(), patched))
    plain, coloured = texts
    assert "\x1b[" in coloured
    assert Text.from_ansi(coloured).plain.split() == Text.from_ansi(plain).plain.split()
    for sentence in sentences(RESULTS[which], width):
        assert " ".join(sentence.split()) in " ".join(Text.from_ansi(coloured).plain.split())


def test_each_mark_and_word_is_explained() -> None:
    starts = {sentence.split()[0] for results in RESULTS.values() for sentence in sentences(results)}
    assert {"†", "‡", "✗", "none:", "E_q[k]:", "×", "follows:", "cosine:", "rounding:", "regressed:"} <= starts
    assert any(sentence.startswith("ʳ") for sentence in sentences(made_up(), 58))


def test_a_word_is_explained_only_where_it_is_seen() -> None:
    said = " ".join(sentences(made_up_gradients.made_up()))
    assert "none:" not in said
    assert "E_q[k]:" not in said
    assert "‡ " in said
    assert "† " not in said


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_narrow_encoding_has_the_legend_of_what_is_drawn_in_it(encoding: str) -> None:
    for results in RESULTS.values():
        for width in (60, 200):
            assert [*legend([*summaries(results)], width, encoding)][-1:] == sentences(results, width)[-1:]


def test_markdown_has_the_whole_legend() -> None:
    text = to_markdown(RESULTS["gradients"])
    assert "none: the mean gradient" in text
    assert "E\\_q[k]:" in text.replace("\\[", "[")


def test_the_two_names_of_a_kl_are_said_to_be_one() -> None:
    both = "KL(q‖p) is the reverse KL, KL(p‖q) the forward KL."
    other = replace(K1, estimator="forward_kl", target="forward KL")
    assert sentences(made_up())[0] == "KL(q‖p) is the reverse KL."
    assert sentences(made_up(rows=lambda _: (K1, other)))[0] == both
    assert sentences(made_up_gradients.made_up())[0] == both, "one gradient follows KL(p‖q)"
    assert sentences(RESULTS["gradients"])[0] == "KL(q‖p) is the reverse KL."
