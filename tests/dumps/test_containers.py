"""Each kind of file gives the same sequences, with their places."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from klbench.dumps.containers import arrays
from klbench.dumps.containers.found import containers
from klbench.dumps.read import open_dump
from klbench.errors import RunError, SpecError
from tests.dumps.conftest import Written, mask, opened, rows, values

LOG_Q = [[-1.5, -0.25, -3.0], [-0.5, -2.0, 0.0]]
LOG_P = [[-1.0, -0.5, -2.5], [-0.75, -1.75, 0.0]]
MASK = [[1, 1, 1], [1, 1, 0]]
GROUP = ["a", "b"]


def records() -> list[dict[str, Any]]:
    names = ("log_q", "log_p", "mask", "group")
    return [dict(zip(names, row, strict=True)) for row in zip(LOG_Q, LOG_P, MASK, GROUP, strict=True)]


def as_jsonl(path: Path) -> Path:
    path = path / "run.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records()))
    return path


def as_gzip(path: Path) -> Path:
    packed = path / "run.jsonl.gz"
    packed.write_bytes(gzip.compress(as_jsonl(path).read_bytes()))
    return packed


def as_zstandard(path: Path) -> Path:
    zstandard = pytest.importorskip("zstandard")
    packed = path / "run.jsonl.zst"
    text = as_jsonl(path).read_bytes()
    first, rest = text[:20], text[20:]  # two frames, as appending to a packed file makes them
    packed.write_bytes(zstandard.compress(first) + zstandard.compress(rest))
    return packed


def as_csv(path: Path) -> Path:
    path = path / "run.csv"
    lines = ["sequence,position,log_q,log_p,mask,group"]
    for row in range(2):
        for token in range(3):
            lines.append(f"s{row},{token},{LOG_Q[row][token]},{LOG_P[row][token]},{MASK[row][token]},{GROUP[row]}")
    path.write_text("\n".join(lines) + "\n")
    return path


def table() -> dict[str, np.ndarray]:
    return {
        "log_q": np.array(LOG_Q),
        "log_p": np.array(LOG_P, np.float32),
        "mask": np.array(MASK, np.int64),
        "group": np.array(GROUP),
    }


def as_npz(path: Path) -> Path:
    np.savez(path / "run.npz", **table())
    return path / "run.npz"


def as_packed_npz(path: Path) -> Path:
    by_columns = table() | {"log_q": np.asfortranarray(LOG_Q)}
    np.savez_compressed(path / "run.npz", **by_columns)
    return path / "run.npz"


def write_safetensors(path: Path, tensors: dict[str, tuple[str, np.ndarray]]) -> Path:
    header, body = {}, b""
    for name, (dtype, array) in tensors.items():
        data = array.tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def as_safetensors(path: Path) -> Path:
    tensors = {
        "log_q": ("F64", np.array(LOG_Q)),
        "log_p": ("BF16", (np.array(LOG_P, np.float32).view(np.uint32) >> 16).astype(np.uint16)),
        "mask": ("BOOL", np.array(MASK, bool)),
        "group": ("I64", np.array([7, 8])),
    }
    return write_safetensors(path / "run.safetensors", tensors)


def as_pt(path: Path) -> Path:
    content = {
        "log_q": torch.tensor(LOG_Q, dtype=torch.float64),
        "log_p": torch.tensor(LOG_P, dtype=torch.bfloat16, requires_grad=True),
        "mask": torch.tensor(MASK),
        "group": GROUP,
        "step": 3,
    }
    torch.save(content, path / "run.pt")
    return path / "run.pt"


def as_old_pt(path: Path) -> Path:
    content = [{name: torch.tensor(value) for name, value in record.items() if name != "group"} for record in records()]
    torch.save(content, path / "run.pt", _use_new_zipfile_serialization=False)
    return path / "run.pt"


def as_parquet(path: Path) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(records()), path / "run.parquet")
    return path / "run.parquet"


WRITERS = [
    *(as_jsonl, as_gzip, as_zstandard, as_csv, as_npz, as_packed_npz, as_safetensors, as_pt, as_old_pt, as_parquet),
]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_every_container_gives_the_same_sequences(write: Callable[[Path], Path], tmp_path: Path) -> None:
    dump = opened(write(tmp_path))
    found = list(dump.rows())
    assert dump.layout == "neutral"
    assert dump.roles == ("log_q", "log_p")
    assert [values(row, "log_q") for row in found] == LOG_Q
    assert [values(row, "log_p") for row in found] == LOG_P  # exact in bfloat16
    assert [mask(row) for row in found] == MASK
    if write is not as_old_pt:
        assert [row.group for row in found] in (GROUP, [7, 8])
    assert [values(row, "log_q") for row in dump.rows()] == LOG_Q, "a second reading starts anew"


PLACES = {
    as_jsonl: ("run.jsonl:1", "run.jsonl:2"),
    as_csv: ("run.csv:2", "run.csv:5"),
    as_npz: ("run.npz, row 0", "run.npz, row 1"),
    as_pt: ("run.pt, row 0", "run.pt, row 1"),
    as_safetensors: ("run.safetensors, row 0", "run.safetensors, row 1"),
    as_parquet: ("run.parquet, row 0", "run.parquet, row 1"),
}


@pytest.mark.parametrize("write", PLACES, ids=lambda write: write.__name__)
def test_places(write: Callable[[Path], Path], tmp_path: Path) -> None:
    found = [row.place for row in rows(write(tmp_path))]
    assert found == [f"{tmp_path}/{place}" for place in PLACES[write]]


def test_blocks_do_not_change_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    table = {"log_q": -rng.random((7, 3)), "log_p": -rng.random((7, 3)), "mask": np.ones((7, 3))}
    np.savez(tmp_path / "run.npz", **table)
    monkeypatch.setattr(arrays, "NUMBERS", 6)  # two rows at a time
    assert [values(row, "log_p") for row in rows(tmp_path / "run.npz")] == table["log_p"].tolist()


def test_several_files_in_order(tmp_path: Path, lines: Written) -> None:
    one = lines({"log_q": [-1.0], "log_p": [-2.0]}, name="2.jsonl")
    other = as_csv(tmp_path)
    assert [len(row.log_probs["log_q"]) for row in rows(one, other)] == [1, 3, 3]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b'{"log_q": [-1.0], "log_p": [-2.0]}\n{"log_q": [-3.0], "log_p": [-2.0]}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    dump = open_dump([Path("-")], {})
    assert [(row.place, values(row, "log_q")) for row in dump.rows()] == [
        ("standard input:1", [-1.0]),
        ("standard input:2", [-3.0]),
    ]
    with pytest.raises(SpecError, match="once"):
        list(dump.rows())


def test_csv_of_mixed_sequences_is_sorted_and_said(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    text = "position,sequence,log_q,log_p,token\n1,a,-2,-2,1\n0,b,-5,-5,x\n\n0,a,-1,-1,nan\n"
    path.write_text("\ufeff" + text, encoding="utf-8")
    dump = opened(path)
    one, other = dump.rows()
    assert values(one, "log_q") == [-1.0, -2.0]
    assert one.texts == ("nan", "1"), "a token's text is text, whatever it looks like"
    assert values(other, "log_q") == [-5.0]
    assert "mixed" in "".join(dump.notices)


def test_csv_by_sequence_says_nothing_of_memory(tmp_path: Path) -> None:
    dump = opened(as_csv(tmp_path))
    list(dump.rows())
    assert dump.notices == []


def test_ragged_tensors(tmp_path: Path) -> None:
    ragged = {"log_q": [torch.tensor([-1.0]), torch.tensor([-1.0, -2.0])], "log_p": [[-1.5], [-0.5, None]]}
    torch.save(ragged, tmp_path / "lists.pt")
    assert [values(row, "log_p") for row in rows(tmp_path / "lists.pt")] == [[-1.5], [-0.5, None]]
    nested = torch.nested.nested_tensor(ragged["log_q"], layout=torch.jagged)
    torch.save({"log_q": nested, "log_p": nested * 2}, tmp_path / "nested.pt")
    assert [values(row, "log_p") for row in rows(tmp_path / "nested.pt")] == [[-2.0], [-2.0, -4.0]]


def test_parquet_with_nulls_and_many_rows(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    lists = [[-1.0, None]] + [[-float(number)] for number in range(1, 700)]
    table = {"log_q": lists, "log_p": lists, "log_sampler": [None] * 700}
    parquet.write_table(pyarrow.table(table), tmp_path / "run.parquet", row_group_size=300)
    dump = opened(tmp_path / "run.parquet")
    assert dump.roles == ("log_q", "log_p"), "a column of nulls is none"
    found = list(dump.rows())
    assert values(found[0], "log_q") == [-1.0, None]
    assert [values(row, "log_p")[0] for row in found[1:]] == [-float(number) for number in range(1, 700)]


def test_without_extras_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [as_parquet(tmp_path), as_zstandard(tmp_path)]
    for name in ("pyarrow", "pyarrow.parquet", "zstandard"):
        monkeypatch.setitem(sys.modules, name, None)
    for path in paths:
        with pytest.raises(RunError, match=r"klbench\[data\]"):
            opened(path)


def test_other_files_need_no_extras(tmp_path: Path) -> None:
    path = as_jsonl(tmp_path)
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['pyarrow', 'zstandard', 'safetensors', 'matplotlib'])); "
        "from klbench.dumps.containers.found import container_of; from pathlib import Path; "
        f"print(container_of(Path({str(path)!r})).endings[0])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == ".jsonl\n"


def test_endings_are_distinct() -> None:
    endings = [ending for container in containers() for ending in container.endings]
    assert len(set(endings)) == len(endings) > 8


def test_lines_and_tables_of_text_import_no_torch(tmp_path: Path) -> None:
    paths = [as_jsonl(tmp_path), as_csv(tmp_path)]
    code = (
        "import sys; from pathlib import Path; from klbench.dumps.read import open_dump;"
        f"paths = [Path(each) for each in {[str(path) for path in paths]!r}];"
        "assert len(list(open_dump(paths, {}).rows())) == 4;"
        "assert not {'torch', 'numpy', 'pandas', 'pyarrow'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
