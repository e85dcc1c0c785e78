"""Tables as files."""

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest

from analysis.errors import RunError, UserError
from analysis.store.tabular import to_csv, write_table

FRAME = pd.DataFrame(
    {
        "variant_id": ["magnitude-0.90", "int8-static"],
        "share": [0.1 + 0.2, np.nan],
        "delta": [-1 / 3, 1e-17],
        "n": [3, 4],
        "is_pie": [True, False],
        "kind": ["", None],
    }
)


def rows(frame):
    return list(csv.reader(io.StringIO(to_csv(frame))))


def test_numbers_keep_full_precision():
    read = pd.read_csv(io.StringIO(to_csv(FRAME)), float_precision="round_trip")
    assert read["share"][0] == 0.1 + 0.2
    assert read["delta"].tolist() == [-1 / 3, 1e-17]


def test_null_is_empty_and_booleans_are_words():
    header, _, second = rows(FRAME)
    found = dict(zip(header, second, strict=True))
    assert found["share"] == found["kind"] == ""
    assert found["is_pie"] == "False"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", '=cmd|"x"!A1'])
def test_text_a_spreadsheet_would_run_gets_an_apostrophe(text):
    frame = pd.DataFrame({"class_name": ["plain", text], text: [1, 2]})
    header, *cells = rows(frame)
    assert header[1] == f"'{text}"
    assert cells[1][0] == f"'{text}"
    assert cells[0][0] == "plain"


def test_text_in_categories_and_mixed_columns_is_made_safe_too():
    frame = pd.DataFrame(
        {"a": pd.Categorical(["=x", "y"]), "b": pd.Series([-1, "-x"], dtype=object)}
    )
    assert rows(frame)[1:] == [["'=x", "-1"], ["y", "'-x"]]


def test_negative_numbers_are_left_alone():
    assert rows(pd.DataFrame({"t": [-2.5], "n": [-3]}))[1] == ["-2.5", "-3"]


def test_the_frame_itself_is_left_alone():
    frame = pd.DataFrame({"class_name": ["=x"]})
    to_csv(frame)
    assert frame["class_name"][0] == "=x"


def test_commas_quotes_and_line_breaks_survive():
    text = 'a,"b"\nc'
    assert rows(pd.DataFrame({"class_name": [text]}))[1] == [text]


def test_an_empty_table_has_its_header():
    assert to_csv(FRAME.iloc[:0]).strip() == ",".join(FRAME.columns)


def test_csv_files_are_utf8_with_plain_line_ends(tmp_path):
    write_table(pd.DataFrame({"class_name": ["né", "猫"]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == "class_name\nné\n猫\n".encode()


def test_parquet_keeps_types_and_json_values(tmp_path):
    write_table(FRAME, tmp_path / "t.parquet")
    write_table(FRAME, tmp_path / "t.json")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), FRAME)
    first, second = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert first["is_pie"] is True
    assert second["share"] is None
    assert first["share"] == pytest.approx(0.3, abs=1e-14)


@pytest.mark.parametrize("name", ["t.xlsx", "t", "t.csv.gz"])
def test_another_suffix_is_refused_with_those_there_are(tmp_path, name):
    with pytest.raises(UserError, match=r"\.csv, \.parquet or \.json"):
        write_table(FRAME, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        write_table(FRAME, tmp_path / "none" / "t.csv")


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    path.write_bytes(b"old")

    def half(_self, where, **_options):
        where.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", half)
    with pytest.raises(RunError, match="No space left"):
        write_table(FRAME, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
