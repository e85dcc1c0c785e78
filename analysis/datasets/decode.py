"""Decoding one picture from anywhere into an upright grey or colour image."""

import struct
import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

_SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "F")


class UnusableImageError(Exception):
    """The picture cannot be decoded; says why in a few words."""


def upright(source: Path | IO[bytes]) -> Image.Image:
    """Decode the first frame, turned as its EXIF orientation says, as L or RGB.

    16-bit grey is scaled to 8 bits, transparency is laid on white, CMYK and palettes are converted.

    Raises
    ------
    UnusableImageError
        The file is missing, empty, truncated, no picture, or a decompression bomb.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning)
            with Image.open(source) as opened:
                opened.load()
                return _to_eight_bits(ImageOps.exif_transpose(opened))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnusableImageError(f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels") from None
    except FileNotFoundError:
        raise UnusableImageError("is missing") from None
    except UnidentifiedImageError:
        raise UnusableImageError("is no image that can be read") from None
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, MemoryError) as error:
        raise UnusableImageError(f"cannot be decoded: {error}") from None


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
