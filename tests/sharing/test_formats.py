"""Each format read back, with hostile names and missing pictures too."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from analysis import schema
from analysis.datasets.registry import open_dataset
from analysis.errors import UserError
from analysis.export import Chosen, choose, share, share_bytes, sharing_format
from analysis.export.contact_sheet import A4, COLUMNS, class_text, cut, cut_pair, font, n_pages
from analysis.export.fiftyone import field_name
from analysis.export.hugging_face import _yaml
from analysis.results import SweepResults, load_sweep
from tests.sharing.conftest import HOSTILE, VARIANT, ids, without_pictures
from tests.synthetic import listed, make_sweep, thumbnail

PICTURE_FORMATS = ("hugging-face", "fiftyone")


@pytest.fixture
def no_pictures(tmp_path: Path) -> SweepResults:
    folder = make_sweep(tmp_path, n_images=60, seeds=2)
    without_pictures(folder, list(range(60)))
    return load_sweep("made", cache=tmp_path)


# --- contact sheets ---------------------------------------------------------------------------
def n_pdf_pages(content: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", content))


@pytest.mark.parametrize(("n", "expected"), [(1, 1), (36, 1), (37, 2), (120, 4)])
def test_a_pdf_has_a_page_for_every_36_images(plain: SweepResults, n: int, expected: int) -> None:
    content = share_bytes(Chosen(plain, VARIANT, np.arange(n)), sharing_format("contact-sheet-pdf"))
    assert content.startswith(b"%PDF")
    assert n_pdf_pages(content) == n_pages(n) == expected


def sheet(results: SweepResults, image_ids: np.ndarray) -> Image.Image:
    content = share_bytes(
        Chosen(results, VARIANT, image_ids, "chosen by <hand>"), sharing_format("contact-sheet-png")
    )
    return Image.open(io.BytesIO(content), formats=["PNG"])


def test_a_png_is_as_wide_as_a4_and_as_long_as_it_takes(plain: SweepResults) -> None:
    one_row, two_rows = (sheet(plain, np.arange(n)) for n in (COLUMNS, COLUMNS + 1))
    assert one_row.width == two_rows.width == A4[0]
    assert 200 < two_rows.height - one_row.height < 500


def test_the_pictures_are_on_the_sheet_enlarged_in_whole_pixels(plain: SweepResults) -> None:
    shown = np.asarray(sheet(plain, ids(5)).convert("L"))
    small = np.asarray(Image.open(io.BytesIO(thumbnail(5))))
    factor = 14
    large = small.repeat(factor, 0).repeat(factor, 1)
    rows, columns = np.nonzero(shown[:400] == large[0, 0])
    found = any(
        np.array_equal(shown[y : y + len(large), x : x + len(large)], large)
        for y, x in zip(rows, columns, strict=True)
    )
    assert found


def test_too_many_images_are_refused_in_words(tmp_path: Path) -> None:
    make_sweep(tmp_path, n_images=300, seeds=2)
    many = Chosen(load_sweep("made", cache=tmp_path), VARIANT, np.arange(241))
    with pytest.raises(UserError, match="takes 240 images at most and 241 are chosen: a longer"):
        share_bytes(many, sharing_format("contact-sheet-png"))


def test_hostile_names_and_missing_pictures_do_not_stop_a_sheet(
    hostile: SweepResults, no_pictures: SweepResults
) -> None:
    for results in (hostile, no_pictures):
        shown = np.asarray(sheet(results, np.arange(40)))
        assert shown.shape[1] == A4[0]
        # Nothing runs over the margin.
        assert (shown[:, -60:] == 255).all()


def test_text_is_cut_to_its_room() -> None:
    letters = font(20)
    for name in HOSTILE:
        line = class_text(name, 3)
        assert letters.getlength(cut(line, letters, 225)) <= 225
        for other in HOSTILE:
            pair = cut_pair(line, class_text(other, 4), " → ", letters, 225)
            assert letters.getlength(pair) <= 226
    assert cut("short", letters, 225) == "short"
    assert cut("long " * 60, letters, 225).endswith("…")


def test_names_that_cannot_be_drawn_get_their_number() -> None:
    assert class_text("猫 😀", 6) == "#6"
    assert class_text("cat 😀", 2) == "#2 cat"
    assert class_text("Überraschung", 2) == "Überraschung"
    assert class_text("two\nlines", 2) == "two lines"


# --- Hugging Face -----------------------------------------------------------------------------
@pytest.mark.parametrize("which", ["plain", "hostile"])
def test_the_parquet_folder_is_read_by_our_own_loader(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    results = request.getfixturevalue(which)
    chosen = Chosen(results, VARIANT, choose(results, VARIANT, population="all"))
    share(chosen, sharing_format("hugging-face"), tmp_path / "out")
    whole = open_dataset(f"parquet:{tmp_path / 'out'}").whole
    assert whole is not None
    assert list(open_dataset(f"parquet:{tmp_path / 'out'}").class_names) == results.class_names
    assert whole.labels.tolist() == results.label[chosen.image_ids].tolist()
    assert whole.metadata["meta_image_id"].tolist() == chosen.image_ids.tolist()


def test_the_schema_says_image_and_class_names(hostile: SweepResults, tmp_path: Path) -> None:
    chosen = Chosen(hostile, VARIANT, ids(4, 2, 9))
    names = share(chosen, sharing_format("hugging-face"), tmp_path / "out")
    assert names == ["data/test-00000-of-00001.parquet", "README.md"]
    table = pq.read_table(tmp_path / "out" / names[0])
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["label"] == {"names": list(HOSTILE), "_type": "ClassLabel"}
    assert list(features) == table.column_names
    assert table["label"].to_pylist() == hostile.label[[4, 2, 9]].tolist()
    pictures = table["image"].to_pylist()
    assert [one["bytes"] for one in pictures] == [thumbnail(i) for i in (4, 2, 9)]
    assert pictures[0]["path"] == "000004.png"


def test_many_images_are_several_files(
    plain: SweepResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.export.hugging_face._SHARD", 50)
    share(Chosen(plain, VARIANT, np.arange(120)), sharing_format("hugging-face"), tmp_path / "o")
    files = sorted((tmp_path / "o" / "data").iterdir())
    assert [file.name for file in files][-1] == "test-00002-of-00003.parquet"
    found = [i for file in files for i in pq.read_table(file)["image_id"].to_pylist()]
    assert found == list(range(120))


def test_the_card_quotes_whatever_a_name_holds(hostile: SweepResults, tmp_path: Path) -> None:
    share(Chosen(hostile, VARIANT, ids(1)), sharing_format("hugging-face"), tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\n")
    head = card.split("---\n")[1]
    # One line a name, so that no name ends the card's head or becomes a key.
    assert all(
        re.fullmatch(r"[ \-]*('?[\w]+'?: ?.*|image-classification)", line)
        for line in head.splitlines()
    )
    assert _yaml('a"\\\n\x7f') == '"a\\"\\\\\\U0000000a\\U0000007f"'


# --- FiftyOne ---------------------------------------------------------------------------------
def test_the_fiftyone_folder_names_its_pictures_and_labels(
    hostile: SweepResults, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    chosen = Chosen(hostile, VARIANT, choose(hostile, VARIANT))
    share(chosen, sharing_format("fiftyone"), out)
    samples = json.loads((out / "samples.json").read_text())["samples"]
    about = json.loads((out / "metadata.json").read_text())
    assert "version" not in about
    field = about["info"]["variant_field"]
    assert field == "magnitude_0_90"
    table = hostile.images(VARIANT).iloc[chosen.image_ids]
    assert [s["image_id"] for s in samples] == chosen.image_ids.tolist()
    for sample, (_, row) in zip(samples, table.iterrows(), strict=True):
        assert (out / sample["filepath"]).read_bytes() == thumbnail(row["image_id"])
        assert not Path(sample["filepath"]).is_absolute()
        for name, column in (
            ("ground_truth", "label"), ("dense", "dense_modal_label"), (field, "modal_label"),
        ):  # fmt: skip
            assert sample[name]["_cls"] == "Classification"
            assert sample[name]["label"] == hostile.class_names[row[column]]
        assert sample["dense"]["confidence"] == pytest.approx(row["dense_confidence"])
        assert sample["tags"][:2] == ["pie", row["kind"]]


def test_field_names_are_letters_digits_and_underscores() -> None:
    assert field_name("magnitude-0.90+int8-static") == "magnitude_0_90_int8_static"
    assert field_name("8bit") == "variant_8bit"
    assert field_name("tags") == "variant_tags"


@pytest.mark.parametrize("name", PICTURE_FORMATS)
def test_formats_of_pictures_refuse_images_that_have_none(
    no_pictures: SweepResults, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match="none of the chosen images has a picture"):
        share(Chosen(no_pictures, VARIANT, ids(1, 2)), sharing_format(name), out)
    assert not out.exists()


def test_images_without_a_picture_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path, n_images=60, seeds=2)
    without_pictures(folder, [7])
    chosen = Chosen(load_sweep("made", cache=tmp_path), VARIANT, ids(6, 7, 8))
    share(chosen, sharing_format("hugging-face"), tmp_path / "hf")
    table = pq.read_table(tmp_path / "hf" / "data")
    assert table["image_id"].to_pylist() == [6, 8]
    assert "1 of the chosen images" in (tmp_path / "hf" / "README.md").read_text()
    share(chosen, sharing_format("fiftyone"), tmp_path / "fo")
    assert len(json.loads((tmp_path / "fo" / "samples.json").read_text())["samples"]) == 2
    assert "1 images without a picture" in (tmp_path / "fo" / "README.txt").read_text()


# --- label cleaning ---------------------------------------------------------------------------
def cleaned(results: SweepResults, image_ids: np.ndarray) -> pd.DataFrame:
    content = share_bytes(Chosen(results, VARIANT, image_ids), sharing_format("label-cleaning"))
    return pd.read_csv(io.BytesIO(content), keep_default_na=False)


def test_the_worst_label_comes_first_with_its_formula(plain: SweepResults) -> None:
    table = cleaned(plain, np.arange(120))
    assert table["rank"].tolist() == list(range(1, 121))
    assert table["label_quality"].is_monotonic_increasing
    dense = plain.population("dense")
    true = np.where(
        dense.prediction == plain.label, dense["confidence"], (1 - dense["confidence"]) / 2
    ).mean(axis=0)
    images = plain.images(VARIANT)
    for row in table.itertuples():
        i = row.image_id
        modal = images["dense_modal_label"][i]
        assert row.label_quality == pytest.approx(float(true[i]), abs=1e-6)
        assert row.given_label == plain.class_names[plain.label[i]]
        assert row.predicted_label == plain.class_names[modal]
        assert row.is_label_issue == (modal != plain.label[i])
        assert row.suggested_label == (row.predicted_label if row.is_label_issue else "")
        says = dense.prediction[:, i] == modal
        assert row.predicted_share == pytest.approx(says.mean())
        assert row.predicted_confidence == pytest.approx(dense["confidence"][says, i].mean())


def test_without_probabilities_votes_are_counted(tmp_path: Path) -> None:
    make_sweep(tmp_path, n_images=60, seeds=3)
    results = load_sweep("made", cache=tmp_path)
    for seed in range(3):
        path = results.folder.prediction_path("dense", seed)
        table = pq.read_table(path)
        place = table.column_names.index(schema.TRUE_CONFIDENCE)
        unknown = np.full(60, np.nan, np.float32)
        pq.write_table(table.set_column(place, schema.TRUE_CONFIDENCE, [unknown]), path)
    listed(results.folder)
    results = load_sweep("made", cache=tmp_path)
    table = cleaned(results, np.arange(60))
    assert set(table["label_quality_source"]) == {"votes"}
    expected = results.images(VARIANT)["dense_accuracy"].to_numpy()[table["image_id"]]
    assert table["label_quality"].to_numpy() == pytest.approx(expected)


def test_no_cell_of_the_label_table_starts_a_formula(hostile: SweepResults) -> None:
    chosen = Chosen(hostile, VARIANT, np.arange(120))
    text = share_bytes(chosen, sharing_format("label-cleaning")).decode()
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert any(cell.startswith("'=cmd") for cell in cells)


# --- all of them ------------------------------------------------------------------------------
def test_a_zip_from_the_browser_holds_what_the_folder_does(
    plain: SweepResults, tmp_path: Path
) -> None:
    for name in ("zip", *PICTURE_FORMATS):
        one, chosen = sharing_format(name), Chosen(plain, VARIANT, ids(3, 1))
        share(chosen, one, tmp_path / name)
        archive = zipfile.ZipFile(io.BytesIO(share_bytes(chosen, one)))
        for entry in archive.namelist():
            assert archive.read(entry) == (tmp_path / name / entry).read_bytes()
