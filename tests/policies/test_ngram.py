"""N-grams against counts made another way; the texts they come from: found, refused, noticed when they change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klbench.distributions.named_files import digest, shipped
from klbench.errors import SpecError
from klbench.policies.build import table_of
from klbench.policies.table import ENDED
from klbench.resume import identity_of
from klbench.spec.expression import from_mapping, parse, read
from klbench.spec.read import read_spec, read_text
from klbench.spec.refusal import Refusal
from tests.policies.tables import row, sequences, state_after, table

SPEC = "name: t\nestimators: [k1]\npairs: [{q: 'Ngram(\"corpus.txt\", 2, length=3)', p: 'Perturb(q, 0.1)'}]\n"


def counted(units: list[str], context: list[str], smoothing: float) -> np.ndarray | None:
    """The probabilities behind a context, by looking at every place of the text; None without any mass."""
    vocabulary = sorted(set(units))
    behind = [
        units[at + len(context)] for at in range(len(units) - len(context)) if units[at:][: len(context)] == context
    ]
    weights = np.array([behind.count(unit) + smoothing for unit in vocabulary])
    return weights / weights.sum() if weights.any() else None


def expected(units: list[str], history: list[str], order: int, smoothing: float) -> np.ndarray:
    context = history[len(history) - min(order - 1, len(history)) :]
    while (found := counted(units, context, smoothing)) is None:
        context = context[1:]
    return found


def write(folder: Path, text: str | bytes, name: str = "corpus.txt") -> str:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(folder)


def ngram(folder: str, arguments: str):  # type: ignore[no-untyped-def]
    return table_of(read(f'Ngram("corpus.txt", {arguments})', folder))


@settings(max_examples=60, deadline=None)
@given(
    st.text("abc", min_size=1, max_size=14),
    st.integers(1, 4),
    st.sampled_from([0, 0.1, 2]),
    st.lists(st.lists(st.integers(0, 2), max_size=6), min_size=4, max_size=4),
)
def test_every_row_is_the_counts(tmp_path_factory, text, order, smoothing, histories) -> None:  # type: ignore[no-untyped-def]
    folder = write(tmp_path_factory.mktemp("n"), text)
    policy = ngram(folder, f"{order}, {smoothing}, length=9")
    vocabulary = sorted(set(text))
    for history in histories:
        tokens = tuple(token % len(vocabulary) for token in history)
        found = expected(list(text), [vocabulary[token] for token in tokens], order, smoothing)
        np.testing.assert_allclose(row(policy, tokens), found, rtol=1e-12, atol=1e-300)


def test_of_words_and_of_what_ships() -> None:
    words = Path(str(__import__("klbench").__path__[0]), "texts", "carroll.txt").read_text(encoding="utf-8").split()
    policy = table('Ngram(file="carroll.txt", order=2, smoothing=0.25, unit=word, length=5)')
    vocabulary = sorted(set(words))
    for history in ([], ["the"], ["White", "Rabbit"], ["over."]):
        tokens = tuple(map(vocabulary.index, history))
        np.testing.assert_allclose(row(policy, tokens), expected(words, history, 2, 0.25), rtol=1e-12)


def test_contexts_that_the_text_lacks_are_uniform_and_few(tmp_path: Path) -> None:
    folder = write(tmp_path, "abcabc")
    policy = ngram(folder, "3, 0.5, length=9")
    np.testing.assert_allclose(row(policy, (0, 0)), [1 / 3] * 3)
    np.testing.assert_allclose(row(policy, (2, 2)), [1 / 3] * 3)
    # "", 3 letters, ab bc ca, and behind unknown ones the last letter
    assert policy.states == 1 + 3 + 3 + 3
    assert ngram(folder, "2, 0, length=9").states == 4


def test_the_last_token_alone_decides_in_a_bigram() -> None:
    assert table('Ngram("carroll.txt", 2, length=5)').following.stride(0) == 0


@pytest.mark.parametrize("eos", ['"."', "'.'", "2"])
def test_the_eos_is_a_text_or_a_number(tmp_path: Path, eos: str) -> None:
    folder = write(tmp_path, "a b.\nb a.")  # "\n", " ", ".", "a", "b"
    policy = ngram(folder, f"2, 0, length=3, eos={eos}")
    assert state_after(policy, (2,)) == ENDED
    assert all(2 not in tokens[:-1] for tokens in sequences(policy))
    assert sum(sequences(policy).values()) == pytest.approx(1)


def test_escapes_and_line_ends(tmp_path: Path) -> None:
    folder = write(tmp_path, "a\r\nb\r\n\ufeff".encode())
    written = r'Ngram(file="corpus.txt", order=1, unit="char", length=3, eos="\n")'
    expression = read(written, folder)
    assert str(expression) == written
    assert state_after(table_of(expression), (0,)) == ENDED


def test_a_mapping_needs_no_second_quotes() -> None:
    written = {"Ngram": {"file": "carroll.txt", "order": 2, "unit": "word", "length": "{T}", "eos": "dear!"}}
    assert from_mapping(written) == parse('Ngram("carroll.txt", 2, unit=word, length={T}, eos="dear!")')


REFUSED_FILES = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\t ", "is empty"),
    "latin": ("é".encode("latin-1"), "is not UTF-8: byte 1 is 0xe9"),
}


@pytest.mark.parametrize("name", REFUSED_FILES)
def test_a_file_that_is_no_text_is_refused_at_its_name(tmp_path: Path, name: str) -> None:
    content, says = REFUSED_FILES[name]
    write(tmp_path, content)
    (tmp_path / "t.yaml").write_text(SPEC)
    with pytest.raises(SpecError) as error:
        read_spec(tmp_path / "t.yaml")
    assert says in error.value.message
    assert '"corpus.txt"' in error.value.message
    assert error.value.location is not None
    assert (error.value.location.line, error.value.location.column) == (3, 20)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for written, says in (("corpus.txt", "there is no such file in"), ("inner", "is a folder"), ("a\\u0000", "escape")):
        (tmp_path / "inner").mkdir(exist_ok=True)
        with pytest.raises(Refusal) as error:
            read(f'Ngram("{written}", 2, length=3)', str(tmp_path))
        assert says in error.value.message or says == "escape"
    with pytest.raises(SpecError) as refused:
        parse('Ngram("no-such.txt", 2, length=3)')
    assert "in the current folder" in refused.value.message
    assert any("carroll.txt" in line for line in refused.value.help)


REFUSED = {
    'Ngram("carroll.txt", 0, length=3)': "order must be a whole number from 1 to 16, given 0",
    'Ngram("carroll.txt", 2, -0.1, length=3)': "smoothing must be a number >= 0",
    'Ngram("carroll.txt", 2, length=0)': "length must be",
    'Ngram("carroll.txt", 2, unit="line", length=3)': 'unit must be char or word, given "line"',
    'Ngram("carroll.txt", 2, unit=line, length=3)': "unit cannot be 'line'",
    'Ngram("carroll.txt", 2, length=3, eos="€")': "an eos that occurs in the file",
    'Ngram("carroll.txt", 2, length=3, eos=57)': "an eos that occurs in the file",
    'Ngram("carroll.txt", 2, length=3, eos=-1)': "eos must be a token",
    "Ngram(3, 2, length=3)": "file must be a text in UTF-8",
    'Ngram("carroll.txt", length=3)': "Ngram needs order",
    r'Ngram("car\roll\d.txt", 2, length=3)': r"unexpected \d",
    'Ngram("carroll.txt, 2, length=3)': "unexpected '\"'",
}


@pytest.mark.parametrize("written", REFUSED)
def test_what_is_no_ngram_is_refused(written: str) -> None:
    with pytest.raises(SpecError) as error:
        parse(written)
    assert REFUSED[written] in error.value.message
    assert error.value.location is not None


def test_a_table_that_is_too_large_is_refused_with_its_size(tmp_path: Path) -> None:
    folder = write(tmp_path, " ".join(map(str, range(8200))))
    with pytest.raises(Refusal, match=r"at most 67,108,864 states x tokens, not 8,202 contexts x 8,200 tokens"):
        read('Ngram("corpus.txt", 2, unit=word, length=3)', folder)


def test_files_are_found_beside_the_spec_and_the_resolved_spec_finds_them(tmp_path: Path) -> None:
    write(tmp_path, "abab")
    (tmp_path / "t.yaml").write_text(SPEC)
    spec = read_spec(tmp_path / "t.yaml", ["samples=10"])
    assert "corpus.txt" in str(spec.pairs[0].q)
    assert str(tmp_path) not in str(spec.pairs[0].q)
    again = read_text(spec.to_yaml())
    assert again == spec
    assert again.folder == str(tmp_path)
    (elsewhere := tmp_path / "other").mkdir()
    (elsewhere / "t.yaml").write_text(SPEC + "folder: ..\n")
    assert read_spec(elsewhere / "t.yaml").pairs == spec.pairs
    with pytest.raises(SpecError, match="there is no such file"):
        read_text(SPEC)


def test_a_run_that_goes_on_notices_another_content(tmp_path: Path) -> None:
    write(tmp_path, "abab")
    (tmp_path / "t.yaml").write_text(SPEC)
    spec = read_spec(tmp_path / "t.yaml")
    before = identity_of(spec, "cpu")
    assert identity_of(read_spec(tmp_path / "t.yaml"), "cpu") == before
    write(tmp_path, "ababa")
    after = identity_of(spec, "cpu")
    assert {key for key in after if after[key] != before[key]} == {"files"}


def test_what_ships_needs_no_folder() -> None:
    spec = read_text(SPEC.replace("corpus", "carroll"))
    assert "folder" not in spec.to_yaml()
    assert set(shipped()) == {"carroll.txt", "example_logits.npy"}
    assert digest(spec.files()) != digest(())
