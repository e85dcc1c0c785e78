"""A folder as real ones are: every file of it is used, or left out by name with a reason."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis import schema
from analysis.config import Training, parse_variants
from analysis.datasets import open_dataset
from analysis.datasets.preprocess import Prepared, prepare
from analysis.errors import UserError
from analysis.models.geometry import Geometry
from analysis.store import Cache
from analysis.store.manifest import Manifest
from analysis.sweep.run import run_sweep
from tests.conftest import small_sweep

_NO_IMAGE = "is not a readable image"
_ODD_NAMES = (
    "a space.png",
    "smile \U0001f600.png",
    "quo\"te's.png",
    "<script>.png",
    "new\nline.png",
)


def _picture(path: Path, shade: int, mode: str = "RGB", size: tuple[int, int] = (9, 7)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(shade).integers(0, 256, (size[1], size[0], 4)).astype(np.uint8)
    Image.fromarray(pixels, "RGBA").convert(mode).save(path)


def _messy(root: Path) -> dict[str, str]:
    """Make the folder; return what must be left out, with the start of the reason."""
    for name in ("cat", "dog"):
        for i in range(4):
            _picture(root / name / f"{i}.png", 10 * len(name) + i + (100 if name == "dog" else 0))
    for i, (mode, name) in enumerate(
        {"CMYK": "cmyk.jpg", "RGBA": "rgba.png", "P": "palette.gif", "L": "grey.JPEG"}.items()
    ):
        _picture(root / "cat" / "deep" / "er" / name, 30 + i, mode)
    Image.fromarray(np.full((5, 5), 40_000, np.uint16)).save(root / "cat" / "sixteen.png")
    _picture(root / "cat" / "one.png", 50, size=(1, 1))
    for i, name in enumerate(_ODD_NAMES):
        _picture(root / "dog" / name, 60 + i)
    _picture(root / "dog" / "plain.png", 70)
    os.rename(os.fsencode(root / "dog" / "plain.png"), os.fsencode(root / "dog") + b"/caf\xe9.png")
    frames = [Image.new("RGB", (6, 6), colour) for colour in ("red", "blue")]
    frames[0].save(root / "dog" / "moving.gif", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 4), "green").save(root / "dog" / "turned.jpg", exif=exif)

    whole = (root / "cat" / "0.png").read_bytes()
    (root / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "cat" / "empty.jpg").write_bytes(b"")
    (root / "cat" / "text.jpg").write_text("no picture")
    (root / "cat" / ".DS_Store").write_bytes(b"x")
    _picture(root / ".trash" / "0.png", 80)
    (root / "bird").mkdir()
    (root / "dog" / "folder.png").mkdir()
    (root / "dog" / "loop").symlink_to("..")
    (root / "dog" / "nothing.png").symlink_to("gone.png")
    os.mkfifo(root / "dog" / "pipe.png")
    listening = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    try:
        os.chdir(root / "dog")  # the name of a socket may not be long
        listening.bind("socket.png")
    finally:
        os.chdir(here)
        listening.close()
    (root / "read me.txt").write_text("hello")
    return {
        "cat/cut.png": "cannot be decoded", "cat/empty.jpg": "is empty", "cat/text.jpg": _NO_IMAGE,
        "cat/.DS_Store": "is hidden", ".trash/0.png": "is hidden",
        "bird": "is an empty folder", "dog/folder.png": "is an empty folder",
        "dog/loop": "is a link into or above", "dog/nothing.png": "is a broken link",
        "dog/pipe.png": "is a named pipe", "dog/socket.png": "is a socket",
        "read me.txt": "lies in no class folder",
    }  # fmt: skip


def _sweep(data: Path, cache: Path) -> Manifest:
    sweep = small_sweep(
        dataset=f"folder:{data}", variants=parse_variants([]), seeds=1, image_size=8,
        train_limit=None, test_limit=None, training=Training(epochs=1, batch_size=4),
    )  # fmt: skip
    return run_sweep(sweep, Cache(cache), n_workers=1, device="cpu")


def test_every_file_of_a_messy_folder_is_used_or_named_with_a_reason(tmp_path: Path) -> None:
    expected = _messy(tmp_path / "data")
    manifest = _sweep(tmp_path / "data", tmp_path / "cache")
    assert manifest.is_complete
    reasons = {entry.file: entry.reason for entry in manifest.left_out}
    assert reasons.keys() == expected.keys()
    for name, start in expected.items():
        assert reasons[name].startswith(start), (name, reasons[name])
    folder = Cache(tmp_path / "cache").sweep("small")
    json.loads((folder.path / "manifest.json").read_bytes().decode("utf-8"))
    assert manifest.class_names == ["cat", "dog"]
    on_disk = {
        os.path.relpath(os.path.join(place, name), tmp_path / "data")
        .encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        for place, _, names in os.walk(tmp_path / "data") for name in names
    }  # fmt: skip
    images = folder.read_images()
    tested = set(images[schema.PATH].to_pylist())
    assert tested < on_disk - reasons.keys()
    used = manifest.dataset.n_train + manifest.dataset.n_test
    assert used == len(on_disk - reasons.keys()) == 22


def _prepared(data: Path, folder: Path) -> Prepared:
    dataset = open_dataset(f"folder:{data}")
    return prepare(dataset, Geometry((8, 8), 3), folder, progress=lambda *_: None)


def _plain(root: Path, n: int = 4) -> Path:
    for shade, path in enumerate(
        f"{split}/{name}/{i}.png" for split in ("train", "test") for name in "ab" for i in range(n)
    ):
        _picture(root / path, shade)
    return root


def test_odd_names_stay_readable_and_their_files_are_used(tmp_path: Path) -> None:
    root = _plain(tmp_path / "data")
    for name in _ODD_NAMES:
        shutil.copy(root / "test/a/0.png", root / "test/b" / name)
    paths = _prepared(root, tmp_path / "out").images[schema.PATH].to_pylist()
    assert {f"test/b/{name}" for name in _ODD_NAMES} <= set(paths)


def test_the_size_of_a_turned_picture_is_that_of_the_upright_original(tmp_path: Path) -> None:
    root = _plain(tmp_path / "data")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(root / "test/a/turned.jpg", exif=exif)
    images = _prepared(root, tmp_path / "out").images.to_pylist()
    row = next(row for row in images if row[schema.PATH] == "test/a/turned.jpg")
    assert (row[schema.WIDTH], row[schema.HEIGHT]) == (20, 40)


def test_test_images_that_are_trained_on_too_are_counted(tmp_path: Path) -> None:
    root = _plain(tmp_path / "data")
    assert _prepared(root, tmp_path / "none").n_duplicates_across_splits == 0
    content = (root / "train/a/1.png").read_bytes()
    for path in ("test/a/copy.png", "test/b/copy.png"):
        (root / path).write_bytes(content)
    for path in ("train/b/empty.png", "test/b/empty.png"):
        (root / path).write_bytes(b"")
    prepared = _prepared(root, tmp_path / "out")
    assert prepared.n_duplicates_across_splits == 2
    assert prepared.notes == ["2 test images are in the train split too, byte for byte"]


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"half")])
def test_a_file_that_vanishes_or_changes_meanwhile_is_left_out(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    root = _plain(tmp_path / "data")
    dataset = open_dataset(f"folder:{root}")
    dataset.fingerprint()
    change(root / "test/a/0.png")
    _picture(root / "test/a/new.png", 99)
    prepared = prepare(dataset, Geometry((8, 8), 3), tmp_path / "out", progress=lambda *_: None)
    assert [entry["file"] for entry in prepared.left_out] == ["test/a/0.png"]
    assert prepared.images.num_rows == 7


@pytest.mark.parametrize(
    ("spoiled", "message"),
    [("test/*/*.png", "no image of the test split"), ("train/a/*.png", "fewer than two classes")],
)
def test_only_a_split_or_class_without_any_usable_image_ends_it(
    tmp_path: Path, spoiled: str, message: str
) -> None:
    root = _plain(tmp_path / "data")
    for path in root.glob(spoiled):
        path.write_bytes(b"no picture")
    with pytest.raises(UserError, match=message):
        _prepared(root, tmp_path / "out")


def test_who_reads_the_inputs_while_they_are_made_again_reads_them_whole(tmp_path: Path) -> None:
    # A worker of a sweep that was killed lives on for a moment, and may end its run meanwhile.
    dataset = open_dataset(f"folder:{_plain(tmp_path / 'data')}")
    out = tmp_path / "out"
    arrays = prepare(dataset, Geometry((8, 8), 3), out, progress=lambda *_: None).inputs.arrays
    begun = {split: (arrays.pixels(split), arrays.labels(split)) for split in ("train", "test")}
    before = {split: (pixels.copy(), labels) for split, (pixels, labels) in begun.items()}
    looks = []

    def look(*_: object) -> None:
        for split, (pixels, labels) in before.items():
            assert np.array_equal(begun[split][0], pixels)
            assert np.array_equal(arrays.pixels(split), pixels)
            assert np.array_equal(arrays.labels(split), labels)
        looks.append(True)

    prepare(dataset, Geometry((8, 8), 3), out, progress=look)
    assert looks
    assert not list(out.glob(".tmp-*"))
