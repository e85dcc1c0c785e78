"""Decoding one picture from anywhere into an upright grey or colour image.

Memory stays bounded: a picture of more than ``LARGE_PIXELS`` is decoded alone and kept at a
reduced size of at least ``KEPT_SIDE`` pixels on its shorter side (a JPEG is never decoded larger),
and one of more than twice Pillow's ``MAX_IMAGE_PIXELS``, a decompression bomb, is refused unread.
"""

import threading
from contextlib import nullcontext
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from analysis.datasets.files import NoRegularFileError, open_regular

LARGE_PIXELS = 16_000_000
KEPT_SIDE = 1_024

_SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "F")
_ORIGINAL_SIZE = "lethe_original_size"
_one_large_at_a_time = threading.Lock()


class UnusableImageError(Exception):
    """The picture cannot be decoded; says why in a few words."""


def upright(source: Path | IO[bytes]) -> Image.Image:
    """Decode the first frame, turned as its EXIF orientation says, as L or RGB.

    16-bit grey is scaled to 8 bits, transparency is laid on white, CMYK and palettes are converted.

    Raises
    ------
    UnusableImageError
        The file is missing, empty, no file, truncated, no picture, or a decompression bomb.
    """
    try:
        with open_regular(source) if isinstance(source, Path) else nullcontext(source) as file:
            if not file.read(1):
                raise UnusableImageError("is empty")
            file.seek(0)
            with Image.open(file) as opened:
                return _decoded(opened)
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
        raise UnusableImageError("is no image that can be read") from None
    except Exception as error:
        # Decoders of some thirty formats meet damage with whatever goes wrong first.
        reason = " ".join(f"{error}".split()) or type(error).__name__
        raise UnusableImageError(f"cannot be decoded: {reason}") from None


def original_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of a decoded picture before it was reduced."""
    size: tuple[int, int] = image.info.get(_ORIGINAL_SIZE, image.size)
    return size


def _decoded(opened: Image.Image) -> Image.Image:
    width, height = opened.size
    if width * height <= LARGE_PIXELS:
        opened.load()
        return _to_eight_bits(ImageOps.exif_transpose(opened))
    with _one_large_at_a_time:
        opened.draft(None, (KEPT_SIDE, KEPT_SIDE))
        opened.load()
        reduced = _reduced(opened)
        turned = ImageOps.exif_transpose(reduced)
        image = _to_eight_bits(turned)
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


def _to_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in ("L", "RGB"):
        return image if type(image) is Image.Image else image.copy()
    if image.mode in _SIXTEEN_BIT:
        return _scaled(image)
    if image.mode == "1":
        return image.convert("L")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _scaled(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    top = 65_535.0 if values.max(initial=0) > 255 else 255.0
    return Image.fromarray((values.clip(0, top) * (255.0 / top)).round().astype(np.uint8))
