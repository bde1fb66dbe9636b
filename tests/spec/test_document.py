"""YAML texts as trees: what is refused, where, and that hostile ones cost little."""

from __future__ import annotations

import time

import pytest
import yaml

from klbench.errors import SpecError
from klbench.spec import document
from klbench.spec.document import decode, read_document
from klbench.spec.nodes import MappingNode, Source, find, plain_value

LAUGHS = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


pytestmark = pytest.mark.usefixtures("loader")


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(yaml, request.param):
        pytest.skip("PyYAML is without libyaml here")
    monkeypatch.setattr(document, "_LOADER", getattr(yaml, request.param))


def test_values_are_read_by_the_rules_of_yaml_1_2() -> None:
    text = "a: 1e7\nb: 'yes'\nc: [1_000, no, 1e-3, \"2\", ~]\nd: {e: x y, f: }\n"
    assert plain_value(read_document(Source("x", text))) == {
        "a": 1e7,
        "b": "yes",
        "c": [1000, "no", 0.001, "2", None],
        "d": {"e": "x y", "f": None},
    }


def test_every_node_knows_its_place() -> None:
    root = read_document(Source("x.yaml", "# µ\n\nä: [1, 'two']\nb:\n  - c: 3\n"))
    assert str(find(root, ["ä", 1]).location()) == "x.yaml:3:8"
    assert str(find(root, ["ä"], at_key=True).location()) == "x.yaml:3:1"
    assert str(find(root, ["b", 0, "c"]).location()) == "x.yaml:5:8"
    assert str(find(root, ["b", 0, "nothing", "there"]).location()) == "x.yaml:5:5"


def test_lines_end_as_yaml_says() -> None:
    root = read_document(Source("x", "a: 1\r\nb: 2\rc: 3\nd: 4"))
    assert isinstance(root, MappingNode)
    assert [node.line for node in root.values.values()] == [1, 2, 3, 4]


REFUSED = {
    "nothing": ("", "1:1", "x.yaml is empty"),
    "only a comment": ("# nothing\n", "1:1", "x.yaml is empty"),
    "a second document": ("a: 1\n---\nb: 2\n", "2:1", "a second document"),
    "a key twice": ("a: 1\nb: 2\na: 3\n", "3:1", "'a' is given twice"),
    "a Python tag": ("a: !!python/object/apply:os.system ['true']\n", "1:4", "is not allowed"),
    "a tag": ("a: !!str 1\n", "1:4", "is not allowed"),
    "a local tag": ("a: !x 1\n", "1:4", "is not allowed"),
    "a tag on the whole": ("!!map\na: 1\n", "1:1", "is not allowed"),
    "an alias without an anchor": ("a: *b\n", "1:4", "*b has no anchor"),
    "an alias inside itself": ("a: &a\n  b: *a\n", "2:6", "*a is inside itself"),
    "an alias that explodes": (LAUGHS, "6:4", "this expands to"),
    "a list as a key": ("? [a]\n: 1\n", "1:3", "a key is a list or a mapping"),
    "a placeholder as a value": ("a: {b}*N(0, 1)\n", "1:9", "needs quotes"),
    "a placeholder in braces": ("a: {q: N({mu}, 1)}\n", "1:8", 'write it with quotes: "N({mu}, 1)"'),
    "a comma in braces": ("a: {q: N(0, 1), p: N(1, 2)}\n", "1:8", 'write it with quotes: "N(0, 1)"'),
    "a comma in brackets": ("a: [N(0, 1)]\n", "1:5", 'write it with quotes: "N(0, 1)"'),
    "an open round bracket in brackets": ("a: [k1_cv(]\n", "1:5", "a round bracket is not closed"),
    "an open bracket": ("a: [1, 2\n", "1:9", "this is not YAML"),
    "an open quote": ("a: 'b\nc: 1\n", "2:5", "this is not YAML"),
    "a tab": ("a:\n\t- b\n", "2:1", "spaces, not tabs"),
    "bad indentation": ("a: 1\n  b: 2\n", "2:4", "this is not YAML"),
    "a control character": ("a: b\x07c\n", "1:5", "unexpected character"),
    "a zero": ("a: 1\nb\0: 1", "2:2", "unexpected character"),
    "an escaped zero": ('a: "\\0"\n', "1:4", "unexpected character"),
    "half a character": ("a: \ud800\n", "1:4", "unexpected character"),
    "too deep": ("[" * 40, "1:33", "nested too deeply"),
    "too deep in blocks": ("- " * 40, "1:65", "nested too deeply"),
    "far too deep": ("[" * 1_000_000, "1:33", "nested too deeply"),
}


@pytest.mark.parametrize(("text", "place", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_says_what_and_where(text: str, place: str, says: str) -> None:
    start = time.perf_counter()
    with pytest.raises(SpecError) as caught:
        read_document(Source("x.yaml", text))
    assert says in "\n".join([caught.value.message, *caught.value.help])
    assert str(caught.value.location) == f"x.yaml:{place}"
    assert time.perf_counter() - start < 5


def test_an_error_quotes_its_line_without_control_characters() -> None:
    with pytest.raises(SpecError) as caught:
        read_document(Source("x", "a:\t\x1b[31m\n"))
    assert caught.value.location is not None
    assert caught.value.location.text == "a: \ufffd[31m"


def test_a_file_is_a_text_of_bounded_length() -> None:
    assert decode("a: µ".encode(), "x") == "a: µ"
    with pytest.raises(SpecError, match="not a text in UTF-8: byte 4 is 0xb5"):
        decode("a: µ".encode("latin-1"), "x")
    with pytest.raises(SpecError, match="more than 4 MiB"):
        decode(b" " * (document.LONGEST + 1), "x")
    with pytest.raises(SpecError, match="more than"):
        read_document(Source("x", " " * (document.LONGEST + 1)))


def test_fifty_thousand_numbers_read_in_seconds() -> None:
    start = time.perf_counter()
    root = read_document(Source("x", f"logits: [{', '.join(['0.125'] * 50_000)}]"))
    assert plain_value(root) == {"logits": [0.125] * 50_000}
    assert time.perf_counter() - start < 10
