"""Open ``fashion-mnist[:DIR]``, the publisher's four idx files, gzipped or not."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from analysis.datasets.base import ArrayImages, Dataset, Split
from analysis.datasets.files import data_home, fetch
from analysis.datasets.registry import register
from analysis.errors import UserError

CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_SOURCE = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}


@register("fashion-mnist")
def open_fashion_mnist(place: str | None) -> Dataset:
    """Open Fashion-MNIST (Xiao et al. 2017): 60,000 + 10,000 grey images, 28 x 28, 10 classes."""
    folder = _download() if place is None else Path(place)
    if not folder.is_dir():
        raise UserError(f"dataset 'fashion-mnist:{folder}': no such folder")
    return Dataset(
        CLASS_NAMES,
        _split(folder, "train"),
        _split(folder, "t10k"),
        channels=1,
        native_size=(28, 28),
    )


def _download() -> Path:
    folder = data_home() / "fashion-mnist"
    for name, md5 in _MD5.items():
        fetch(_SOURCE + name, folder / name, md5, "fashion-mnist")
    return folder


def _split(folder: Path, prefix: str) -> Split:
    images = read_idx(_find(folder, f"{prefix}-images-idx3-ubyte"))
    labels = read_idx(_find(folder, f"{prefix}-labels-idx1-ubyte")).astype(np.int64)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise UserError(f"{folder}: images and labels of '{prefix}' do not match")
    if labels.max(initial=0) >= len(CLASS_NAMES):
        raise UserError(f"{folder}: a label of '{prefix}' is {labels.max()}; expected 0 to 9")
    return Split(ArrayImages(images), labels)


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / f"{name}.gz", folder / name):
        if candidate.is_file():
            return candidate
    raise UserError(f"{folder} has no {name}.gz, nor {name}")


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Read an idx file of unsigned bytes, gzipped or not.

    Raises
    ------
    UserError
        The file has another format or another length than its header says.
    """
    try:
        raw = path.read_bytes()
        content = gzip.decompress(raw) if path.suffix == ".gz" else raw
        zero, kind, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise UserError(f"{path} is damaged: {error}") from None
    start = 4 + 4 * dimensions
    if zero != 0 or kind != 8 or len(content) - start != math.prod(shape):
        raise UserError(f"{path} is damaged: it is not an idx file of the length in its header")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
