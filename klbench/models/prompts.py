"""The prompts of a file: a text a line, or .jsonl of messages, of questions, or of texts. No torch here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from klbench.errors import SpecError

MOST_BYTES = 2**30
_JSONL = (".jsonl", ".json")
_ROW = 'a line is {"messages": [{"role": "user", "content": "..."}]}, {"prompt": "..."} or {"text": "..."}'

Message = tuple[tuple[str, str], ...]
"""The keys and values of one message: its role, its content."""


@dataclass(frozen=True)
class Prompt:
    """What a sequence answers.

    Args:
        text: taken as it is; None where there are messages.
        messages: to be put into the tokenizer's chat template.
    """

    text: str | None
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Prompted:
    """The sequences that are asked for: answers of at most ``length`` tokens to the prompts of a file.

    Args:
        file: as it is written.
        folder: where it is looked for; None is the current folder.
        length: the most tokens of a sequence, the eos included.
    """

    file: str
    folder: str | None
    length: int

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.folder or "") / Path(self.file).expanduser()

    def prompts(self) -> Sequence[Prompt]:
        """The prompts in their order.

        Raises:
            SpecError: the file is not there, or one of its lines is no prompt.
        """
        return _parsed(self.file, self._content())

    def digest(self) -> str:
        """A digest of the file, which changes when its content does.

        Raises:
            SpecError: as of the prompts.
        """
        return sha256(self._content()).hexdigest()

    def _content(self) -> bytes:
        path = self.path
        try:
            if path.is_dir():
                raise SpecError(f"{self.file!r} is a folder", help=["name a file of prompts in it"])
            about = path.stat()
            if about.st_size > MOST_BYTES:
                raise SpecError(f"{self.file} has {about.st_size:,} bytes", help=[f"at most {MOST_BYTES:,}"])
            return _read(path.absolute(), about.st_mtime_ns, about.st_size)
        except FileNotFoundError:
            help = [f"a path seen from {self.folder or 'the current folder'}"]
            raise SpecError(f"there is no file {self.file!r}", help=help) from None
        except (OSError, ValueError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or error
            raise SpecError(f"{self.file} cannot be read: {why}", help=["a file of prompts, a text a line"]) from None


@lru_cache(4)
def _read(path: Path, _changed: int, _size: int) -> bytes:
    return path.read_bytes()


@lru_cache(4)
def _parsed(name: str, data: bytes) -> tuple[Prompt, ...]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{name} is not UTF-8: byte {error.start + 1} is {data[error.start]:#04x}"
        raise SpecError(message, help=["save it in the encoding UTF-8"]) from None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip().split("\n")
    if lines == [""]:
        raise SpecError(f"{name} is empty", help=["a prompt a line"])
    is_json = name.lower().endswith(_JSONL)
    return tuple(_prompt(f"{name}:{number}", line, is_json) for number, line in enumerate(lines, 1))


def _prompt(place: str, line: str, is_json: bool) -> Prompt:
    if not line.strip():
        raise SpecError(f"{place} is empty", help=["a prompt a line, and no line without one"])
    return _of_row(place, line) if is_json else Prompt(line)


def _of_row(place: str, line: str) -> Prompt:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{place} is no JSON: {error}", help=[_ROW]) from None
    given = [key for key in ("messages", "prompt", "text") if isinstance(row, dict) and key in row]
    if len(given) != 1:
        has = "is no mapping" if not isinstance(row, dict) else f"has {' and '.join(given) or 'none of these keys'}"
        raise SpecError(f"{place} {has}", help=[_ROW])
    value = row[given[0]]
    if isinstance(value, str) and value.strip() and given[0] != "messages":
        return Prompt(value) if given[0] == "text" else Prompt(None, (_message("user", value),))
    if given[0] == "text" or not isinstance(value, list) or not value or not all(map(_is_message, value)):
        raise SpecError(f"{place}: {given[0]} is not what a prompt has there", help=[_ROW])
    return Prompt(None, tuple(tuple(message.items()) for message in value))


def _message(role: str, content: str) -> Message:
    return ("role", role), ("content", content)


def _is_message(value: Any) -> bool:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        return False
    return "role" in value and "content" in value
