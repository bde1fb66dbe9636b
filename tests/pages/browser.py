"""A page in a real browser: headless Chromium, where there is one. A probe, a script of its own, says what it finds."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FOUND = next(filter(None, map(shutil.which, NAMES)), None)
needs_browser = pytest.mark.skipif(FOUND is None, reason="there is no Chromium here")
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions", "--hide-scrollbars")


@dataclass(frozen=True)
class Seen:
    """What a browser made of a page: what it said on its console, and the whole document once scripts had run."""

    console: tuple[str, ...]
    document: str


def opened(page: str, folder: Path, *more: str) -> Seen:
    """Open a page, as it is."""
    place = folder / "page.html"
    place.write_text(page, encoding="utf-8")
    flags = (*_FLAGS, "--enable-logging=stderr", "--v=0", f"--user-data-dir={folder / 'profile'}", *more)
    done = subprocess.run(
        [str(FOUND), *flags, "--virtual-time-budget=5000", "--dump-dom", place.as_uri()],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    said = tuple(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return Seen(said, done.stdout)


def probed(page: str, probe: str, folder: Path, width: int = 1200) -> Any:
    """What a probe returns, a body of a function of ``document``, ``view`` (the window), in a frame of some width.

    A window is never narrower than 500 pixels, a frame is. The page's policy would keep the probe out, so it goes.
    """
    inside = escape(_POLICY.sub("", page))
    frame = f'<iframe id="frame" style="border:0;width:{width}px;height:800px" srcdoc="{inside}"></iframe>'
    script = (
        "onload = () => { const frame = document.getElementById('frame');"
        f"const probe = (document, view) => {{ {probe} }};"
        "document.getElementById('found').textContent ="
        "JSON.stringify(probe(frame.contentDocument, frame.contentWindow)); }"
    )
    outer = f'<!DOCTYPE html><body>{frame}<pre id="found"></pre><script>{script}</script>'
    seen = opened(outer, folder)
    found = re.search(r'<pre id="found">(.*?)</pre>', seen.document, re.DOTALL)
    assert found, seen
    assert found[1], seen.console
    return json.loads(unescape(found[1]))
