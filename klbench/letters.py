"""Letters of the trade spelled out, for streams whose encoding lacks them: ``KL(q‖p) ± ∞`` as ``KL(q||p) +- inf``.

Whatever can be encoded stays as it is, so that cp1252 keeps its ±. What has no spelling here is written as its ASCII
relative or as an escape: nothing is ever lost to a ``?``, and nothing fails.
"""

from __future__ import annotations

import unicodedata

ON_ERROR = "klbench.letters"
"""The name under which Python's codecs know ``spelled_out``."""

_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ˡⁿᵀ", "0123456789-+lnT", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₙ", "0123456789ijkn", strict=True))
_WORDS = {"∇": "grad", "√": "sqrt", "∞": "inf", "Σ": "sum", "∑": "sum", "∫": "integral", "∂": "d", "λ": "lambda"}
"""Spelled as words, which keep a blank between themselves and a word beside them."""
_SIGNS = {
    "‖": "||",
    "±": "+-",
    "µ": "u",
    "†": "(t)",
    "‡": "(n)",
    "✗": "!",
    "ʳ": "(r)",
    "½": "1/2",
    "¼": "1/4",
    "×": "x",
    "÷": "/",
    "·": "*",
    "•": "*",
    "∗": "*",
    "−": "-",
    "–": "-",
    "—": "-",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "~",
    "∝": "~",
    "∈": "in",
    "→": "->",
    "▸": ">",
    "▶": ">",
    "◀": "<",
    "▲": "^",
    "▼": "v",
    "◇": "o",
    "█": "#",
    "…": "...",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "hat",
    "\N{NO-BREAK SPACE}": " ",
    "\N{REPLACEMENT CHARACTER}": "~",
}


def narrowed(text: str, encoding: str) -> str:
    """The text with every letter spelled out that ``encoding`` lacks."""
    if text.isascii() or _holds(text, encoding):
        return text
    return "".join(letter if _holds(letter, encoding) else _spelled(text, at) for at, letter in enumerate(text))


def spelled_out(error: UnicodeError) -> tuple[str, int]:
    """The same as an error handler of Python's codecs, for what is written without having been narrowed."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_spelled(error.object, at) for at in range(error.start, error.end)), error.end


def is_known(letter: str) -> bool:
    """Whether a letter has a spelling, and is not only escaped."""
    return not _spelled(letter, 0).startswith("\\")


def _spelled(text: str, at: int) -> str:
    """The letter of ``text`` at that place, in ASCII."""
    letter, before, after = text[at], text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if letter in _RAISED:
        return ("" if before in _RAISED else "^") + _RAISED[letter]
    if letter in _LOWERED:
        return ("" if before in _LOWERED else "_") + _LOWERED[letter]
    if letter in _SIGNS:
        return _SIGNS[letter]
    if word := _WORDS.get(letter) or _greek(letter):
        return " " * _is_word(before) + word + " " * (_is_word(after) and not _greek(after))
    if "BOX DRAWINGS" in unicodedata.name(letter, ""):
        return _line(unicodedata.name(letter))
    if "BRAILLE PATTERN" in unicodedata.name(letter, ""):  # a piece of a curve, at a terminal
        return "*"
    relative = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return relative or letter.encode("ascii", "backslashreplace").decode()


def _greek(letter: str) -> str:
    """The name of a Greek letter: ``sigma``, ``Gamma``."""
    script, _, name = unicodedata.name(letter, "").partition(" ") if letter else ("", "", "")
    if script != "GREEK" or " LETTER " not in name or " WITH " in name:
        return ""
    word = name.rpartition(" ")[2].lower()
    return word.capitalize() if letter.isupper() else word


def _line(name: str) -> str:
    """A piece of a box, by its name: a horizontal line, a vertical one, or where lines meet."""
    return "+" if " AND " in name else "|" if "VERTICAL" in name else "-"


def _is_word(letter: str) -> bool:
    return letter.isalnum() and letter not in _RAISED and letter not in _LOWERED


def _holds(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
