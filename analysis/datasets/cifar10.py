"""Open ``cifar10[:DIR]``: Parquet in Hugging Face's image layout, or the binary version."""

import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis.datasets.base import ArrayImages, Dataset, Split
from analysis.datasets.files import data_home, fetch
from analysis.datasets.parquet import open_folder_of_parquet
from analysis.datasets.registry import register
from analysis.errors import UserError

CLASS_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_SOURCE = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
_BATCHES = "cifar-10-batches-bin"
_RECORD = 1 + 3 * 32 * 32


@register("cifar10")
def open_cifar10(place: str | None) -> Dataset:
    """Open CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour images, 32 x 32, 10 classes."""
    folder = _download() if place is None else Path(place)
    if not folder.is_dir():
        raise UserError(f"dataset 'cifar10:{folder}': no such folder")
    if any(folder.rglob("*.parquet")):
        dataset = open_folder_of_parquet(folder, class_names=CLASS_NAMES)
        return replace(dataset, native_size=(32, 32))
    train, test = _binary_splits(folder)
    return Dataset(CLASS_NAMES, train, test, channels=3, native_size=(32, 32))


def _download() -> Path:
    home = data_home() / "cifar10"
    archive = fetch(_SOURCE, home / "cifar-10-binary.tar.gz", _MD5, "cifar10")
    if not (home / _BATCHES / "test_batch.bin").is_file():
        with tarfile.open(archive) as tar:
            tar.extractall(home, filter="data")
    return home


def _binary_splits(folder: Path) -> tuple[Split, Split]:
    inner = folder / _BATCHES if (folder / _BATCHES).is_dir() else folder
    batches = sorted(inner.glob("data_batch_*.bin"))
    test = inner / "test_batch.bin"
    if not batches or not test.is_file():
        hint = (
            "; pickles are not read: use the binary version"
            if any(inner.rglob("data_batch_1"))
            else ""
        )
        raise UserError(
            f"{folder} has neither train/test Parquet files nor data_batch_*.bin and "
            f"test_batch.bin{hint}"
        )
    return _read_binary(batches), _read_binary([test])


def _read_binary(paths: list[Path]) -> Split:
    parts = []
    for path in paths:
        content = np.fromfile(path, np.uint8)
        if not len(content) or len(content) % _RECORD:
            raise UserError(f"{path} is damaged: its length is not a multiple of {_RECORD} bytes")
        parts.append(content.reshape(-1, _RECORD))
    records = np.concatenate(parts)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= len(CLASS_NAMES):
        raise UserError(f"{paths[0].parent}: a label is {labels.max()}; expected 0 to 9")
    pixels = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Split(ArrayImages(np.ascontiguousarray(pixels)), labels)
