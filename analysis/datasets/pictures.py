"""Open images of allowed formats only, whatever their names.

Pillow supports some thirty formats and starts Ghostscript for one of them.
"""

from typing import IO

from PIL import Image

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF")


def open_picture(file: IO[bytes], *also: str) -> Image.Image:
    """Open an image of an allowed format; its pixels are decoded on access.

    Parameters
    ----------
    also : str
        Further allowed formats, by their names in Pillow.

    Raises
    ------
    PIL.UnidentifiedImageError
        The file is not an image of these formats.
    """
    Image.init()
    formats = [one for one in (*FORMATS, *also) if one in Image.OPEN]
    return Image.open(file, formats=formats)
