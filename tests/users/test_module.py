"""A user's function found: the module that is meant or a word on which one was found, and only what can be called."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from klbench.errors import SpecError, UserError
from klbench.estimators.catalogue import find
from tests.users.own_module import value, written

SOURCE = """\
def k(log_q, log_p):
    return log_q - log_p
def keyword(log_q, log_p, *, factor=1.0):
    return factor * (log_q - log_p)
def needs_keyword(log_q, log_p, *, factor):
    return factor * (log_q - log_p)
def one(log_q):
    return log_q
def four(a, b, c, d):
    return a
def none():
    return 0
async def promised(log_q, log_p):
    return log_q - log_p
def one_by_one(log_q, log_p):
    yield log_q - log_p
class Own:
    def __call__(self, log_q, log_p):
        return log_q - log_p
    def method(self, log_q, log_p):
        return log_q - log_p
    @staticmethod
    def static(log_q, log_p):
        return log_q - log_p
    @classmethod
    def of_class(cls, log_q, log_p):
        return log_q - log_p
class Promised:
    async def __call__(self, log_q, log_p):
        return log_q - log_p
own, promise, number = Own(), Promised(), 3
partial = functools.partial(needs_keyword, factor=1.0)
named = lambda log_q, log_p: log_q - log_p
module = type("Net", (torch.nn.Module,), {"forward": lambda self, log_q, log_p: log_q - log_p})()
"""
CALLABLE = (
    *("k", "keyword", "partial", "named", "own", "own.method", "own.static", "Own.static", "Own.of_class"),
    *("own.method.__call__", "module"),
)
REFUSED = {
    "needs_keyword": ("needs the keyword factor", "give factor a default"),
    "one": ("takes 1 argument", "(log_q, log_p)"),
    "four": ("takes 4 arguments", "(log_q, log_p)"),
    "none": ("takes 0 arguments", "(log_q, log_p)"),
    "promised": ("is async", "write def"),
    "promise": ("is async", "write def"),
    "one_by_one": ("yields", "return one tensor"),
    "Own": ("is a class", "name a function"),
    "Own.method": ("method of the class Own", "staticmethod"),
    "number": ("number is of type int", "it has: k, keyword"),
    "keywrod": ("has no function 'keywrod'", "did you mean keyword?"),
    "own.nothing": ("has no function 'own.nothing'", "it has: k, keyword"),
    "nothing.at.all": ("has no function 'nothing.at.all'", "it has: k, keyword"),
}


@pytest.mark.parametrize("function", CALLABLE)
def test_what_can_be_called_for_a_tensor_is(function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert value(f"{written(tmp_path, monkeypatch, SOURCE)}:{function}").tolist() == [1, 2, 3]


@pytest.mark.parametrize("function", REFUSED)
def test_what_cannot_is_refused_for_what_it_is(function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{written(tmp_path, monkeypatch, SOURCE)}:{function}"
    with pytest.raises(UserError) as caught:
        value(name)
    said, helped = REFUSED[function]
    assert caught.value.message.startswith(f"{name}: ")
    assert said in caught.value.message
    assert any(helped in line for line in caught.value.help)


def test_a_module_that_is_hidden_by_another_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, monkeypatch, "")
    (tmp_path / "random.py").write_text(SOURCE)
    with pytest.raises(UserError) as caught:
        value("random:k")
    assert caught.value.message == f"random:k: random is {sys.modules['random'].__file__} here, which hides " + str(
        tmp_path / "random.py"
    )
    assert "another name" in caught.value.help[0]


def test_a_module_of_that_name_from_a_folder_before_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = written(tmp_path, monkeypatch, SOURCE)
    value(f"{name}:k")
    (tmp_path / "now").mkdir()
    (tmp_path / "now" / f"{name}.py").write_text("def k(log_q, log_p):\n    return 2 * log_q\n")
    monkeypatch.chdir(tmp_path / "now")
    with pytest.raises(UserError, match="hides"):
        value(f"{name}:k")


def test_which_file_was_searched_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, monkeypatch, "")
    with pytest.raises(UserError, match="statistics has no function 'my_kl'") as caught:
        value("statistics:my_kl")
    assert caught.value.help[-1] == f"statistics is {sys.modules['statistics'].__file__}"


def test_packages_and_folders_are_modules_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = written(tmp_path, monkeypatch, "")
    (tmp_path / f"{name}_folder").mkdir()
    (tmp_path / f"{name}_folder" / "inside.py").write_text(f"import torch, functools\n{SOURCE}")
    assert value(f"{name}_folder.inside:k").tolist() == [1, 2, 3]
    with pytest.raises(UserError, match=f"there is no module {name}_folder.outside") as caught:
        value(f"{name}_folder.outside:k")
    assert caught.value.help == (f"{name}_folder is {tmp_path / name}_folder",)
    with pytest.raises(UserError, match="has no function 'k'"):
        value(f"{name}_folder:k")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("sys.exit('bye')", "SystemExit: bye"),
        ("def k(:", "SyntaxError"),
        ("exec('1 +')", "SyntaxError"),
        ("def __getattr__(name): raise ValueError(name)", "ValueError: k"),
    ],
)
def test_what_importing_raises_is_told_with_the_place(
    source: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = written(tmp_path, monkeypatch, source)
    with pytest.raises(UserError, match="importing it raised") as caught:
        value(f"{name}:k")
    assert told in caught.value.message
    assert caught.value.location is not None
    assert caught.value.location.text == source


@pytest.mark.parametrize(("replacement", "works"), [("own", True), ("None", False)])
def test_a_module_that_replaces_itself(
    replacement: str, works: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        f"own = type('Own', (), {{'k': staticmethod(lambda q, p: q - p)}})()\nsys.modules[__name__] = {replacement}\n"
    )
    name = f"{written(tmp_path, monkeypatch, source)}:k"
    if works:
        assert value(name).tolist() == [1, 2, 3]
    else:
        with pytest.raises(UserError, match="has no function 'k'"):
            value(name)


@pytest.mark.parametrize(
    ("given", "helped"),
    [
        ("my_kl.py:k", "write my_kl:k"),
        ("./my_kl.py:k", "write my_kl:k"),
        ("losses/my_kl:k", "write losses.my_kl:k"),
        ("my-kl:k", "names are of letters, digits and _"),
        ("my_kl:", "names are of letters, digits and _"),
        ("nowhere_at_all:k", "no module nowhere_at_all in the current folder"),
    ],
)
def test_what_is_not_module_and_function_is_told_how_to_be(given: str, helped: str) -> None:
    with pytest.raises(SpecError) as caught:
        find(given)
    assert any(helped in line for line in caught.value.help)


def test_a_folder_that_is_gone_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "cwd", lambda: (_ for _ in ()).throw(FileNotFoundError()))
    with pytest.raises(SpecError, match="unknown framework or module"):
        find("nowhere_at_all:k")
