"""Letters spelled out: every one that klbench itself can print, and those a user may bring."""

from __future__ import annotations

import ast
import codecs
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.box import HEAVY, ROUNDED, SIMPLE_HEAD, SQUARE

import klbench
from klbench.letters import ON_ERROR, is_known, narrowed, spelled_out

ROOT = Path(klbench.__file__).parent
DATA = [*ROOT.rglob("*.json"), *(ROOT.parent / "configs").glob("*.yaml")]


def strings() -> Iterator[str]:
    """Every text that klbench can print: its string constants, docstrings among them, and its data."""
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
    yield from (path.read_text(encoding="utf-8") for path in DATA)
    yield from (str(box) for box in (SIMPLE_HEAD, SQUARE, HEAVY, ROUNDED))


def test_every_letter_klbench_prints_has_a_spelling() -> None:
    letters = {letter for text in strings() for letter in text if letter.isprintable() and not letter.isascii()}
    letters -= {"\U00010000"}  # the end of a range in a regular expression
    assert {"‖", "∞", "½", "\N{COMBINING CIRCUMFLEX ACCENT}"} <= letters
    assert sorted(letter for letter in letters if not is_known(letter)) == []


def test_no_spelling_loses_a_letter() -> None:
    for text in strings():
        shown = "".join(filter(str.isprintable, text))
        spelled = narrowed(shown, "ascii")
        assert spelled.isascii()
        assert spelled.count("?") == shown.count("?")


@pytest.mark.parametrize(
    ("text", "ascii", "cp1252"),
    [
        ("KL(q‖p) ± ∞", "KL(q||p) +- inf", "KL(q||p) ± inf"),
        ("-∞", "-inf", "-inf"),
        ("k̂ > 0.7", "khat > 0.7", "khat > 0.7"),
        ("0.2(1)† 3‡ 1✗ 0.3(1)ʳ", "0.2(1)(t) 3(n) 1! 0.3(1)(r)", "0.2(1)† 3‡ 1! 0.3(1)(r)"),
        ("KL(q‖p) − KL(p‖q) × ratio · –", "KL(q||p) - KL(p||q) x ratio * -", "KL(q||p) - KL(p||q) × ratio · –"),
        ("½ log² r", "1/2 log^2 r", "½ log² r"),
        ("χ⁻¹ and 2⁴⁸", "chi^-1 and 2^48", "chi^-¹ and 2^48"),
        ("σp² ≥ 2σq²", "sigma p^2 >= 2 sigma q^2", "sigma p² >= 2 sigma q²"),
        ("‖∇KL‖, √n, √(2), Σᵢ αᵢ", "||grad KL||, sqrt n, sqrt(2), sum_i alpha_i", None),
        ("λΓ ∇loc", "lambda Gamma grad loc", None),
        ("┏━┳━┓ ┃ │ ── • ▸", "+-+-+ | | -- * >", "+-+-+ | | -- • >"),
        ("café — naïve", "cafe - naive", "café — naïve"),
        ("漢 \U0001f600 \udc80", "\\u6f22 \\U0001f600 \\udc80", "\\u6f22 \\U0001f600 \\udc80"),
        ("a � b", "a ~ b", "a ~ b"),
    ],
)
def test_spellings(text: str, ascii: str, cp1252: str | None) -> None:
    codecs.register_error(ON_ERROR, spelled_out)
    assert narrowed(text, "ascii") == text.encode("ascii", ON_ERROR).decode("ascii") == ascii
    if cp1252 is not None:
        assert narrowed(text, "cp1252") == text.encode("cp1252", ON_ERROR).decode("cp1252") == cp1252
    if "\udc80" not in text:
        assert narrowed(text, "utf-8") == text


def test_only_writing_is_helped() -> None:
    codecs.register_error(ON_ERROR, spelled_out)
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", ON_ERROR)
