"""Work and memory are bounded by what was given: bombs, pipes and devices are refused in a line."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.cli.main import main
from analysis.errors import UserError
from analysis.filesystem import tables
from analysis.filesystem.regular import read_bounded
from analysis.store import joinable
from analysis.store.joinable import as_table
from tests.synthetic import make_sweep


def a_new_key_a_row(path: Path, n: int = 20_000) -> Path:
    path.write_text("".join(f'{{"image_id": {i}, "k{i}": 1}}\n' for i in range(n)))
    return path


def a_dictionary_bomb(path: Path) -> Path:
    """A text of 1 MB that a dictionary repeats 100,000 times: some kB that stand for 100 GB."""
    column = pa.DictionaryArray.from_arrays(np.zeros(100_000, np.int32), ["x" * 2**20])
    pq.write_table(pa.table({"path": column, "image_id": np.arange(100_000)}), path)
    assert path.stat().st_size < 2**20
    return path


def deep(path: Path) -> Path:
    path.write_text('{"image_id": 0, "a": ' + "[" * 100_000 + "]" * 100_000 + "}\n")
    return path


BOMBS = [
    ("keys.jsonl", a_new_key_a_row, "different keys"),
    ("bomb.parquet", a_dictionary_bomb, "bytes of text"),
    ("deep.jsonl", deep, "row 1 is not JSON"),
]


@pytest.mark.parametrize(("name", "make", "said"), BOMBS, ids=[one[0] for one in BOMBS])
@pytest.mark.parametrize("verb", ["join", "import"])
def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, name: str, make, said: str, verb: str
) -> None:
    path = make(tmp_path / name)
    make_sweep(tmp_path / "cache", n_images=20, seeds=1, variants=())
    words = ["join", "made", f"{path}"] if verb == "join" else [
        "import", f"{path}", "--name", "new", "--map", "prediction=image_id", "--map", "path=path"
    ]  # fmt: skip
    # Its own peak: getrusage would give a child that of the process it was forked from.
    child = (
        "import re, sys; from analysis.cli.main import main; "
        "code = main(sys.argv[1:]); "
        "print(code, re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", child, *words, "--cache", f"{tmp_path / 'cache'}"],
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    code, peak = map(int, done.stdout.split()[-2:])
    assert code == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert name in done.stderr
    assert peak < 900_000  # kB; the libraries alone take a third of it
    if verb == "join" or said == "row 1 is not JSON":
        assert said in done.stderr


def test_columns_that_few_rows_lack_are_read(tmp_path: Path) -> None:
    path = tmp_path / "more.jsonl"
    rows = [
        {"image_id": i, "a": i / 2, **({"note": "x"} if i % 50 == 0 else {})} for i in range(300)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = as_table(path)
    assert found.column_names == ["image_id", "a", "note"]
    assert found["note"].null_count == 294
    packed = tmp_path / "more.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert as_table(packed).equals(found)
    frame = pd.DataFrame(rows)
    frame.to_parquet(tmp_path / "more.parquet")
    assert as_table(tmp_path / "more.parquet").to_pandas().equals(frame)
    frame.to_csv(tmp_path / "more.csv", index=False)
    assert as_table(tmp_path / "more.csv").column_names == found.column_names


def test_what_unpacks_beyond_the_bound_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joinable, "_MOST_BYTES", 2**20)
    path = tmp_path / "zeros.csv.gz"
    path.write_bytes(gzip.compress(b"image_id,a\n" + b"0,0\n" * 2**19))
    with pytest.raises(UserError, match="unpacks to more than 1,048,576 bytes"):
        as_table(path)


def test_blocks_of_other_kinds_become_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_BLOCK_BYTES", 64)
    path = tmp_path / "kinds.jsonl"
    path.write_text(
        "".join(f'{{"image_id": {i}, "a": {i}}}\n' for i in range(8))
        + '{"image_id": 8, "a": "x"}\n'
    )
    found = as_table(path)
    assert found["a"].to_pylist() == [*map(str, range(8)), "x"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
@pytest.mark.parametrize("what", ["fifo", "device"])
def test_pipes_and_devices_are_no_inputs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    make_sweep(tmp_path / "cache", n_images=20, seeds=1, variants=())
    cache = ["--cache", f"{tmp_path / 'cache'}"]

    def odd(name: str) -> str:
        path = tmp_path / name
        os.mkfifo(path) if what == "fifo" else path.symlink_to("/dev/zero")
        return f"{path}"

    table, listed, toml = odd("a.csv"), odd("a.txt"), odd("a.toml")
    lines, model = odd("a.jsonl"), odd("a.onnx")
    good = tmp_path / "good.csv"
    good.write_text("image_id,label,prediction,variant_id\n0,0,0,dense\n")
    for words in (
        ["join", "made", table],
        ["join", "made", lines],
        ["import", table, "--name", "new"],
        ["import", f"{good}", "--name", "new", "--labels", listed],
        ["import", f"{good}", "--name", "new", "--labels", table],
        ["import", f"{good}", "--name", "new", "--class-file", listed],
        ["check", "made", "--budget", toml],
        ["sweep", "--config", toml],
        ["doctor", model, "--data", f"folder:{tmp_path}"],
    ):
        try:
            code = main([*words, *cache])
        except SystemExit as refused:
            code = int(refused.code or 0)
        said = capsys.readouterr().err
        assert code in (2, 3), (words, said)
        assert "fault of Lethe" not in said, (words, said)


def test_thousands_of_variants_are_a_wrong_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "many.csv"
    rows = (f"{i},0,0,v{i}\n" for i in range(20_000))
    path.write_text("image_id,label,prediction,variant_id\n" + "".join(rows))
    assert main(["import", f"{path}", "--name", "new", "--cache", f"{tmp_path}"]) == 2
    assert "more than 1,000 variants" in capsys.readouterr().err


def test_a_file_beyond_the_bound_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bounded(tmp_path / "a", 5) == b"12345"
    with pytest.raises(OverflowError, match="larger than 4 bytes"):
        read_bounded(tmp_path / "a", 4)
