"""Files that are torn, wrong, huge or meant to harm: a clear error with the place, and nothing is run."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from klbench.dumps.containers import jsonl
from klbench.dumps.row import Row
from klbench.errors import KlbenchError, RunError, SpecError
from tests.dumps.conftest import Written, opened, rows
from tests.dumps.test_containers import WRITERS, as_npz, as_safetensors, write_safetensors

GOOD = {"log_q": [-1.0], "log_p": [-2.0]}


class Touch:
    """A pickle of this makes a file where it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def attempt(path: Path) -> tuple[list[Row], KlbenchError | None]:
    try:
        return rows(path), None
    except KlbenchError as error:
        return [], error


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_truncated_anywhere(write: Callable[[Path], Path], tmp_path: Path) -> None:
    path = write(tmp_path)
    whole = path.read_bytes()
    text = path.suffix in (".jsonl", ".csv")
    for length in sorted({0, 1, 4, 9, 30, len(whole) // 3, len(whole) // 2, len(whole) - 9, len(whole) - 1}):
        path.write_bytes(whole[:length])
        found, error = attempt(path)
        if error is None:
            assert text, f"{length} of {len(whole)} bytes were read as if they were all"
            assert len(found) <= 2
        else:
            assert isinstance(error, SpecError), error
            assert str(path) in error.message


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_any_byte_may_be_wrong(write: Callable[[Path], Path], tmp_path: Path) -> None:
    path = write(tmp_path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(whole), 40):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ int(rng.integers(1, 256))]) + whole[at + 1 :])
        _, error = attempt(path)
        assert error is None or error.exit_status == 2, error


@pytest.mark.parametrize(
    "name", ["run.jsonl", "run.csv", "run.npz", "run.safetensors", "run.pt", "run.parquet", "run.pkl"]
)
@pytest.mark.parametrize("content", [b"", b"\0", b"\n\n", b"hello, world\n", os.urandom(200), b"\xff\xfe" * 50])
def test_of_another_kind(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SpecError) as raised:
        rows(tmp_path / name)
    assert name in raised.value.message


def test_no_file_a_folder_no_ending(tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "run.txt").write_text("{}")
    cases = {"none.jsonl": "there is no file", "folder.jsonl": "is a folder", "run.txt": "no kind of file"}
    for name, said in cases.items():
        with pytest.raises(SpecError, match=said):
            opened(tmp_path / name)
    with pytest.raises(SpecError, match="no path"):
        opened(Path("a\0b.jsonl"))
    with pytest.raises(SpecError, match="no file"):
        opened()


def test_a_file_that_may_not_be_read(lines: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lines(GOOD)

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(RunError, match="Permission denied"):
        opened(path)


def test_names_in_any_script(lines: Written) -> None:
    path = lines(GOOD, name="пробег 跑 run 😀.jsonl")
    assert rows(path)[0].place.endswith("пробег 跑 run 😀.jsonl:1")


def test_torn_last_line_is_skipped_and_said(lines: Written) -> None:
    path = lines(GOOD, GOOD)
    path.write_bytes(path.read_bytes() + '{"log_q": [-1.0], "text": "é'.encode()[:-1])
    dump = opened(path)
    assert len(list(dump.rows())) == 2
    assert dump.notices == [f"{path}:3: the last line is torn, as a killed run leaves it, and is left out"]


def test_torn_line_that_is_not_the_last(lines: Written) -> None:
    path = lines(GOOD)
    path.write_text(path.read_text() + '{"log_q": [-1.0\n' + json.dumps(GOOD) + "\n")
    with pytest.raises(SpecError, match=r"run\.jsonl:2: the line is not JSON"):
        rows(path)
    path.write_text(json.dumps(GOOD) + "\n" + '{"log_q": [-1.0\n')
    with pytest.raises(SpecError, match=r"run\.jsonl:2"):
        rows(path)


def test_only_a_torn_line(lines: Written) -> None:
    path = lines(name="run.jsonl", end='{"log_q": [-1')
    with pytest.raises(SpecError, match="has no sequences") as raised:
        opened(path)
    assert "torn" in raised.value.help[0]


@pytest.mark.parametrize("value", [3, "text", None, True, [1, 2], [], {}, {"log_q": None}, {"a": {"b": [1]}}])
def test_a_line_that_is_no_sequence(value: Any, lines: Written) -> None:
    with pytest.raises(SpecError, match=r"run\.jsonl:1"):
        rows(lines(value))
    with pytest.raises(SpecError, match=r"run\.jsonl:2"):
        rows(lines(GOOD, value))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"log_q": [' + "1" * 10_000 + "]}", '{"log_q": [1e999999, 01]}'])
def test_json_that_would_break_a_parser(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text(text + "\n")
    with pytest.raises(SpecError, match=r"run\.jsonl:1"):
        rows(tmp_path / "run.jsonl")


def test_a_line_without_an_end(lines: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "LONGEST_LINE", 100)
    with pytest.raises(SpecError, match=r"run\.jsonl:2: the line is longer"):
        rows(lines(GOOD, {**GOOD, "text": "x" * 200}))


def test_a_packed_bomb_of_one_line_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.jsonl.gz"
    path.write_bytes(gzip.compress(b" " * 2**27))
    monkeypatch.setattr(jsonl, "LONGEST_LINE", 2**20)
    tracemalloc.start()
    with pytest.raises(SpecError, match="longer"):
        rows(path)
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()


def test_packed_array_is_read_in_blocks(tmp_path: Path) -> None:
    """A .npz of 100 kB that unpacks to 100 MB: only as much as is looked at."""
    path = tmp_path / "run.npz"
    zeros = np.zeros((12_500, 1_000))
    np.savez_compressed(path, log_q=zeros, log_p=zeros, mask=np.ones((12_500, 1_000), np.int8))
    del zeros
    tracemalloc.start()
    found = opened(path).rows()
    assert len(next(found).log_probs["log_q"]) == 1_000
    assert sum(1 for _ in found) == 12_499
    assert tracemalloc.get_traced_memory()[1] < 2**26
    tracemalloc.stop()


def npz_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def test_object_arrays_are_not_opened(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    objects = np.array([Touch(touched), Touch(touched)], object)
    good = np.array([[-1.0], [-2.0]])
    member = {"log_q.npy": npy(objects), "log_p.npy": npy(good), "mask.npy": npy(np.ones((2, 1)))}
    with pytest.raises(SpecError, match="log_q is an array of Python objects") as raised:
        rows(npz_of(tmp_path / "run.npz", member))
    assert "float64" in raised.value.help[0]
    assert not touched.exists()
    unasked = {"log_q.npy": npy(good), "log_p.npy": npy(good), "mask.npy": npy(np.ones((2, 1))), "x.npy": npy(objects)}
    assert len(rows(npz_of(tmp_path / "run.npz", unasked))) == 2, "a column that nobody asks for harms nobody"
    with pytest.raises(SpecError, match="no arrays"):
        rows(npz_of(tmp_path / "run.npz", {"log_q.npy": npy(objects)}))
    assert not touched.exists()


@pytest.mark.parametrize("dtype", [complex, "S8", "U3", "datetime64[s]", [("a", float)], np.longdouble])
def test_arrays_of_other_dtypes(dtype: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "run.npz", log_q=np.zeros((2, 3), dtype), log_p=np.zeros((2, 3)), mask=np.ones((2, 3)))
    with pytest.raises(SpecError, match=r"log_q .*dtype"):
        rows(tmp_path / "run.npz")


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4), (5, 3)])
def test_arrays_of_other_shapes(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.savez(tmp_path / "run.npz", log_q=np.zeros(shape), log_p=np.zeros((3, 3)), mask=np.ones((3, 3)))
    with pytest.raises(SpecError, match="log_q"):
        rows(tmp_path / "run.npz")


def test_a_header_that_claims_more_than_is_there(tmp_path: Path) -> None:
    header = npy(np.zeros((2, 3))).replace(b"(2, 3)", b"(9, 9)")
    with pytest.raises(SpecError, match="takes 648"):
        rows(npz_of(tmp_path / "run.npz", {"log_q.npy": header}))
    huge = npy(np.zeros((2, 3))).replace(b"(2, 3), }          ", b"(1, 9000000000), } ")
    with pytest.raises(SpecError):
        rows(npz_of(tmp_path / "run.npz", {"log_q.npy": huge}))


def test_paths_in_an_archive_are_only_names(tmp_path: Path) -> None:
    path = npz_of(tmp_path / "run.npz", {"../../outside.npy": npy(np.zeros((2, 3)))})
    with pytest.raises(SpecError, match="no column is known"):
        rows(path)
    assert not (tmp_path.parent.parent / "outside.npy").exists()


SAFETENSORS = [
    ({"dtype": "F64", "shape": [2, 3], "data_offsets": [0, 4800]}, "4,800 bytes"),
    ({"dtype": "F64", "shape": [2, 300], "data_offsets": [0, 4800]}, "after the file"),
    ({"dtype": "F64", "shape": [-2, 3], "data_offsets": [0, 48]}, "no shape"),
    ({"dtype": "F64", "shape": [2, 3], "data_offsets": [48, 0]}, "no shape"),
    ({"dtype": "F64", "shape": [2.0, 3], "data_offsets": [0, 48]}, "no shape"),
    ({"dtype": "F8_E4M3", "shape": [2, 3], "data_offsets": [0, 6]}, "F8_E4M3"),
    ("text", "no shape"),
]


@pytest.mark.parametrize(("about", "said"), SAFETENSORS)
def test_tensors_that_are_elsewhere(about: Any, said: str, tmp_path: Path) -> None:
    header = json.dumps({"log_q": about}).encode()
    path = tmp_path / "run.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(48))
    with pytest.raises(SpecError, match=r"run\.safetensors") as raised:
        rows(path)
    assert said in str(raised.value)


@pytest.mark.parametrize("start", [2**63, 10**9, 3])
def test_a_header_longer_than_the_file(start: int, tmp_path: Path) -> None:
    path = as_safetensors(tmp_path)
    path.write_bytes(struct.pack("<Q", start) + path.read_bytes()[8:])
    with pytest.raises(SpecError, match="header"):
        rows(path)


def test_a_pickle_in_pt_is_refused_and_not_run(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    for old in (True, False):
        torch.save({"log_q": Touch(touched)}, tmp_path / "run.pt", _use_new_zipfile_serialization=old)
        with pytest.raises(SpecError, match=r"holds a \w+\.mkdir") as raised:
            rows(tmp_path / "run.pt")
        assert any("torch.save" in line for line in raised.value.help)
    (tmp_path / "run.pt").write_bytes(pickle.dumps(Touch(touched)))
    with pytest.raises(SpecError):
        rows(tmp_path / "run.pt")
    assert not touched.exists()


def test_numpy_in_pt_is_refused_by_name(tmp_path: Path) -> None:
    torch.save({"log_q": np.zeros((2, 3))}, tmp_path / "run.pt")
    with pytest.raises(SpecError, match=r"numpy.*_reconstruct"):
        rows(tmp_path / "run.pt")


@pytest.mark.parametrize(
    "content", [3, "text", torch.zeros(3), [1, 2], [], {}, {"samples": []}, {"a": 1}, {"samples": 3}]
)
def test_pt_of_other_content(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "run.pt")
    with pytest.raises(SpecError, match=r"run\.pt"):
        rows(tmp_path / "run.pt")


def test_pt_with_tensors_that_are_no_numbers(tmp_path: Path) -> None:
    good = torch.full((2, 2), -1.0)
    torch.save({"log_q": good.to_sparse(), "log_p": good, "mask": good * 0 + 1}, tmp_path / "run.pt")
    with pytest.raises(SpecError, match="log_q"):
        rows(tmp_path / "run.pt")


def always(content: bytes) -> Callable[[Path], bytes]:
    return lambda _: content


PICKLES: list[Callable[[Path], bytes]] = [
    lambda touched: pickle.dumps(Touch(touched)),
    lambda touched: pickle.dumps({"batch_dict": {"a": Touch(touched)}}, 0),
    lambda touched: b"cposix\nmkdir\n(V" + str(touched).encode() + b"\ntR.",
    lambda touched: b"cbuiltins\neval\n(V__import__('os').mkdir('" + str(touched).encode() + b"')\ntR.",
    lambda touched: b"(V" + str(touched).encode() + b"\nios\nmkdir\n.",
    # what is looked up through a name that is on the list
    always(b"\x80\x04\x8c\x05torch\x8c\x0ddevice.__init__\x93."),
    always(b"\x80\x04\x8c\x1cskyrl.backends.training_batch\x8c\x14TensorBatch.__init__\x93."),
    always(b"\x80\x02\x82\x01."),  # an extension code
    always(b"\x80\x02Vid\nQ."),  # a persistent id
]


@pytest.mark.parametrize("make", PICKLES)
def test_pickles_are_not_run(make: Callable[[Path], bytes], tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    path = tmp_path / "run.pkl"
    path.write_bytes(make(touched))
    with pytest.raises(SpecError, match=r"run\.pkl"):
        rows(path)
    assert not touched.exists()


def test_a_small_pickle_with_a_large_length_is_torn(tmp_path: Path) -> None:
    """It asks for more memory than any machine has, and is not told as a lack of memory."""
    path = tmp_path / "run.pkl"
    path.write_bytes(b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"x.")
    with pytest.raises(SpecError, match=r"run\.pkl"):
        rows(path)


def test_the_pickles_of_these_tests_would_run(tmp_path: Path) -> None:
    """The attack is one: opened by pickle itself it makes the folder."""
    touched = tmp_path / "touched"
    pickle.loads(PICKLES[2](touched))
    assert touched.exists()


def test_csv_with_faults(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    cases = {
        "a,b\n1,2\n": "no column sequence",
        "sequence,log_q\n1,2\n": "no column position",
        "sequence,sequence,position\n": "more than one column sequence",
        "sequence,position,log_q,log_q\n": "more than one column log_q",
        "sequence,position,log_q\na,0\n": ":2: 2 cells",
        "sequence,position,log_q\na,x,-1\n": ":2: the position is 'x'",
        "sequence,position,log_q\na,-1,-1\n": ":2: the position",
        "sequence,position,log_q\na,0,-1\na,0,-2\n": "position 0 of sequence a is there twice",
        "sequence,position,log_q,log_p\na,0,-1,hello\n": "log_p has the text 'hello' at token 0",
        'sequence,position,log_q\na,0,"-1\n': "it is not .csv",
        "sequence,position,log_q\n": "has no sequences",
        "sequence,position,log_q\na,0," + "1" * 200_000 + "\n": "it is not .csv",
    }
    for text, said in cases.items():
        path.write_text(text)
        with pytest.raises(SpecError, match=r"run\.csv") as raised:
            rows(path)
        assert said in raised.value.message


def test_nothing_is_written(tmp_path: Path) -> None:
    path = as_npz(tmp_path)
    before = {each: each.read_bytes() for each in tmp_path.iterdir()}
    rows(path)
    assert {each: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_bytes_of_bfloat16_that_are_too_few(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="log_q"):
        rows(write_safetensors(tmp_path / "run.safetensors", {"log_q": ("BF16", np.zeros((2, 3), np.uint8))}))


def test_a_packed_file_that_ends_between_lines(tmp_path: Path) -> None:
    """What was unpacked is whole lines: only the missing end tells that there were more."""
    zstandard = pytest.importorskip("zstandard")
    packer = zstandard.ZstdCompressor().compressobj()
    text = json.dumps(GOOD).encode() + b"\n"
    packed = packer.compress(text) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    (tmp_path / "run.jsonl.zst").write_bytes(packed)
    with pytest.raises(SpecError, match="ends before its Zstandard frame"):
        rows(tmp_path / "run.jsonl.zst")
