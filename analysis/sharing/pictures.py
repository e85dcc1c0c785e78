"""Reading the pictures of chosen images; the one place of this package that does."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from analysis import schema
from analysis.results import SweepResults

NO_PICTURE = "none of the chosen images has a picture in the cache; the ZIP takes them"
_BATCH, _PART, _GLANCE = 4_096, 256, 32
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", 0, "png"),
    (b"\xff\xd8\xff", 0, "jpg"),
    (b"GIF8", 0, "gif"),
    (b"WEBP", 8, "webp"),
    (b"BM", 0, "bmp"),
    (b"II*\x00", 0, "tif"),
    (b"MM\x00*", 0, "tif"),
)


def pictures(
    results: SweepResults, image_ids: npt.NDArray[np.int64]
) -> Iterator[tuple[int, bytes | None]]:
    """Give image ids and encoded pictures as stored, in the order asked; None where there is none.

    They are read in batches, each batch in parts that lie near each other in the file, so that
    memory stays small in any order; by ascending id each part of the file is read once.
    """
    rows = results.folder.image_rows([schema.IMAGE])
    for start in range(0, len(image_ids), _BATCH):
        batch = image_ids[start : start + _BATCH]
        by_place = np.argsort(batch, kind="stable")
        content: list[bytes | None] = [None] * len(batch)
        for first in range(0, len(batch), _PART):
            part = by_place[first : first + _PART]
            column = pc.struct_field(rows.take(batch[part].tolist())[schema.IMAGE], "bytes")
            for place, one in zip(part.tolist(), column.to_pylist(), strict=True):
                content[place] = one or None
        yield from zip(batch.tolist(), content, strict=True)


def has_pictures(results: SweepResults, image_ids: npt.NDArray[np.int64]) -> bool:
    """Whether any image has a picture; mostly told by the first few."""
    return any(
        content is not None
        for part in (image_ids[:_GLANCE], image_ids[_GLANCE:])
        for _, content in pictures(results, part)
    )


def suffix_of(content: bytes) -> str:
    """Name the format of a picture by its first bytes; ``bin`` where it is no known one."""
    for signature, place, suffix in _SIGNATURES:
        if content[place : place + len(signature)] == signature:
            return suffix
    return "bin"


def file_of(image_id: int, content: bytes) -> str:
    """Name the file of a picture; nothing from the data is in it."""
    return f"{image_id:06d}.{suffix_of(content)}"
