"""Reading the pictures of chosen images; the one place of this package that does."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from analysis import schema
from analysis.results import SweepResults

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

    They are held once, as they were read; each is copied only when its turn comes.
    """
    table = results.folder.read_images([schema.IMAGE])
    column = pc.struct_field(table[schema.IMAGE], "bytes")
    for image_id in image_ids.tolist():
        yield image_id, column[image_id].as_py() or None


def suffix_of(content: bytes) -> str:
    """Name the format of a picture by its first bytes; ``bin`` where it is no known one."""
    for signature, place, suffix in _SIGNATURES:
        if content[place : place + len(signature)] == signature:
            return suffix
    return "bin"


def file_of(image_id: int, content: bytes) -> str:
    """Name the file of a picture; nothing from the data is in it."""
    return f"{image_id:06d}.{suffix_of(content)}"
