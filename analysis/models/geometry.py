"""Bring images to a model's input size: resize, crop, squash or pad."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

Size = tuple[int, int]

RESIZES = ("crop", "squash", "pad")
_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
INTERPOLATIONS = tuple(_FILTERS)
# timm's names of the resize modes.
CROP_MODES = {"center": "crop", "squash": "squash", "border": "pad"}


@dataclass(frozen=True)
class Geometry:
    """The pixels a model takes.

    Parameters
    ----------
    size : (int, int)
        Height and width.
    channels : int
        1 (grey) or 3.
    resize : {"crop", "squash", "pad"}
        ``crop`` with ``crop_pct``: the shorter side to ``size / crop_pct``, then the centre, as
        timm and torchvision do; without it the centre of the input's proportions, resized.
        ``squash``: both sides. ``pad``: the longer side, the rest black.
    crop_pct : float or None
        Share of the resized side that is kept, above 0 and at most 1.
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos"}
    """

    size: Size
    channels: int
    resize: str = "crop"
    crop_pct: float | None = None
    interpolation: str = "bicubic"

    @property
    def key(self) -> str:
        """Name of files with these pixels."""
        name = f"{self.size[0]}x{self.size[1]}x{self.channels}"
        if (self.resize, self.crop_pct, self.interpolation) == ("crop", None, "bicubic"):
            return name
        return f"{name}-{self.resize}-{self.crop_pct or 0:g}-{self.interpolation}"

    def pixels(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        """Convert an image to uint8 [C, H, W]."""
        picture = self._resized(image.convert("L" if self.channels == 1 else "RGB"))
        pixels = np.asarray(picture)
        return pixels[None] if self.channels == 1 else pixels.transpose(2, 0, 1)

    def _resized(self, picture: Image.Image) -> Image.Image:
        height, width = self.size
        how = _FILTERS[self.interpolation]
        if self.resize == "crop" and self.crop_pct is None:
            if picture.size == (width, height):
                return picture
            return ImageOps.fit(picture, (width, height), how)
        scaled = tuple(math.floor(side / (self.crop_pct or 1)) for side in self.size)
        if self.resize == "crop":
            picture = _shorter_side(picture, scaled, how)
        elif self.resize == "squash":
            picture = _to(picture, scaled[1], scaled[0], how)
        else:
            picture = _longer_side(picture, scaled, how)
        return _centre(picture, height, width)


def _to(picture: Image.Image, width: int, height: int, how: Image.Resampling) -> Image.Image:
    return picture if picture.size == (width, height) else picture.resize((width, height), how)


def _shorter_side(picture: Image.Image, to: tuple[int, ...], how: Image.Resampling) -> Image.Image:
    """Resize so that the picture just covers ``to``, (height, width)."""
    width, height = picture.size
    if to[0] == to[1]:  # as torchvision rounds
        short, long = sorted((width, height))
        longer = int(to[0] * long / short)
        new = (to[0], longer) if width <= height else (longer, to[0])
        return _to(picture, *new, how)
    ratio = min(height / to[0], width / to[1])
    return _to(picture, round(width / ratio), round(height / ratio), how)


def _longer_side(picture: Image.Image, to: tuple[int, ...], how: Image.Resampling) -> Image.Image:
    """Resize so that the picture just fits into ``to``, (height, width)."""
    width, height = picture.size
    ratio = max(height / to[0], width / to[1])
    return _to(picture, max(1, round(width / ratio)), max(1, round(height / ratio)), how)


def _centre(picture: Image.Image, height: int, width: int) -> Image.Image:
    """Cut out the centre; pixels outside the image are black."""
    if picture.size == (width, height):
        return picture
    left = round((picture.size[0] - width) / 2.0)
    top = round((picture.size[1] - height) / 2.0)
    return picture.crop((left, top, left + width, top + height))
