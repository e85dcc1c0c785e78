"""``labels.csv`` and ``metadata.csv`` beside images: joined, or a class for each, or a reason."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from analysis.datasets import open_dataset
from analysis.datasets.base import Dataset
from analysis.errors import UserError


def _tree(root: Path, *paths: str) -> Path:
    for i, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 6), (i, i, i)).save(root / path, "PNG")
    return root


def _classes(root: Path) -> Path:
    return _tree(root, *(f"{name}/{i}.png" for name in "ab" for i in range(4)))


def _column(dataset: Dataset, name: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for split in (dataset.train, dataset.test):
        assert split.metadata is not None
        found |= dict(zip(split.paths or (), split.metadata[name], strict=True))
    return found


def _reasons(dataset: Dataset) -> dict[str, str]:
    return {entry["file"]: entry["reason"] for entry in dataset.left_out}


@pytest.mark.parametrize("column", ["path", "file_name", "filename", "image"])
def test_columns_of_a_table_become_meta_columns_whatever_the_file_column_is_called(
    tmp_path: Path, column: str
) -> None:
    root = _classes(tmp_path)
    rows = [f"{name}/{i}.png,{i},old {name}" for name in "ab" for i in range(4)]
    (root / "metadata.csv").write_text("\n".join([f"{column},age,kind", *rows]))
    dataset = open_dataset(f"folder:{root}")
    assert dataset.class_names == ("a", "b")
    assert _column(dataset, "meta_age")["b/3.png"] == 3
    assert _column(dataset, "meta_kind")["a/0.png"] == "old a"
    assert dataset.left_out == ()
    assert dataset.notes == ()


def test_rows_without_a_file_and_files_without_a_row_are_said(tmp_path: Path) -> None:
    root = _classes(tmp_path)
    (root / "labels.csv").write_text(
        "path,age\na/0.png,1\ngone.png,2\n./a\\1.png,3\na/0.png,4\n,5\n"
    )
    dataset = open_dataset(f"folder:{root}")
    ages = _column(dataset, "meta_age")
    assert (ages["a/0.png"], ages["a/1.png"]) == (1, 3)
    assert all(pd.isna(age) for path, age in ages.items() if path > "a/1.png")
    assert _reasons(dataset) == {
        "gone.png": "labels.csv, row 3: names no usable file",
        "a/0.png": "labels.csv, row 5: a second row of this file",
        "labels.csv": "labels.csv, row 6: names no usable file",
    }
    assert dataset.notes == ("6 files have no row in labels.csv: a/2.png, a/3.png, b/0.png, …",)


def test_without_class_folders_the_label_column_says_the_classes(tmp_path: Path) -> None:
    root = _tree(tmp_path, *(f"images/{i}.png" for i in range(9)))
    rows = [f"images/{i}.png,{'NA' if i % 2 else '007'},{i}" for i in range(8)]
    (root / "labels.csv").write_text("\n".join(["file_name,label,age", *rows, "images/x.png,NA,1"]))
    dataset = open_dataset(f"folder:{root}")
    assert dataset.class_names == ("007", "NA")
    labels = {
        path: dataset.class_names[label]
        for split in (dataset.train, dataset.test)
        for path, label in zip(split.paths or (), split.labels, strict=True)
    }
    assert labels == {f"images/{i}.png": "NA" if i % 2 else "007" for i in range(8)}
    assert dataset.train.metadata is not None
    assert list(dataset.train.metadata) == ["meta_age"]
    assert _reasons(dataset) == {
        "images/8.png": "has no label in labels.csv",
        "images/x.png": "labels.csv, row 10: names no usable file",
    }


def test_class_folders_win_over_a_label_column_which_stays_beside(tmp_path: Path) -> None:
    root = _classes(tmp_path)
    (root / "labels.csv").write_text("path,label\na/0.png,zebra\n")
    dataset = open_dataset(f"folder:{root}")
    assert dataset.class_names == ("a", "b")
    assert _column(dataset, "meta_label")["a/0.png"] == "zebra"
    assert dataset.notes[0].startswith("classes come from the folders")


def test_each_split_may_have_its_own_table(tmp_path: Path) -> None:
    root = _tree(tmp_path, *(f"{split}/{i}.png" for split in ("train", "test") for i in range(4)))
    for split in ("train", "test"):
        rows = [f"{i}.png,{'even' if i % 2 == 0 else 'odd'},{split}" for i in range(4)]
        (root / split / "metadata.csv").write_text("\n".join(["file_name,label,origin", *rows]))
    _tree(root, "other/0.png")
    dataset = open_dataset(f"folder:{root}")
    assert dataset.class_names == ("even", "odd")
    assert dataset.test.labels.tolist() == [0, 0, 1, 1]
    assert set(_column(dataset, "meta_origin").values()) == {"train", "test"}
    assert _reasons(dataset) == {"other/0.png": "lies outside train/ and test/"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a usable table: No columns"),
        (b"name,age\nx,1\n", "none of its columns is path, file_name"),
        (b"path,age\na/0.png,1,2,3\n", "not a usable table"),
        (b"path,age\n\xff\xfe,1\n", "not a usable table"),
    ],
)
def test_a_table_that_cannot_be_used_is_left_out_and_the_images_are_not(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    root = _classes(tmp_path)
    (root / "labels.csv").write_bytes(content)
    dataset = open_dataset(f"folder:{root}")
    assert len(dataset.train) + len(dataset.test) == 8
    assert reason in _reasons(dataset)["labels.csv"]


def test_without_classes_the_message_names_the_table_that_was_no_use(tmp_path: Path) -> None:
    root = _tree(tmp_path, "0.png", "1.png")
    (root / "labels.csv").write_text("name,label\n0.png,a\n1.png,b\n")
    with pytest.raises(UserError, match=r"labels.csv is not a usable table"):
        open_dataset(f"folder:{root}")


def test_a_link_to_another_folder_is_a_class_and_a_link_back_is_not(tmp_path: Path) -> None:
    root = _tree(tmp_path / "data", "a/0.png", "a/1.png")
    _tree(tmp_path / "elsewhere", "0.png", "1.png")
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (root / "c").symlink_to(root / "a")
    (tmp_path / "elsewhere" / "up").symlink_to(tmp_path)
    dataset = open_dataset(f"folder:{root}")
    assert dataset.class_names == ("a", "b")
    assert set(_reasons(dataset)) == {"c", "b/up"}
