"""Decode a dataset once for all runs: model inputs, thumbnails, unusable images."""

import io
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from analysis import schema
from analysis.datasets.base import Dataset, Split
from analysis.datasets.decode import UnusableImageError, original_size
from analysis.errors import UserError
from analysis.filesystem.atomic import swapping
from analysis.filesystem.copies import SharedFolder
from analysis.models.geometry import Geometry

_CRISP_PX = 64
_JPEG_QUALITY = 85
_STATISTICS_SAMPLE = 10_000


Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Arrays:
    """Decoded images by name: memory-mapped uint8 arrays [N, C, H, W] and labels [N].

    ``shared`` is the copy for other machines if ``folder`` is local.
    """

    folder: Path
    shared: SharedFolder | None = None

    def path(self, name: str) -> Path:
        """Return the local file of the named images' pixels."""
        return (self.folder if self.shared is None else self.shared.here()) / f"{name}.npy"

    def pixels(self, name: str) -> npt.NDArray[np.uint8]:
        """Return the pixels, [N, C, H, W]."""
        return np.asarray(np.load(self.path(name), mmap_mode="r"))

    def labels(self, name: str) -> npt.NDArray[np.int64]:
        """Return the class ids, [N]."""
        return np.asarray(np.load(self.path(f"{name}-labels")))


@dataclass(frozen=True)
class Inputs:
    """The model inputs of both splits; ``folder`` and ``shared`` as in ``Arrays``.

    ``mean`` and ``std`` are those of the training pixels per channel, scaled to 0..1. ``tail`` is
    the number of training images per class of seed 0 if the tail rotates over seeds; the train
    split and its statistics then cover all images to draw from.
    """

    folder: Path
    mean: tuple[float, ...]
    std: tuple[float, ...]
    n_train: int
    n_test: int
    shared: SharedFolder | None = None
    tail: tuple[int, ...] | None = None

    @property
    def arrays(self) -> Arrays:
        """Their files."""
        return Arrays(self.folder, self.shared)

    def pixels(self, split: str) -> npt.NDArray[np.uint8]:
        """Return the model inputs of a split, [N, C, H, W]."""
        return self.arrays.pixels(split)

    def labels(self, split: str) -> npt.NDArray[np.int64]:
        """Return the class ids of a split, [N]."""
        return self.arrays.labels(split)


@dataclass(frozen=True)
class Prepared:
    """Inputs for the runs, the table of test images, and notes on the data.

    ``n_duplicates_across_splits`` counts test images that are also training images.
    """

    inputs: Inputs
    images: pa.Table
    left_out: list[dict[str, str]]
    train_counts: list[int]
    n_duplicates_across_splits: int
    notes: list[str]


def prepare(dataset: Dataset, geometry: Geometry, folder: Path, *, progress: Progress) -> Prepared:
    """Decode every image once to the model's input size, with thumbnails of test images.

    Raises
    ------
    UserError
        No usable image remains in a split, or fewer than two classes in the train split.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left_out = list(dataset.left_out)
    rows: list[dict[str, Any]] = []
    kept = {}
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        thumbnails = rows if name == "test" else None
        kept[name] = write_split(split, name, geometry, folder, left_out, thumbnails, progress)
    train = dataset.train.labels[kept["train"]]
    counts = np.bincount(train, minlength=len(dataset.class_names))
    if (counts > 0).sum() < 2:
        raise UserError("fewer than two classes of the dataset have a usable training image")
    mean, std = channel_statistics(folder / "train.npy")
    n_train, n_test = (len(kept[name]) for name in ("train", "test"))
    inputs = Inputs(folder, mean, std, n_train, n_test, tail=dataset.tail)
    images = image_table(dataset.test.take(kept["test"]), rows)
    leaked = _duplicates_across_splits(dataset, kept)
    notes = list(dataset.notes)
    if leaked:
        notes.append(f"{leaked} test images are in the train split too, byte for byte")
    return Prepared(inputs, images, left_out, counts.tolist(), leaked, notes)


def _duplicates_across_splits(dataset: Dataset, kept: dict[str, npt.NDArray[np.intp]]) -> int:
    train, test = dataset.train.images.digests(), dataset.test.images.digests()
    trained_on = {train[i] for i in kept["train"]} - {b""}
    return sum(test[i] in trained_on for i in kept["test"])


def write_split(
    split: Split,
    name: str,
    geometry: Geometry,
    folder: Path,
    left_out: list[dict[str, str]],
    thumbnails: list[dict[str, Any]] | None,
    progress: Progress,
) -> npt.NDArray[np.intp]:
    """Write a split's pixels and labels; return the indices of the usable images."""
    shape = (len(split), geometry.channels, *geometry.size)
    if not len(split):
        raise UserError(
            f"the {name} split of the dataset has no image; a dataset with only a test split "
            "serves to evaluate external models, with --models"
        )
    with swapping(folder / f"{name}.npy") as path:
        kept = _write_pixels(path, shape, split, name, geometry, left_out, thumbnails, progress)
    indices = np.asarray(kept, np.intp)
    with swapping(folder / f"{name}-labels.npy") as path:
        np.save(path, split.labels[indices])
    return indices


def _write_pixels(
    path: Path,
    shape: tuple[int, ...],
    split: Split,
    name: str,
    geometry: Geometry,
    left_out: list[dict[str, str]],
    thumbnails: list[dict[str, Any]] | None,
    progress: Progress,
) -> list[int]:
    pixels = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    kept: list[int] = []
    for index, decoded in _decode_all(split, geometry, with_thumbnail=thumbnails is not None):
        if index % 256 == 0 or index + 1 == len(split):
            progress(f"decoding {name} images", index + 1, len(split))
        if isinstance(decoded, UnusableImageError):
            reason = f"{decoded}"
            left_out.append({"file": split.name_of(index, name), "split": name, "reason": reason})
            continue
        pixels[len(kept)], row = decoded
        kept.append(index)
        if thumbnails is not None:
            thumbnails.append(row)
    del pixels
    if not kept:
        raise UserError(f"no image of the {name} split can be used: {left_out[-1]['reason']}")
    if len(kept) < len(split):
        np.save(path, np.load(path)[: len(kept)])
    return kept


_Decoded = tuple[npt.NDArray[np.uint8], dict[str, Any]]


def _decode_all(
    split: Split, geometry: Geometry, *, with_thumbnail: bool
) -> Iterator[tuple[int, _Decoded | UnusableImageError]]:
    def decode(index: int) -> _Decoded | UnusableImageError:
        try:
            image = split.images[index]
        except UnusableImageError as error:
            return error
        row = thumbnail_row(image) if with_thumbnail else {}
        return geometry.pixels(image), row

    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        # Pillow warns of odd EXIF data and large images; real errors are exceptions.
        warnings.simplefilter("ignore")
        for block in batched_range(len(split), 1024):
            yield from zip(block, pool.map(decode, block), strict=True)


def batched_range(n: int, size: int) -> Iterator[range]:
    """Yield ranges that cover 0..n-1, ``size`` at a time."""
    for start in range(0, n, size):
        yield range(start, min(start + size, n))


def thumbnail_row(image: Image.Image) -> dict[str, Any]:
    """Return size and encoded thumbnail of an image: PNG if small, else JPEG."""
    width, height = original_size(image)
    small = image.copy()
    small.thumbnail((schema.THUMBNAIL_PX, schema.THUMBNAIL_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if max(small.size) <= _CRISP_PX:
        small.save(buffer, "PNG")
    else:
        small.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return {schema.WIDTH: width, schema.HEIGHT: height, "bytes": buffer.getvalue()}


def image_table(split: Split, rows: list[dict[str, Any]]) -> pa.Table:
    """Return the table of test images; ``rows`` holds size and thumbnail of each."""
    metadata = None
    if split.metadata is not None and len(split.metadata.columns):
        metadata = pa.Table.from_pandas(split.metadata, preserve_index=False)
        metadata = metadata.replace_schema_metadata(None)
    layout = schema.images_schema(metadata.schema if metadata is not None else None)
    n = len(split)
    columns: dict[str, Any] = {
        schema.IMAGE_ID: np.arange(n, dtype=np.int32),
        schema.LABEL: split.labels.astype(np.int32),
        schema.PATH: pa.nulls(n, pa.string()) if split.paths is None else list(split.paths),
        schema.WIDTH: [row[schema.WIDTH] for row in rows],
        schema.HEIGHT: [row[schema.HEIGHT] for row in rows],
        schema.IMAGE: [{"bytes": row["bytes"], "path": None} for row in rows],
    }
    if metadata is not None:
        columns |= {name: metadata[name].combine_chunks() for name in metadata.column_names}
    arrays = [pa.array(columns[field.name], type=field.type) for field in layout]
    return pa.table(arrays, schema=layout)


def channel_statistics(path: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel, 0..1, of some 10,000 images."""
    pixels = np.load(path, mmap_mode="r")
    step = max(1, len(pixels) // _STATISTICS_SAMPLE)
    sample = pixels[::step].astype(np.float64) / 255
    mean, std = sample.mean(axis=(0, 2, 3)), sample.std(axis=(0, 2, 3))
    std = np.maximum(std, 1e-3)
    return tuple(round(float(m), 6) for m in mean), tuple(round(float(s), 6) for s in std)
