"""Each dataset source on small files made here."""

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from analysis.datasets import dataset_kinds, open_dataset, register
from analysis.datasets.base import stratified_sample, stratified_split
from analysis.errors import UserError


def _idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def _fashion(folder: Path, *, zipped: bool) -> Path:
    generator = np.random.default_rng(0)
    folder.mkdir()
    for prefix, n in (("train", 30), ("t10k", 20)):
        files = {
            f"{prefix}-images-idx3-ubyte": generator.integers(0, 256, (n, 28, 28)),
            f"{prefix}-labels-idx1-ubyte": np.arange(n) % 10,
        }
        for name, array in files.items():
            content = _idx(array)
            if zipped:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
    return folder


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_every_kind_of_the_contract_that_is_there_is_registered() -> None:
    kinds = {"digits", "digits-longtail", "fashion-mnist", "cifar10", "folder"}
    assert kinds <= set(dataset_kinds())


def test_a_kind_cannot_be_registered_twice() -> None:
    with pytest.raises(ValueError, match="registered already"):
        register("digits")(lambda place: open_dataset("digits"))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nope", "unknown kind 'nope'"),
        ("folder:", "a place is missing after the colon"),
        ("folder", "needs a folder"),
        ("folder:/there/is/none", "no such folder"),
        ("fashion-mnist:/there/is/none", "no such folder"),
        ("cifar10:/there/is/none", "no such folder"),
        ("digits:/somewhere", "takes no folder"),
    ],
)
def test_a_spec_that_cannot_be_opened_is_refused_with_a_reason(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        open_dataset(spec)


@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist_reads_idx_files_gzipped_or_not(tmp_path: Path, zipped: bool) -> None:
    dataset = open_dataset(f"fashion-mnist:{_fashion(tmp_path / 'f', zipped=zipped)}")
    assert len(dataset.train) == 30
    assert len(dataset.test) == 20
    assert dataset.native_size == (28, 28)
    assert dataset.test.labels.tolist() == [*range(10), *range(10)]
    assert dataset.class_names[9] == "Ankle boot"
    assert dataset.test.images[0].size == (28, 28)


def test_a_truncated_idx_file_is_named(tmp_path: Path) -> None:
    folder = _fashion(tmp_path / "f", zipped=False)
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match="t10k-images-idx3-ubyte is damaged"):
        open_dataset(f"fashion-mnist:{folder}")


def test_a_folder_without_the_idx_files_says_which_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no train-images-idx3-ubyte"):
        open_dataset(f"fashion-mnist:{tmp_path}")


def _pixels(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, 32, 32, 3)).astype(np.uint8)


def _cifar_parquet(folder: Path) -> None:
    for split, n in (("train", 12), ("test", 10)):
        images = [{"bytes": _png(p), "path": f"{i}.png"} for i, p in enumerate(_pixels(n))]
        table = pa.table(
            {"image": images, "label": [i % 10 for i in range(n)], "origin": ["lossless"] * n}
        )
        pq.write_table(table, folder / f"{split}-00000-of-00001.parquet")


def _cifar_binary(folder: Path) -> None:
    for name, n in (("data_batch_1.bin", 12), ("test_batch.bin", 10)):
        labels = (np.arange(n) % 10).astype(np.uint8)[:, None]
        planes = _pixels(n).transpose(0, 3, 1, 2).reshape(n, -1)
        np.concatenate([labels, planes], axis=1).tofile(folder / name)


def test_cifar10_is_the_same_from_parquet_and_from_the_binary_version(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "b").mkdir()
    _cifar_parquet(tmp_path / "p")
    _cifar_binary(tmp_path / "b")
    parquet = open_dataset(f"cifar10:{tmp_path / 'p'}")
    binary = open_dataset(f"cifar10:{tmp_path / 'b'}")
    for one, other in ((parquet.train, binary.train), (parquet.test, binary.test)):
        assert one.labels.tolist() == other.labels.tolist()
        for i in range(len(one)):
            assert np.array_equal(np.asarray(one.images[i]), np.asarray(other.images[i]))
    assert parquet.test.metadata is not None
    assert parquet.test.metadata.columns.tolist() == ["meta_origin"]


def test_cifar10_pickles_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1").write_bytes(b"cos\nsystem\n")
    with pytest.raises(UserError, match="pickles are not read"):
        open_dataset(f"cifar10:{tmp_path}")


def test_a_damaged_parquet_file_is_told_from_a_missing_one(tmp_path: Path) -> None:
    _cifar_parquet(tmp_path)
    (tmp_path / "test-00000-of-00001.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(UserError, match=r"cannot be read \(test Parquet file"):
        open_dataset(f"cifar10:{tmp_path}")


def _tree(root: Path, *paths: str) -> Path:
    for i, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 6), (i, i, i)).save(root / path, "PNG")
    return root


def test_a_folder_with_splits_keeps_them(tmp_path: Path) -> None:
    root = _tree(
        tmp_path, "train/b/1.png", "train/a/deep/er/2.PNG", "val/a/3.png", "val/b/4.png",
        "val/zebra/5.png", "train/.hidden/6.png", "train/a/.7.png",
    )  # fmt: skip
    dataset = open_dataset(f"folder:{root}")
    assert dataset.class_names == ("a", "b")
    assert list(dataset.train.paths or ()) == ["train/a/deep/er/2.PNG", "train/b/1.png"]
    assert list(dataset.test.paths or ()) == ["val/a/3.png", "val/b/4.png"]
    assert {entry["file"]: entry["reason"] for entry in dataset.left_out} == {
        "train/.hidden/6.png": "is hidden",
        "train/a/.7.png": "is hidden",
        "val/zebra/5.png": "its class is not among those of train/",
    }


def test_a_folder_without_splits_is_split_by_class_always_alike(tmp_path: Path) -> None:
    root = _tree(tmp_path, *(f"{name}/{i}.png" for name in "ab" for i in range(10)))
    first, second = (open_dataset(f"folder:{root}") for _ in range(2))
    assert np.bincount(first.test.labels).tolist() == [3, 3]
    assert list(first.test.paths or ()) == list(second.test.paths or ())
    assert not set(first.test.paths or ()) & set(first.train.paths or ())
    assert first.fingerprint() == second.fingerprint()


@pytest.mark.parametrize("paths", [("only/1.png",), ()])
def test_a_folder_with_fewer_than_two_classes_is_refused(
    tmp_path: Path, paths: tuple[str, ...]
) -> None:
    with pytest.raises(UserError, match="at least two class folders"):
        open_dataset(f"folder:{_tree(tmp_path, *paths)}")


def test_the_fingerprint_sees_one_changed_pixel_label_or_name(tmp_path: Path) -> None:
    root = _tree(tmp_path, *(f"{name}/{i}.png" for name in "ab" for i in range(4)))
    before = open_dataset(f"folder:{root}").fingerprint()
    Image.new("RGB", (6, 6), (9, 9, 10)).save(root / "a" / "1.png")
    changed = open_dataset(f"folder:{root}").fingerprint()
    (root / "a").rename(root / "c")
    renamed = open_dataset(f"folder:{root}").fingerprint()
    assert len({before, changed, renamed}) == 3


def test_digits_longtail_has_a_tail_and_says_what_was_planted() -> None:
    dataset = open_dataset("digits-longtail")
    counts = np.bincount(dataset.train.labels)
    assert (np.diff(counts) < 0).all()
    assert counts[0] == pytest.approx(10 * counts[9], rel=0.06)
    planted = dataset.test.metadata
    assert planted is not None
    shares = planted["meta_planted"].value_counts()
    assert set(shares.index) == {"none", "label_noise", "blur", "noise", "occlusion", "inverted"}
    assert set(shares.drop("none")) == {36}
    differs = planted["meta_clean_label"].to_numpy() != dataset.test.labels
    assert (differs == (planted["meta_planted"] == "label_noise")).all()


def test_digits_longtail_changes_the_pictures_it_says_it_changed() -> None:
    pixels = open_dataset("digits-longtail").test
    planted = pixels.metadata["meta_planted"]  # type: ignore[index]
    mean = np.asarray([np.asarray(pixels.images[i]).mean() for i in range(len(pixels))])
    assert mean[planted == "inverted"].mean() > 150 > mean[planted == "none"].mean()
    assert mean[planted == "occlusion"].mean() < mean[planted == "none"].mean() - 10


def test_a_limit_is_stratified_and_always_the_same() -> None:
    dataset = open_dataset("digits").limited(200, 100)
    again = open_dataset("digits").limited(200, 100)
    assert len(dataset.train) == 200
    assert np.bincount(dataset.test.labels).tolist() == pytest.approx([10] * 10, abs=1)
    assert dataset.fingerprint() == again.fingerprint()
    with pytest.raises(UserError, match="expected at least 10"):
        open_dataset("digits").limited(5, None)


def test_a_stratified_sample_takes_exactly_as_many_as_asked() -> None:
    labels = np.repeat([0, 1, 2], [97, 2, 1])
    for size in (3, 4, 10, 50, 99, 100):
        chosen = stratified_sample(labels, size)
        assert len(chosen) == len(set(chosen.tolist())) == size
        assert set(labels[chosen]) == {0, 1, 2}


def test_a_split_leaves_something_of_each_class_on_either_side() -> None:
    labels = np.repeat([0, 1, 2], [10, 2, 1])
    train, test = stratified_split(labels)
    assert sorted([*train, *test]) == list(range(13))
    assert np.bincount(labels[test], minlength=3).tolist() == [3, 1, 0]
