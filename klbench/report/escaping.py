"""Escaping a text for Markdown, so that it is shown as it is. No torch here."""

from __future__ import annotations

import re


def escaped(text: str) -> str:
    """The text escaped for Markdown and GitHub, in tables too: no link, image, code, formula, entity or tag.

    GitHub also links bare addresses, mentions and mail addresses, and draws :words: as pictures. A backslash in a bare
    address stops that; in the others only an empty comment does.
    """
    text = _SPECIAL.sub(r"\\\g<0>", " ".join(text.splitlines()))
    text = _ADDRESS.sub(r"\\\g<0>", text)
    return _MENTION.sub(r"\g<0><!---->", text)


_SPECIAL = re.compile(r"[\\|*_<`\[&~$#]")
_ADDRESS = re.compile(r"(?<=\w):(?=//)|(?<=\bwww)\.", re.IGNORECASE)
_MENTION = re.compile(r"@(?=[^\W\d])|:(?=[a-z0-9\\_+-]+:)")
"""An @ before a digit is a release, as in verl@0.4.1."""
