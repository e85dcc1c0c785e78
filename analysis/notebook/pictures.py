"""Thumbnails of images in memory, in files, or from the inputs of models."""

import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image, ImageOps

from analysis import schema
from analysis.datasets.decode import UnusableImageError, upright
from analysis.datasets.preprocess import thumbnail_row
from analysis.errors import UserError
from analysis.notebook.inputs import Labels

_BLOCK = 256
_KEPT_PX = 128


@dataclass(frozen=True)
class Pictures:
    """Pictures of all images, in order.

    ``row`` makes the thumbnail of one image, or None; ``paths`` names their files; ``note``
    describes their origin.
    """

    n: int
    row: Callable[[int], dict[str, Any] | None]
    paths: list[str] | None = None
    note: str = ""

    def blocks(self, label: Labels) -> tuple[pa.Schema, Iterator[pa.Table]]:
        """Return the schema and the rows of ``images.parquet``, in blocks."""
        return schema.images_schema(None), self._blocks(label)

    def _blocks(self, label: Labels) -> Iterator[pa.Table]:
        layout = schema.images_schema(None)
        with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
            warnings.simplefilter("ignore")  # from odd EXIF data
            for start in range(0, self.n, _BLOCK):
                places = range(start, min(start + _BLOCK, self.n))
                rows = list(pool.map(self._tile, places))
                columns: dict[str, Any] = {
                    schema.IMAGE_ID: np.asarray(places, np.int32),
                    schema.LABEL: label[start : places.stop].astype(np.int32),
                    schema.PATH: [None if self.paths is None else self.paths[i] for i in places],
                    schema.WIDTH: [row.get(schema.WIDTH) for row in rows],
                    schema.HEIGHT: [row.get(schema.HEIGHT) for row in rows],
                    schema.IMAGE: [
                        {"bytes": row["bytes"], "path": None} if row else None for row in rows
                    ],
                }
                arrays = [pa.array(columns[field.name], type=field.type) for field in layout]
                yield pa.table(arrays, schema=layout)

    def _tile(self, index: int) -> dict[str, Any]:
        try:
            return self.row(index) or {}
        except UnusableImageError:
            return {}  # its predictions are kept


def pictures_of(images: Any, n: int) -> Pictures:
    """Read images: arrays or tensors, PIL images, paths, or a list of them.

    Raises
    ------
    UserError
        Their number is wrong, or one is no image.
    """
    if isinstance(images, str | PathLike):
        raise UserError("images: expected one an image; a folder is audited with --dataset")
    if hasattr(images, "detach"):
        images = images.detach().cpu().numpy()
    if not hasattr(images, "__len__") or not hasattr(images, "__getitem__"):
        raise UserError(
            f"images: {type(images).__name__} is no list; expected arrays, PIL images or paths"
        )
    if len(images) != n:
        raise UserError(
            f"images: {len(images):,} images for {n:,} labels; expected one a label, in order"
        )
    items: Any = images.tolist() if _is_text(images) else images
    if isinstance(items[0], str | PathLike):
        paths = [Path(one) for one in items]
        missing = next((path for path in paths if not path.is_file()), None)
        if missing is not None:
            raise UserError(f"images: {missing}: there is no such file")
        return of_files(paths)
    low, high = _range(items)
    picture_of(items[0], low, high)  # check the first image

    def row(index: int) -> dict[str, Any]:
        return thumbnail_row(picture_of(items[index], low, high))

    note = "" if (low, high) in ((0, 255), (0, 1)) else scaled_note(low, high)
    return Pictures(n, row, note=note)


def _is_text(images: Any) -> bool:
    return isinstance(images, np.ndarray) and images.dtype.kind in "UO" and images.ndim == 1


def of_files(paths: Sequence[Path]) -> Pictures:
    """Return pictures of files; ``path`` is relative to their common folder."""
    texts = [path.absolute().as_posix() for path in paths]
    folders = [text.split("/")[:-1] for text in texts]
    first, last = min(folders), max(folders)
    common = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    depth = min(len(first), len(last)) if common is None else common
    names = ["/".join(text.split("/")[depth:]) for text in texts]
    shown = [name.encode("utf-8", "backslashreplace").decode() for name in names]
    return Pictures(len(paths), lambda i: thumbnail_row(upright(paths[i])), shown)


def picture_of(image: Any, low: float = 0, high: float = 255) -> Image.Image:
    """Return a picture of a PIL image or an array [H, W], [H, W, C] or [C, H, W].

    Raises
    ------
    UserError
        The shape is wrong.
    """
    if isinstance(image, Image.Image):
        turned = ImageOps.exif_transpose(image)
        return turned if turned.mode in ("L", "RGB") else turned.convert("RGB")
    if hasattr(image, "detach"):
        image = image.detach().cpu().numpy()
    values = np.asarray(image)
    if values.ndim == 3 and values.shape[0] in (1, 3) and values.shape[2] not in (1, 3):
        values = values.transpose(1, 2, 0)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.dtype.kind not in "fiub" or values.ndim not in (2, 3) or values.shape[2:] not in (
        (), (3,),
    ):  # fmt: skip
        raise UserError(
            f"images: {values.dtype} {list(values.shape)} is no image; expected [H, W], [H, W, 3] "
            "or [3, H, W]"
        )
    if values.dtype != np.uint8 or (low, high) != (0, 255):
        span = (high - low) or 1
        scaled = (np.nan_to_num(values.astype(np.float32)) - low) * (255 / span)
        values = scaled.clip(0, 255).round().astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(values))


def _range(items: Any) -> tuple[float, float]:
    """Return the values for black and white: 0 and 255, 0 and 1, or the range of all images."""
    low, high = np.inf, -np.inf
    step = max(1, len(items) // 2_000)
    for i in range(0, len(items), step):
        one = items[i]
        if isinstance(one, Image.Image):
            continue
        values = np.asarray(one.detach().cpu() if hasattr(one, "detach") else one)
        if values.dtype == np.uint8 or values.dtype.kind not in "fiu" or not values.size:
            continue
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return _named_range(low, high)


def _named_range(low: float, high: float) -> tuple[float, float]:
    if low > high or (low >= 0 and 1.5 < high <= 255):
        return 0, 255
    return (0, 1) if low >= 0 and high <= 1.5 else (low, high)


def scaled_note(low: float, high: float) -> str:
    """Return the note that thumbnails are not the pictures themselves."""
    return (
        f"thumbnails show the inputs of the models, {low:.4g} to {high:.4g} over all images from "
        "black to white, not the pictures' own colours"
    )


class FedPictures:
    """Thumbnails of the inputs of models, stored until their range is known."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="lethe-")  # noqa: SIM115
        self._places: list[tuple[int, tuple[int, ...], float, float]] = []
        self._low, self._high = np.inf, -np.inf
        self._at = 0

    def add(self, images: Any) -> bool:
        """Store the images of a batch; return False if they cannot be shown."""
        values = np.asarray(images.detach().cpu().float() if hasattr(images, "detach") else images)
        if values.ndim == 3:
            values = values[:, None]
        elif values.ndim == 4 and values.shape[1] not in (1, 3):
            values = values.transpose(0, 3, 1, 2)
        if values.ndim != 4 or values.shape[1] not in (1, 3) or values.dtype.kind not in "fiub":
            return False
        for one in values:
            step = max(1, -(-max(one.shape[1:]) // _KEPT_PX))
            small = np.nan_to_num(one[:, ::step, ::step].astype(np.float32))
            low, high = float(small.min()), float(small.max())
            self._low, self._high = min(self._low, low), max(self._high, high)
            kept = np.round((small - low) * (255 / ((high - low) or 1))).astype(np.uint8)
            self._file.write(kept.tobytes())
            self._places.append((self._at, kept.shape, low, high))
            self._at += kept.size
        return True

    def close(self) -> None:
        """Close the temporary file; thumbnails already returned stay valid."""
        self._file.close()

    def pictures(self) -> Pictures:
        """Return the thumbnails of all stored images."""
        low, high = _named_range(self._low, self._high)
        if self._places:
            self._file.flush()
            stored = np.memmap(self._file, np.uint8, "r")

        def row(index: int) -> dict[str, Any]:
            at, shape, least, most = self._places[index]
            kept = stored[at : at + int(np.prod(shape))].reshape(shape).astype(np.float32)
            values = least + kept * ((most - least) / 255)
            return thumbnail_row(picture_of(values, low, high))

        return Pictures(len(self._places), row, note=scaled_note(low, high))
