"""The code behind a user's functions, as one number."""

from __future__ import annotations

from pathlib import Path

import pytest

from klbench.users.code import code_of

FILES = {
    "mine.py": "import helpers\nfrom parts import inner\nimport math\ndef kl(q, p): return helpers.f(q, p)\n",
    "helpers.py": "def f(q, p): return q - p\n",
    "parts/__init__.py": "",
    "parts/inner.py": "from . import deep\nfrom parts.deep import C\n",
    "parts/deep.py": "C = 1\n",
    "other.py": "X = 1\n",
}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def digest(here: Path) -> str:
    return code_of(["mine:kl"], str(here))


@pytest.mark.parametrize("name", [name for name in FILES if name != "other.py"])
def test_a_change_of_what_is_imported_changes_it(here: Path, name: str) -> None:
    before = digest(here)
    (here / name).write_text(FILES[name] + "\n# changed\n")
    assert digest(here) != before


def test_nothing_else_does(here: Path) -> None:
    before = digest(here)
    (here / "other.py").write_text("X = 2\n")
    assert digest(here) == before
    assert code_of([], str(here)) == code_of([], "/")


def test_nothing_is_imported_and_what_cannot_be_read_is_passed_over(here: Path) -> None:
    (here / "mine.py").write_text("raise SystemExit\nimport helpers\n")
    assert digest(here) == digest(here)
    (here / "mine.py").write_text("def (")
    assert len(digest(here)) == 64
    assert len(code_of(["nosuch:kl"], str(here))) == 64
