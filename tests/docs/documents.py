"""The documents as data: their links, their fenced blocks, and what the commands shown in them really print.

    python -m tests.docs.documents

writes into README.md what its examples print, which is how the blocks there are made, and how many estimators and
frameworks there are.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from klbench.frameworks import catalogue as shipped

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
NAMES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/machines.md", "docs/scale.md")

_FENCE = re.compile(r"^```(?P<language>\w+)(?: (?P<file>\S+))?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
_WIDTH = 120
NAMED = ("verl", "trl", "openrlhf")
"""The frameworks that README names before it counts the others."""
_COUNTS = (
    re.compile(r"()(\d+)( entries, each as shipped)"),
    re.compile(r"(what verl, TRL, OpenRLHF and )(\d+)( others ship)"),
)
_TIME = re.compile(r"· [\d.]+ (?:ms|s|min)\b")


@dataclass(frozen=True)
class Block:
    """A fenced block: ``language`` and ``file`` (where one is named) from its first line, and its lines."""

    language: str
    file: str
    body: str


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(name: str) -> str:
    """The document on one line, so that a sentence is found wherever its lines are broken."""
    return " ".join(text(name).split())


def blocks(document: str) -> list[Block]:
    return [Block(match["language"], match["file"] or "", match["body"]) for match in _FENCE.finditer(document)]


def links(document: str) -> list[str]:
    """Where the document's links lead, those in code left out."""
    return [match["target"] for match in _LINK.finditer(_CODE.sub("", document))]


def commands(block: Block) -> list[str]:
    return [line[2:] for line in block.body.splitlines() if line.startswith("$ ")]


def timeless(body: str) -> str:
    """The text without the time a run took, the one thing that no seed settles."""
    return _TIME.sub("· TIME", body)


def performed(document: str) -> Iterator[tuple[Block, str]]:
    """Every block that shows what is printed, with what is printed.

    The examples follow each other in one empty folder: files named by a block are there for the commands below it, and
    a block of text shows what the Python block above it prints.
    """
    with tempfile.TemporaryDirectory() as folder:
        program = ""
        for block in blocks(document):
            if block.file:
                (Path(folder) / block.file).write_text(block.body, encoding="utf-8")
            match block.language:
                case "console":
                    yield block, "".join(_transcript(command, Path(folder)) for command in commands(block))
                case "python" if not block.file:
                    program = block.body
                case "text" if program:
                    yield block, _printed([sys.executable, "-c", program], Path(folder))
                    program = ""


def counted(document: str) -> str:
    """The document with the counts of what frameworks ship as they are now."""
    counts = len(shipped.entries()), len(shipped.frameworks()) - len(NAMED)
    for sentence, count in zip(_COUNTS, counts, strict=True):
        document = sentence.sub(lambda match, count=count: f"{match[1]}{count}{match[3]}", document)  # type: ignore[misc]
    return document


def refreshed(document: str) -> str:
    """The document with every shown output and count as it is now."""
    document = counted(document)
    for block, output in performed(document):
        if timeless(output) != timeless(block.body):
            opening = f"\n```{block.language}\n"
            document = document.replace(f"{opening}{block.body}```", f"{opening}{output}```")
    return document


def _transcript(command: str, folder: Path) -> str:
    """``$ command`` and what klbench prints; other programs (make, pip) are shown without output and not run here.

    A shell runs it, so that a long output may be shown in part: ``klbench frameworks | head``.
    """
    return f"$ {command}\n" + (printed(command, folder) if command.startswith("klbench ") else "")


def printed(command: str, folder: Path) -> str:
    """What a command line of klbench prints in ``folder``."""
    return _printed(["sh", "-c", f'klbench() {{ "$PYTHON" -m klbench "$@"; }}\n{command}'], folder)


def _printed(command: list[str], folder: Path) -> str:
    """Standard output and errors together, as a person sees them."""
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return "".join(f"{line}\n" for printed in done.stdout.splitlines() for line in _in_a_terminal(printed))


def _in_a_terminal(line: str) -> list[str]:
    """A line as a terminal of ``_WIDTH`` columns has it: a sentence that is longer goes on below."""
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, _WIDTH, subsequent_indent=indent) if len(line) > _WIDTH else [line]


if __name__ == "__main__":
    README.write_text(refreshed(text("README.md")), encoding="utf-8")
