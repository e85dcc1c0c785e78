"""Grey images of more than 8 bits have one scale for the whole dataset, never one an image."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from analysis.config import Shift
from analysis.datasets import open_dataset
from analysis.datasets.base import Dataset
from analysis.datasets.decode import UnusableImageError, upright
from analysis.errors import UserError
from analysis.shifts.inputs import open_natural


def ramp(top: float, side: int = 8) -> np.ndarray:
    return np.linspace(0, top, side * side).reshape(side, side)


def save(values: np.ndarray, path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "png16":
        Image.fromarray(np.round(values).astype(np.uint16)).save(path.with_suffix(".png"))
    elif kind == "tiff16be":
        content = np.round(values).astype(">u2").tobytes()
        image = Image.frombytes("I;16B", values.shape[::-1], content)
        image.save(path.with_suffix(".tif"))
    elif kind == "int32":
        Image.fromarray(np.round(values).astype(np.int32)).save(path.with_suffix(".tif"))
    elif kind == "float":
        Image.fromarray(values.astype(np.float32)).save(path.with_suffix(".tif"))
    else:
        Image.fromarray(np.round(values).astype(np.uint8)).save(path.with_suffix(".png"))


def folder(root: Path, kind: str, tops: list[float]) -> Dataset:
    """Two classes, of each an image of every largest value."""
    for label in "ab":
        for i, top in enumerate(tops):
            save(ramp(top), root / label / f"{i}", kind)
    return open_dataset(f"folder:{root}")


def brightest(dataset: Dataset) -> dict[str, int]:
    found = {}
    for split in (dataset.train, dataset.test):
        for i, path in enumerate(split.paths or ()):
            found[path] = int(np.asarray(split.images[i].convert("L")).max())
    return found


@pytest.mark.parametrize("kind", ["png16", "tiff16be", "int32", "float"])
@pytest.mark.parametrize(
    ("largest", "scale"),
    [(200, 255), (256, 1023), (1023, 1023), (3_800, 4095), (4_096, 16_383), (60_000, 65_535)],
)
def test_one_scale_holds_the_largest_value(
    kind: str, largest: float, scale: float, tmp_path: Path
) -> None:
    dataset = folder(tmp_path, kind, [largest, 255, 100])
    names = sorted({name.rpartition("/")[2]: v for name, v in brightest(dataset).items()}.items())
    expected = [min(255, round(255 * top / scale)) for top in (largest, 255, 100)]
    assert [value for _, value in names] == expected
    (note,) = dataset.notes
    assert f"divided by {scale:,}" in note
    assert f"{max(largest, 255):,}" in note


def test_floats_from_0_to_1_keep_their_scale(tmp_path: Path) -> None:
    dataset = folder(tmp_path, "float", [0.94, 0.2, 1.0])
    assert sorted(brightest(dataset).values()) == [51, 51, 240, 240, 255, 255]
    assert "divided by 1 " in dataset.notes[0]


def test_a_scale_that_is_given_wins(tmp_path: Path) -> None:
    folder(tmp_path, "png16", [4_000, 1_000])
    dataset = open_dataset(f"folder:{tmp_path}", max_value=8_000)
    assert sorted(brightest(dataset).values()) == [32, 32, 128, 128]
    assert "divided by 8,000 (from --max-value;" in dataset.notes[0]
    assert dataset.fingerprint() != open_dataset(f"folder:{tmp_path}").fingerprint()
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UserError, match="--max-value"):
            open_dataset(f"folder:{tmp_path}", max_value=wrong)


def test_images_of_8_bits_keep_theirs_and_that_is_said(tmp_path: Path) -> None:
    folder(tmp_path, "png16", [4_000, 2_000])
    for label in "ab":
        save(ramp(240), tmp_path / label / "plain", "png8")
        Image.new("RGB", (8, 8), "white").save(tmp_path / label / "colour.jpg")
    dataset = open_dataset(f"folder:{tmp_path}")
    found = brightest(dataset)
    assert found["a/plain.png"] == 240
    assert found["a/0.png"] == round(255 * 4_000 / 4_095)
    assert "2 of 6 sampled files have 8 bits" in dataset.notes[1]


def test_floats_beside_whole_numbers_have_a_scale_of_their_own(tmp_path: Path) -> None:
    folder(tmp_path, "png16", [4_000])
    folder(tmp_path / "x", "float", [0.5])
    for label in "ab":
        (tmp_path / "x" / label / "0.tif").rename(tmp_path / label / "f.tif")
    for max_value in (None, 4_095):
        dataset = open_dataset(f"folder:{tmp_path}", max_value=max_value)
        found = brightest(dataset)
        assert (found["a/0.png"], found["a/f.tif"]) == (249, 128)


def test_ordinary_images_are_as_they_were(tmp_path: Path) -> None:
    dataset = folder(tmp_path, "png8", [240, 100])
    assert dataset.grey is None
    assert dataset.notes == ()
    again = open_dataset(f"folder:{tmp_path}", max_value=4_095)
    assert again.fingerprint() == dataset.fingerprint()
    assert open_dataset("digits").grey is None


def test_encoded_images_have_one_scale_too(tmp_path: Path) -> None:
    def encoded(top: float) -> dict[str, bytes]:
        buffer = io.BytesIO()
        Image.fromarray(ramp(top).astype(np.uint16)).save(buffer, "PNG")
        return {"bytes": buffer.getvalue()}

    tops = [4_000, 255, 4_000, 255, 2_000, 2_000]
    table = pa.table({"image": [encoded(top) for top in tops], "label": [0, 0, 1, 1, 0, 1]})
    pq.write_table(table, tmp_path / "a.parquet")
    dataset = open_dataset(f"parquet:{tmp_path / 'a.parquet'}")
    whole = dataset.whole
    assert whole is not None
    assert [np.asarray(whole.images[i]).max() for i in range(6)] == [249, 16, 249, 16, 125, 125]
    kept = dataset.limited(2, 2)
    assert kept.grey == dataset.grey
    assert {int(np.asarray(kept.test.images[i]).max()) for i in range(2)} <= {249, 16, 125}


def test_a_shift_has_the_scale_of_the_sweep(tmp_path: Path) -> None:
    dataset = folder(tmp_path / "clean", "png16", [4_000, 1_000])
    folder(tmp_path / "dark", "png16", [200, 100])
    natural = open_natural(Shift("dark", dataset=f"folder:{tmp_path / 'dark'}"), dataset)
    found = {np.asarray(natural.split.images[i]).max() for i in range(len(natural.split))}
    assert found == {round(255 * 200 / 4_095), round(255 * 100 / 4_095)}


def test_large_images_have_the_scale_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis.datasets import decode

    monkeypatch.setattr(decode, "LARGE_PIXELS", 1_000)
    monkeypatch.setattr(decode, "KEPT_SIDE", 20)
    for label in "ab":
        for i in range(2):
            save(np.full((60, 60), 2_048), tmp_path / label / f"{i}", "png16")
    dataset = open_dataset(f"folder:{tmp_path}")
    assert set(brightest(dataset).values()) == {round(255 * 2_048 / 4_095)}


def test_values_that_are_no_numbers_are_black(tmp_path: Path) -> None:
    values = ramp(0.9)
    values[0, :4] = [np.nan, np.inf, -np.inf, -3]
    for label in "ab":
        for i in range(2):
            save(values, tmp_path / label / f"{i}", "float")
    dataset = open_dataset(f"folder:{tmp_path}")
    assert dataset.grey is not None
    assert dataset.grey.floats == 1.0


@pytest.mark.parametrize(
    "brand", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heic", b"heix\0\0\0\0"]
)
def test_heic_names_the_package_that_reads_it(brand: bytes, tmp_path: Path) -> None:
    content = b"\0\0\0\x18ftyp" + brand + bytes(200)
    with pytest.raises(UnusableImageError, match="pip install pillow-heif"):
        upright(io.BytesIO(content))
    (tmp_path / "a.heic").write_bytes(content)
    with pytest.raises(UnusableImageError, match="pillow-heif"):
        upright(tmp_path / "a.heic")
    with pytest.raises(UnusableImageError, match="not a readable image"):
        upright(io.BytesIO(b"\0\0\0\x18ftypmp42" + bytes(200)))


@pytest.mark.parametrize("kind", ["AVIF", "WEBP", "JPEG"])
def test_formats_of_today_are_read(kind: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(buffer, kind)
    buffer.seek(0)
    red, green, _ = upright(buffer).getpixel((8, 8))  # type: ignore[misc]
    assert red > 240
    assert green < 20
