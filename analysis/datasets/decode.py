"""Decode an image file to an upright grey or colour image.

Memory is bounded: images of more than ``LARGE_PIXELS`` are decoded one at a time and reduced to at
least ``KEPT_SIDE`` pixels on the shorter side (a JPEG is never decoded larger); images of more than
twice Pillow's ``MAX_IMAGE_PIXELS``, decompression bombs, are refused unread.
"""

import importlib
import importlib.util
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from analysis.datasets.pictures import open_picture
from analysis.filesystem.regular import NoRegularFileError, open_regular

LARGE_PIXELS = 16_000_000
KEPT_SIDE = 1_024

_INTEGERS = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_FLOATS = ("F",)
HEIC_READER = "pillow-heif"
# Brands of HEIC in the first box of a file; AVIF has others.
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs")
_HEIF = (b"mif1", b"msf1")
_ORIGINAL_SIZE = "lethe_original_size"
_one_large_at_a_time = threading.Lock()


@dataclass(frozen=True)
class GreyScale:
    """The white level of grey values of more than 8 bits, one for all images of a dataset.

    Parameters
    ----------
    integers, floats : float
        White level of integer and of floating-point images.
    """

    integers: float = 65_535.0
    floats: float = 1.0


FULL_SCALE = GreyScale()


class UnusableImageError(Exception):
    """The image cannot be decoded; the message says why."""


def upright(source: Path | IO[bytes], grey: GreyScale = GreyScale()) -> Image.Image:
    """Decode the first frame, rotated by its EXIF orientation, as L or RGB.

    Grey of more than 8 bits is scaled to 8 bits by ``grey``, transparency is put on white, CMYK and
    palettes are converted.

    Raises
    ------
    UnusableImageError
        The file is missing, empty, not regular, truncated, not an image, or a decompression bomb.
    """
    try:
        with open_regular(source) if isinstance(source, Path) else nullcontext(source) as file:
            if not file.read(1):
                raise UnusableImageError("is empty")
            file.seek(0)
            with _opened(file) as opened:
                return _decoded(opened, grey)
    except UnusableImageError:
        raise
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise UnusableImageError(f"has more than {limit:,} pixels") from None
    except FileNotFoundError:
        raise UnusableImageError("is missing") from None
    except PermissionError:
        raise UnusableImageError("may not be read: permission denied") from None
    except NoRegularFileError as error:
        raise UnusableImageError(f"{error}") from None
    except UnidentifiedImageError:
        raise UnusableImageError("is not a readable image") from None
    except Exception as error:
        # A damaged file can raise any exception.
        reason = " ".join(f"{error}".split()) or type(error).__name__
        raise UnusableImageError(f"cannot be decoded: {reason}") from None


def _opened(file: IO[bytes]) -> Image.Image:
    """Open an image, HEIC with its package if installed."""
    try:
        return open_picture(file)
    except UnidentifiedImageError:
        file.seek(0)
        head = file.read(64)
        if head[4:8] != b"ftyp" or not (head[8:12] in _HEIC or _is_heif(head)):
            raise
    if importlib.util.find_spec("pillow_heif") is None:
        raise UnusableImageError(
            f"is HEIC, which the package {HEIC_READER} reads: python -m pip install {HEIC_READER}"
        )
    importlib.import_module("pillow_heif").register_heif_opener()
    file.seek(0)
    return open_picture(file, "HEIF")


def _is_heif(head: bytes) -> bool:
    """Return whether a file of the general HEIF brand lists a HEIC brand."""
    others = [head[i : i + 4] for i in range(16, len(head), 4)]
    return head[8:12] in _HEIF and any(one in _HEIC for one in others)


def deep_mode(file: IO[bytes]) -> str | None:
    """Return ``integers`` or ``floats`` for grey images of more than 8 bits, else None.

    Only the header is read; None for files that are not images.
    """
    head = file.read(26)
    file.seek(0)
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "integers" if head[24:26] == b"\x10\0" else None
    if head[:2] in (b"\xff\xd8", b"BM") or head[:4] in (b"GIF8", b"RIFF"):
        return None
    try:
        with open_picture(file) as opened:
            mode = opened.mode
    except Exception:
        return None  # decoding reports why
    return "integers" if mode in _INTEGERS else "floats" if mode in _FLOATS else None


def largest_value(file: IO[bytes]) -> float:
    """Return the largest finite value of an image; 0 if it cannot be decoded."""
    try:
        with open_picture(file) as opened:
            is_large = opened.width * opened.height > LARGE_PIXELS
            with _one_large_at_a_time if is_large else nullcontext():
                values = np.asarray(opened)
                return float(np.max(values, where=np.isfinite(values), initial=0))
    except Exception:
        return 0.0  # decoding reports why


def original_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height of a decoded image before reduction."""
    size: tuple[int, int] = image.info.get(_ORIGINAL_SIZE, image.size)
    return size


def _decoded(opened: Image.Image, grey: GreyScale) -> Image.Image:
    width, height = opened.size
    if width * height <= LARGE_PIXELS:
        opened.load()
        return _to_eight_bits(ImageOps.exif_transpose(opened), grey)
    with _one_large_at_a_time:
        opened.draft(None, (KEPT_SIDE, KEPT_SIDE))
        opened.load()
        reduced = _reduced(opened)
        turned = ImageOps.exif_transpose(reduced)
        image = _to_eight_bits(turned, grey)
    sideways = turned.size != reduced.size
    image.info[_ORIGINAL_SIZE] = (height, width) if sideways else (width, height)
    return image


def _reduced(image: Image.Image) -> Image.Image:
    factor = min(image.size) // KEPT_SIDE
    if factor < 2:
        return image
    if image.mode in ("P", "PA", "1"):  # indices cannot be averaged
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode.startswith("I;"):  # averaging knows 32 bits, not 16
        image = image.convert("I")
    return image.reduce(factor)


def _to_eight_bits(image: Image.Image, grey: GreyScale) -> Image.Image:
    if image.mode in ("L", "RGB"):
        return image if type(image) is Image.Image else image.copy()
    if image.mode in _INTEGERS:
        return _scaled(image, grey.integers)
    if image.mode in _FLOATS:
        return _scaled(image, grey.floats)
    if image.mode == "1":
        return image.convert("L")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _scaled(image: Image.Image, top: float) -> Image.Image:
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    return Image.fromarray((values.clip(0, top) * (255.0 / top)).round().astype(np.uint8))
