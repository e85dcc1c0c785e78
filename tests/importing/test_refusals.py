"""What cannot be used is refused in a line that names file, row and column; nothing is left."""

import gzip
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.cli.main import main
from tests.importing.drawn import imported, left_in, table, write, write_scores, write_text

HEAD = "image_id,label,seed,variant_id,prediction\n"


def refused(
    capsys: pytest.CaptureFixture[str], cache: Path, *files: str, options: tuple[str, ...] = ()
) -> str:
    before = left_in(cache)
    assert main(["import", *files, "--name", "mine", "--cache", str(cache), *options]) == 2
    message = capsys.readouterr().err
    assert message.startswith("lethe: error: ")
    assert message.count("\n") == 1
    assert left_in(cache) == before
    return message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty"),
        (HEAD, "has no row"),
        ("\n1,2\n", "first line is empty"),
        (HEAD + "0,0,0,dense,0\n1,1,0,dense,1\n1,1,0,dense,0\n", "t.csv, row 4: image 1 of dense"),
        (
            HEAD + "0,0,0,dense,0\n1,1,0,dense,1\n0,0,0,m-0.5,0\n",
            "t.csv: m-0.50, seed 0 has no row for image 1; complete",
        ),
        (
            HEAD + "0,0,0,dense,0\n1,1,0,dense,1\n0,1,0,m,0\n1,1,0,m,0\n",
            "row 4: column 'label' of image 0 is 1, and in",
        ),
        (HEAD + "0,0,0,dense,0\n1,1,0,dense,7\n", "row 3: column 'prediction' is class 7"),
        (HEAD + "0,0,0,dense,0\n1,1,0,dense,-2\n", "row 3: column 'prediction' is -2"),
        (HEAD + "0,0,0,dense,0\n1,NaN,0,dense,1\n", "row 3: column 'label' is 'NaN'"),
        (HEAD + "0,0,0,dense,0\n1,,0,dense,1\n", "row 3: column 'label' is empty"),
        (HEAD + "0,0,0,dense,0\n1,1,0,dense,0.7\n", "row 3: column 'prediction' is 0.7"),
        (HEAD + '0,"[0, 1]",0,dense,0\n', "single-label"),
        (HEAD + '0,"{cat,dog}",0,dense,0\n', "single-label"),
        (HEAD + "0,['cat'],0,dense,0\n", "single-label"),
        (HEAD + "0,[1 0 1],0,dense,0\n", "single-label"),
        (HEAD + "0,cat,0,dense,1\n", "column 'label' is the name 'cat', and"),
        (HEAD + "0,0,0,dense,99999999999999\n", "class ids count classes from 0"),
        (HEAD + "0,0,0,a,0\n1,1,0,b,1\n", "no run is of variant 'dense'"),
        (HEAD + "0,0,0,dense,0\n0,0,1,dense,0\n0,0,0,m,0\n", "uneven seeds: m has no seed 1"),
        (HEAD + "0,0,x,dense,0\n", "row 2: column 'seed' is 'x'"),
        (HEAD + "0,0,-1,dense,0\n", "row 2: column 'seed' is -1"),
        (HEAD + "0,0,1.5,dense,0\n", "row 2: column 'seed' is 1.5"),
        (HEAD + "0,0,0,../../x,0\n", "row 2: variant_id '../../x'"),
        (HEAD + "0,0,0,con,0\n", "row 2: variant_id 'con'"),
        (HEAD + "9999999999,0,0,dense,0\n", "row 2: column 'image_id' is 9999999999"),
        (HEAD + "99999999999999999999999999,0,0,dense,0\n", "column 'image_id' is 9999"),
        (HEAD + "-3,0,0,dense,0\n", "row 2: column 'image_id' is -3"),
        (HEAD + "a.png,0,0,dense,0\n", "--map path=image_id"),
        (HEAD + "0,0,0,dense,0\n2,0,0,dense,0\n", "no run has image 1 "),
        (HEAD + "0,0,0,dense,0\n1,0,0\n", "row 3: 3 columns where the header has 5"),
        (HEAD + '0,0,0,"dense,0\n', "t.csv, row 2: 4 columns where the header has 5"),
        (HEAD + "0,0,0,dense,0,1\n", "t.csv, row 2: 6 columns where the header has 5"),
        (HEAD.replace("\n", "\r") + "0,0,0,dense,0\r", "carriage returns alone"),
        (HEAD.replace("label", "actual") + "0,0,0,dense,0\n", "has no column 'label'; it has"),
        (
            HEAD.replace("label", "Label,truth") + "0,0,0,0,dense,0\n",
            "'Label' and 'truth' can each be the column 'label'; choose one with --map label=Label",
        ),
        ("image_id,label_0,label_1,seed,variant_id,prediction\n0,1,0,0,dense,0\n", "one column"),
        (HEAD.replace("seed", "label") + "0,0,0,dense,0\n", "two columns 'label'"),
        (HEAD.replace("variant_id", "target_sparsity") + "0,0,0,0,0\n", "'variant_id' (or"),
    ],
)
def test_a_csv_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    message = refused(capsys, tmp_path / "cache", write_text(tmp_path / "t.csv", text))
    assert expected in message
    assert "t.csv" in message


def test_all_missing_columns_are_named_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_text(tmp_path / "t.csv", "picture,actual,guess\n0,0,0\n")
    message = refused(capsys, tmp_path / "cache", path)
    assert (
        "t.csv has no columns 'label', 'prediction', 'image_id' or 'path' and 'variant_id' (or "
        "'method' and 'target_sparsity'); it has picture, actual, guess; --map label=THEIRS --map "
        "prediction=THEIRS --map image_id=THEIRS --map variant_id=THEIRS names them; "
        "--variant VARIANT=FILE names the run of a file"
    ) in message
    options = ("--map", "label=truth", "--map", "prediction=guess", "--map", "path=picture")
    message = refused(capsys, tmp_path / "cache", path, options=options)
    assert "has no columns 'truth' (--map label=truth) and 'variant_id' (or" in message
    assert "it has picture, actual, guess; --map variant_id=THEIRS names it" in message


@pytest.mark.parametrize(
    ("column", "value"),
    [("confidence", "0,93"), ("true_confidence", "9,3e-1"), ("true_rank", "1,0"), ("seed", "0,0")],
)
def test_a_decimal_comma_is_called_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], column: str, value: str
) -> None:
    frame = table(shuffled=False).astype({column: str})
    frame.loc[4, column] = value
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False, sep=";")
    message = refused(capsys, tmp_path / "cache", str(path))
    assert f"t.csv, row 6: column '{column}' is '{value}'" in message
    assert "(decimal comma; expected a point)" in message


def test_text_with_a_comma_is_no_decimal_comma(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = table(shuffled=False).astype({"confidence": str})
    frame.loc[0, "confidence"] = "high,low"
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False, sep=";")
    assert "decimal comma" not in refused(capsys, tmp_path / "cache", str(path))


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("confidence", "97.5", "percent? divide by 100"),
        ("confidence", "nan", "'confidence' is nan"),
        ("confidence", "-0.1", "expected a fraction from 0 to 1"),
        ("true_confidence", "high", "'true_confidence' is 'high'"),
        ("true_rank", "2.5", "'true_rank' is 2.5"),
        ("true_rank", "7", "'true_rank' is 7"),
    ],
)
def test_a_value_out_of_range(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], column: str, value: str, expected: str
) -> None:
    frame = table(shuffled=False).astype({column: str})
    frame.loc[4, column] = value
    message = refused(capsys, tmp_path / "cache", write(frame, tmp_path / "t.csv"))
    assert f"t.csv, row 6: column '{column}'" in message
    assert expected in message


def test_a_rank_that_contradicts_its_prediction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = table(shuffled=False)
    right = int(np.flatnonzero(frame["prediction"] == frame["label"])[0])
    frame.loc[right, "true_rank"] = 1
    message = refused(capsys, tmp_path / "cache", write(frame, tmp_path / "t.parquet"))
    assert f"t.parquet, row {right + 1}: column 'true_rank' is 1; expected 0 exactly" in message


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['{"image_id": 0, "label": 0'], "row 1 is not JSON"),
        (["[1, 2]"], "not a JSON object"),
        (['{"image_id": 0, "label": [0], "seed": 0, "variant_id": "dense", "prediction": 0}'],
         "row 1: column 'label' holds list"),
        (['{"image_id": 0, "label": 0, "seed": 0, "variant_id": "dense", "prediction": {"a": 1}}'],
         "single-label"),
        (["[" * 100_000], "t.jsonl"),
        (['{"image_id": 0, "label": 0, "seed": 0, "variant_id": "dense", "prediction": 0.5}'],
         "'prediction' is 0.5"),
    ],
)  # fmt: skip
def test_json_lines_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[str], expected: str
) -> None:
    path = write_text(tmp_path / "t.jsonl", "\n".join(lines))
    assert expected in refused(capsys, tmp_path / "cache", path)


def test_mixed_types_in_json_lines_name_the_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = {"image_id": 0, "label": "cat", "seed": 0, "variant_id": "dense", "prediction": 1}
    path = write_text(tmp_path / "t.jsonl", json.dumps(record))
    message = refused(capsys, tmp_path / "cache", path)
    assert "column 'label' is the name 'cat'" in message
    assert "column 'prediction' the number 1" in message


def test_parquet_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = tmp_path / "cache"
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    assert "t.parquet cannot be read as Parquet" in refused(capsys, cache, str(path))
    plain = table()
    lists = plain.assign(prediction=[[one] for one in plain["prediction"]])
    assert "single-label" in refused(capsys, cache, write(lists, path))
    floats = plain.assign(label=plain["label"] + 0.25)
    assert "not quantities" in refused(capsys, cache, write(floats, path))
    gone = plain.astype({"label": "float"})
    gone.loc[5, "label"] = np.nan
    assert "t.parquet, row 6: column 'label'" in refused(capsys, cache, write(gone, path))
    huge = pa.Table.from_pandas(plain, preserve_index=False).set_column(
        0, "image_id", pa.array([2**64 - 1] * len(plain), pa.uint64())
    )
    pq.write_table(huge, path)
    assert "column 'image_id'" in refused(capsys, cache, str(path))


def _scores(folder: Path, name: str = "dense__seed-0.npz", **parts: np.ndarray) -> str:
    given = {"logits": np.full((4, 3), 2, np.float32), "labels": np.zeros(4, np.int64)} | parts
    kept = {key: value for key, value in given.items() if value is not None}
    np.savez(folder / name, **kept)
    return str(folder / name)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"logits": None}, "no 'logits' or 'probabilities'"),
        ({"labels": None}, "no 'labels'; it has logits; --map labels=THEIRS"),
        ({"probabilities": np.full((4, 3), 1 / 3)}, "both 'logits' and 'probabilities'"),
        ({"logits": np.ones((4, 3, 2))}, "has the shape (4, 3, 2)"),
        ({"logits": np.ones((5, 3))}, "4 labels and 5 rows"),
        ({"logits": np.array([["a"] * 3] * 4)}, "expected numbers"),
        ({"logits": np.array([[None] * 3] * 4, object)}, "never unpickled"),
        ({"logits": np.ones((4, 3))}, "'logits' lie in 0..1 and do not sum to 1 (off by up to 2)"),
        ({"logits": None, "probabilities": np.ones((4, 3))}, "--scores logits"),
        ({"logits": None, "probabilities": np.full((4, 3), 3.0)}, "go from 3 to 3; --scores"),
        ({"labels": np.zeros((4, 3))}, "single-label"),
        ({"labels": np.full(4, 3)}, "column 'label' is class 3"),
        ({"labels": np.full(4, 0.5)}, "column 'label' is 0.5"),
        ({"logits": np.asfortranarray(np.random.default_rng(0).random((4, 3)))}, "Fortran order"),
    ],
)
def test_npz_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], parts: dict, expected: str
) -> None:
    message = refused(capsys, tmp_path / "cache", _scores(tmp_path, **parts))
    assert expected in message
    assert "dense__seed-0.npz" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (HEAD.encode() + b"0,caf\xe9,0,dense,caf\xe9\n", "t.csv, row 2: its text is not UTF-8"),
        (b"PAR1\0\0\0PAR1", "t.csv: its content is Parquet"),
        (b"PK\x03\x04\0\0", "t.csv: its content is a ZIP file"),
        (gzip.compress(HEAD.encode() * 50)[:30], "t.csv: its gzip is cut off"),
        (
            gzip.compress(HEAD.encode() + b"0,0,0,dense,0\n" * 99_999)[:-8] + b"\0" * 8,
            "t.csv: its gzip is cut off or damaged",
        ),
        (
            gzip.compress(HEAD.encode() + b"0,0,0,dense,0\n" * 99_999)[:-2000],
            "t.csv: its gzip is cut off",
        ),
    ],
    ids=["latin-1", "parquet", "zip", "header cut", "checksum", "rows cut"],
)
def test_files_of_another_kind_and_damaged_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, expected: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    assert expected in refused(capsys, tmp_path / "cache", str(path))


def test_names_that_are_no_label_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = HEAD + "0,cat,0,dense,cat\n1,dog,0,dense,hound\n"
    path = write_text(tmp_path / "t.csv", text)
    assert main(["import", path, "--name", "mine", "--cache", str(tmp_path / "cache")]) == 0
    said = capsys.readouterr().out
    assert "imported 1 run of 1 variant on 2 images of 3 classes; 1 run in" in said
    assert "1 of 3 class names are predicted but label no image: 'hound'" in said


def test_names_of_npz_say_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = tmp_path / "cache"
    message = refused(capsys, cache, _scores(tmp_path, "dense.npz"))
    assert "expected a name with the run, such as magnitude-0.90__seed-0.npz" in message
    assert "variant_id '..x'" in refused(capsys, cache, _scores(tmp_path, "..x__seed-0.npz"))


def test_npz_that_says_more_than_it_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "dense__seed-0.npz"
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 1000), }\n"
    with zipfile.ZipFile(path, "w") as archive:
        size = len(header).to_bytes(2, "little")
        archive.writestr("logits.npy", b"\x93NUMPY\x01\x00" + size + header)
        archive.writestr("labels.npy", b"")
    assert "but another number of bytes" in refused(capsys, tmp_path / "cache", str(path))


def test_files_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = tmp_path / "cache"
    assert "no such file" in refused(capsys, cache, str(tmp_path / "no.csv"))
    assert "no file matches" in refused(capsys, cache, str(tmp_path / "no-*.csv"))
    (tmp_path / "dir.csv").mkdir()
    assert "is a folder" in refused(capsys, cache, str(tmp_path / "dir.csv"))
    (tmp_path / "p.pkl").write_bytes(b"\x80\x04.")
    assert "pickles" in refused(capsys, cache, str(tmp_path / "p.pkl"))
    (tmp_path / "t.parquet.gz").write_bytes(b"\x1f\x8b")
    assert "unpack the .gz" in refused(capsys, cache, str(tmp_path / "t.parquet.gz"))
    path = write_text(tmp_path / "u.csv", table().to_csv(index=False), encoding="utf-16")
    assert "UTF-16" in refused(capsys, cache, path)
    os.mkfifo(tmp_path / "pipe.csv")
    assert "named pipe" in refused(capsys, cache, str(tmp_path / "pipe.csv"))


def test_text_that_is_cut_off_or_no_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Path(write_text(tmp_path / "t.csv.gz", table().to_csv(index=False)))
    whole.write_bytes(whole.read_bytes()[:-200])
    assert "t.csv.gz: its gzip is cut off" in refused(capsys, tmp_path / "cache", str(whole))
    bad = tmp_path / "b.csv"
    bad.write_bytes(HEAD.encode() + b"0,\xff\xfe,0,dense,0\n")
    assert "b.csv, row 2: its text is not UTF-8" in refused(capsys, tmp_path / "cache", str(bad))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--map", "label"), "expected OURS=THEIRS"),
        (("--map", "lable=truth"), "unknown column 'lable'"),
        (("--map", "label=a", "--map", "label=b"), "mapped to 'a' already"),
        (("--map", "label=truth"), "has no column 'truth'"),
        (("--classes", "0"), "--classes 0"),
        (("--images", "folder:/nowhere"), "/nowhere"),
        (("--images", "nonsense"), "unknown kind"),
    ],
)
def test_options_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], expected: str
) -> None:
    path = write(table(), tmp_path / "t.csv")
    assert expected in refused(capsys, tmp_path / "cache", path, options=options)


def test_a_class_may_be_named_in_brackets(tmp_path: Path) -> None:
    rows = "".join(f"{i},(unknown),0,dense,[none of these]\n" for i in range(4))
    folder = imported(tmp_path / "cache", write_text(tmp_path / "t.csv", HEAD + rows))
    assert folder.manifest().class_names == ["(unknown)", "[none of these]"]


def test_labels_that_differ_between_files_name_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = table(shuffled=False)
    dense, other = (frame[frame["variant_id"] == v] for v in ("dense", "magnitude-0.90"))
    other = other.assign(label=(other["label"] + (other["image_id"] == 7)) % 5)
    files = [write(dense, tmp_path / "a.csv"), write(other, tmp_path / "b.parquet")]
    message = refused(capsys, tmp_path / "cache", *files)
    assert "b.parquet, row 8: column 'label' of image 7" in message
    assert "a.csv, row 9" in message


def test_a_run_in_a_table_and_in_npz(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write(table(), tmp_path / "t.csv"), *write_scores(tmp_path / "npz")]
    assert "the run dense, seed 0 is in" in refused(capsys, tmp_path / "cache", *files)


def test_npz_of_different_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [
        _scores(tmp_path),
        _scores(tmp_path, "m__seed-0.npz", logits=np.full((4, 5), 2, np.float32)),
    ]
    assert "5 classes (columns)" in refused(capsys, tmp_path / "cache", *files)
    message = refused(capsys, tmp_path / "cache", files[0], options=("--classes", "9"))
    assert "has 3 classes, and --classes 9" in message


def test_more_classes_than_labels_are_said(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"image_id": [0, 1], "label": [0, 1], "seed": 0, "variant_id": "dense",
         "prediction": [0, 7]}
    )  # fmt: skip
    command = ["import", write(frame, tmp_path / "t.csv"), "--name", "mine", "--classes", "10"]
    assert main([*command, "--cache", str(tmp_path / "cache")]) == 0
