import io
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.export import Chosen, choose, formats, share, share_bytes, sharing_format
from analysis.export.selection import suffix_of
from analysis.results import SweepResults, load_sweep
from tests.sharing.conftest import VARIANT, ids, without_pictures
from tests.synthetic import make_sweep, thumbnail

ZIP = sharing_format("zip")


def opened(chosen: Chosen) -> tuple[zipfile.ZipFile, pd.DataFrame]:
    archive = zipfile.ZipFile(io.BytesIO(share_bytes(chosen, ZIP)))
    assert archive.testzip() is None
    return archive, pd.read_csv(archive.open("images.csv"), keep_default_na=False)


def test_the_zip_holds_each_picture_and_its_row_in_the_order_given(plain: SweepResults) -> None:
    archive, table = opened(Chosen(plain, VARIANT, ids(7, 3, 99), "three of them"))
    assert table["image_id"].tolist() == [7, 3, 99]
    expected = plain.images(VARIANT).iloc[[7, 3, 99]]
    assert table["vote_distance"].tolist() == expected["vote_distance"].tolist()
    for row in table.itertuples():
        assert archive.read(row.file) == thumbnail(row.image_id)
        assert plain.class_names[row.label] == row.label_name
    about = archive.read("README.txt").decode()
    for fact in ("made", VARIANT, "confidence", "three of them", "4 dense"):
        assert fact in about


def test_hostile_names_reach_no_file_name_and_start_no_formula(hostile: SweepResults) -> None:
    archive, table = opened(Chosen(hostile, VARIANT, np.arange(120)))
    for name in archive.namelist():
        path = PurePosixPath(name)
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert str(path) in {"images.csv", "README.txt"} or (
            path.parent == PurePosixPath("images") and path.stem.isdigit()
        )
    text = table.select_dtypes(exclude="number")
    assert not any(str(v).startswith(tuple("=+-@")) for v in text.to_numpy().ravel())
    assert not any(name.startswith("=") for name in table.columns)
    assert set(table["label_name"].str.removeprefix("'")) == set(hostile.class_names)


def test_an_image_without_a_picture_has_a_row_and_no_file(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path, n_images=60, seeds=2)
    without_pictures(folder, [3])
    archive, table = opened(Chosen(load_sweep("made", cache=tmp_path), VARIANT, ids(3, 4)))
    assert table["file"].tolist() == ["", "images/000004.png"]
    assert "1 of 2" in archive.read("README.txt").decode()


def test_one_run_a_variant_is_enough(tmp_path: Path) -> None:
    make_sweep(tmp_path, n_images=60, seeds=1)
    results = load_sweep("made", cache=tmp_path)
    _, table = opened(Chosen(results, VARIANT, choose(results, VARIANT)))
    assert len(table) == int(results.images(VARIANT)["is_pie"].sum()) > 0


@pytest.mark.parametrize("name", formats())
def test_nothing_chosen_is_told_and_nothing_written(
    plain: SweepResults, tmp_path: Path, name: str
) -> None:
    one = sharing_format(name)
    with pytest.raises(UserError, match="no image is chosen"):
        share(Chosen(plain, VARIANT, ids()), one, tmp_path / f"out{one.suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", formats())
def test_the_same_images_give_the_same_bytes(plain: SweepResults, name: str) -> None:
    one = sharing_format(name)
    made = {share_bytes(Chosen(plain, VARIANT, ids(5, 1)), one) for _ in range(2)}
    assert len(made) == 1


@pytest.mark.parametrize(
    ("image_ids", "message"), [((1, 120), "image 120"), ((-1,), "image -1"), ((4, 4), "twice")]
)
def test_images_that_are_not_there_are_named(
    plain: SweepResults, image_ids: tuple[int, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Chosen(plain, VARIANT, ids(*image_ids))


def test_dense_and_unknown_variants_are_refused(plain: SweepResults) -> None:
    for variant in ("dense", "magnitude-0.12"):
        with pytest.raises(UserError, match=variant):
            Chosen(plain, variant, ids(1))


def test_choosing_follows_the_pie_table(plain: SweepResults) -> None:
    pies = plain.pies(VARIANT)
    assert choose(plain, VARIANT).tolist() == pies["image_id"].tolist()
    some = choose(plain, VARIANT, kinds=["forgotten"], classes=["bee", "cat"])
    expected = pies[(pies["kind"] == "forgotten") & pies["label"].isin([1, 2])]
    assert some.tolist() == expected["image_id"].tolist()
    others = choose(plain, VARIANT, population="non-pies")
    assert len(others) + len(pies) == len(choose(plain, VARIANT, population="all")) == 120
    with pytest.raises(UserError, match="no class 'fox'; expected ant"):
        choose(plain, VARIANT, classes=["fox"])


def test_a_zip_is_whole_or_not_there(
    plain: SweepResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.zip"
    out.write_bytes(b"before")
    monkeypatch.setattr("analysis.export.archive.to_csv", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        share(Chosen(plain, VARIANT, ids(1, 2)), ZIP, out)
    with pytest.raises(ZeroDivisionError):
        share(Chosen(plain, VARIANT, ids(1, 2)), ZIP, tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["out.zip"]
    assert out.read_bytes() == b"before"


def test_a_folder_with_content_is_left_alone(plain: SweepResults, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        share(Chosen(plain, VARIANT, ids(1)), ZIP, tmp_path)
    names = share(Chosen(plain, VARIANT, ids(1)), ZIP, tmp_path / "new")
    assert (tmp_path / "new" / names[0]).read_bytes() == thumbnail(1)


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (thumbnail(1), "png"),
        (b"\xff\xd8\xff\xe0", "jpg"),
        (b"RIFF1234WEBPVP8", "webp"),
        (b"x", "bin"),
    ],
)
def test_the_suffix_is_that_of_the_content(content: bytes, suffix: str) -> None:
    assert suffix_of(content) == suffix
