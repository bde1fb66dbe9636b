"""Figures as files, by matplotlib: SVG, PNG, PDF. Their bytes are the same for the same figure.

An SVG carries a style of its own for dark pages: every colour of light paper has its own of dark paper.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from klbench.errors import RunError
from klbench.figures import style
from klbench.figures.figure import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

Kind = Literal["svg", "png", "pdf"]
KINDS: tuple[Kind, ...] = ("svg", "png", "pdf")
MISSING = "figures need matplotlib"
INSTALL = "pip install 'klbench[plot]'"
_PIXELS_PER_INCH = 200
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "klbench",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "text.parse_math": False,
}
"""The same bytes everywhere; letters are shapes, so that every reader has them; a dollar in a name is a dollar."""
_METADATA: dict[Kind, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def ensure_installed() -> None:
    """Refuse to draw without matplotlib, at once.

    Raises:
        RunError: it is not installed.
    """
    if find_spec("matplotlib") is None:
        raise RunError(MISSING, help=[INSTALL])


def to_svg(figures: Sequence[Figure]) -> str:
    """The figures, one below the other, as an SVG for light and dark pages, with a title and a description.

    Raises:
        RunError: matplotlib is not installed.
    """
    written = rendered(figures, "svg").decode()
    start = written.index("<svg")
    head, _, rest = written[start:].partition(">")
    head = re.sub(r' (width|height)="([\d.]+)pt"', _in_pixels, head)
    title = escape("; ".join(figure.title for figure in figures))
    said = escape(" ".join(figure.alt for figure in figures))
    return f'{head} role="img"><title>{title}</title><desc>{said}</desc><style>{_dark()}</style>{_spare(rest)}'


def rendered(figures: Sequence[Figure], kind: Kind) -> bytes:
    """The figures, one below the other, as the bytes of a file.

    Raises:
        RunError: matplotlib is not installed.
    """
    with _matplotlib():
        from klbench.figures.drawing import draw

        held = io.BytesIO()
        _save(draw(figures), held, kind)
    return held.getvalue()


def _save(canvas: Canvas, held: io.BytesIO, kind: Kind) -> None:
    canvas.savefig(held, format=kind, dpi=_PIXELS_PER_INCH, metadata=_METADATA[kind], facecolor=style.PAPER.light)


@contextmanager
def _matplotlib() -> Iterator[None]:
    """matplotlib with its defaults, whatever a user has set for it."""
    try:
        import matplotlib
    except ImportError as error:
        raise RunError(MISSING, help=[INSTALL]) from error
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        with warnings.catch_warnings():
            # a name may have letters that no font here has: they are drawn as boxes
            warnings.filterwarnings("ignore", message="Glyph")
            yield


def _in_pixels(found: re.Match[str]) -> str:
    """A size in pixels: browsers take 96 to the inch, and points are 72."""
    return f' {found[1]}="{float(found[2]) * 96 / 72:g}"'


def _dark() -> str:
    """The style for dark pages: colours stand in ``style`` attributes, and are known by their text."""
    rules = [
        f'[style*="{what}: {ink.light}"]{{{what}:{ink.dark} !important}}'
        for ink in style.INKS
        for what in ("fill", "stroke")
    ]
    return f"@media (prefers-color-scheme:dark){{{''.join(rules)}}}"


def _spare(text: str) -> str:
    """The drawing without matplotlib's own metadata and style, which say nothing, and without digits nobody sees."""
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"\s*<style type=\"text/css\">.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"\n\s*", "\n", text)
    return re.sub(r'(?: d="|translate\(| x="| y=")[^")]*', _rounded, text)


def _rounded(found: re.Match[str]) -> str:
    """Places to a hundredth of a point: so the last digit of another processor changes no byte either."""
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), found[0])
