"""The one place that opens pictures: of a few formats, whatever their names say.

Pillow knows some thirty formats, and starts Ghostscript for one of them.
"""

from typing import IO

from PIL import Image

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF")


def open_picture(file: IO[bytes], *also: str) -> Image.Image:
    """Open a picture of a format that is allowed; its pixels are decoded when they are asked for.

    Parameters
    ----------
    also : str
        Formats that are allowed besides, as Pillow calls them.

    Raises
    ------
    PIL.UnidentifiedImageError
        It is none, or of another format.
    """
    Image.init()
    formats = [one for one in (*FORMATS, *also) if one in Image.OPEN]
    return Image.open(file, formats=formats)
