"""Digital: less contrast, warped, coarse pixels, strong JPEG compression."""

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from analysis.datasets.pictures import open_picture
from analysis.shifts.corruptions.registry import Picture, register
from analysis.shifts.corruptions.scaling import amplitude_scale, grid, sampled

_CONTRAST = (0.4, 0.3, 0.2, 0.1, 0.05)
# root mean square displacement, correlation length, and shift of the corners, shares of the side
_ELASTIC = (
    (0.008, 0.06, 0.02),
    (0.012, 0.05, 0.03),
    (0.016, 0.04, 0.04),
    (0.02, 0.035, 0.05),
    (0.025, 0.03, 0.06),
)
_PIXELATE = (0.6, 0.5, 0.4, 0.3, 0.25)
_JPEG = (25, 18, 15, 10, 7)


@register("contrast", summary="every channel drawn towards its mean")
def contrast(picture: Picture, severity: int, _: np.random.Generator) -> Picture:
    """Less contrast: ``(x - m) c + m`` with the image's mean m of each channel.

    c = .4, .3, .2, .1, .05, the same at every size.
    Source: Hendrycks & Dietterich 2019.
    """
    mean = picture.mean(axis=(0, 1), keepdims=True)
    return (picture - mean) * _CONTRAST[severity - 1] + mean


@register("elastic_transform", summary="stretched as a whole and warped in small regions")
def elastic_transform(picture: Picture, severity: int, generator: np.random.Generator) -> Picture:
    """Affine distortion, then displaced by a smooth random field (bilinear).

    Three corners are moved by up to a of the side in either direction; the field is uniform noise
    smoothed by a Gaussian of the length l (at least half a pixel) and scaled to a root mean square
    of r of the side. (r, l, a) = (.008, .06, .02), (.012, .05, .03), (.016, .04, .04),
    (.02, .035, .05), (.025, .03, .06).
    Source: Hendrycks & Dietterich 2019 for the idea (Simard et al. 2003 for the method). Their
    parameters mix much affine with no warping at severities 1 and 2 with the reverse at 3 to 5, and
    their displacement does not shrink with the image; ours rise together and are proportions.
    """
    warp, length, corner = _ELASTIC[severity - 1]
    side = min(picture.shape[:2])
    row, column = grid(picture)
    moves = generator.uniform(-1, 1, (2, 3)) * corner * side
    down, right = row / max(row.max(), 1), column / max(column.max(), 1)
    places = []
    for axis, (at_origin, at_right, at_bottom) in zip((row, column), moves, strict=True):
        affine = at_origin + (at_right - at_origin) * right + (at_bottom - at_origin) * down
        noise = generator.uniform(-1, 1, row.shape)
        field = ndimage.gaussian_filter(noise, max(length * side, 0.5), mode="reflect")
        spread = max(float(np.sqrt((field**2).mean())), 1e-12)
        places.append(axis + affine + field * (warp * side / spread))
    return sampled(picture, places[0], places[1])


@register("pixelate", summary="shown in fewer, larger pixels")
def pixelate(picture: Picture, severity: int, _: np.random.Generator) -> Picture:
    """Every pixel the mean of the coarser cell that it lies in.

    A cell is ``1 + (1 / c - 1) s`` pixels wide with c = .6, .5, .4, .3, .25 and s the amplitude
    scale: 1 / c at 224 pixels, less on images that are coarse already. Of a width that is no whole
    number the cells alternate; below 2 pixels the image is mixed with that of 2 pixels instead.
    Source: Hendrycks & Dietterich 2019, who shrink to the share c and enlarge again.
    """
    cell = 1 + (1 / _PIXELATE[severity - 1] - 1) * amplitude_scale(picture)
    share = min(cell - 1, 1.0)
    return (1 - share) * picture + share * _cells(picture, max(cell, 2.0))


def _cells(picture: Picture, size: float) -> Picture:
    """Mean over cells of whole pixels, ``size`` on average; those at the far edges are cut off."""
    means = picture
    for axis in (0, 1):
        n = picture.shape[axis]
        starts = (np.arange(np.ceil(n / size)) * size).astype(np.intp)
        lengths = np.diff(starts, append=n)
        shape = [1, 1, 1]
        shape[axis] = -1
        sums = np.add.reduceat(means, starts, axis=axis)
        means = np.repeat(sums / lengths.reshape(shape), lengths, axis=axis)
    return means


@register("jpeg_compression", summary="stored as a JPEG of low quality")
def jpeg_compression(picture: Picture, severity: int, _: np.random.Generator) -> Picture:
    """JPEG of quality 25, 18, 15, 10, 7 at 224 pixels.

    On other sizes the quantization steps of that quality are multiplied by the amplitude scale:
    about 62, 48, 39, 26, 18 at 32 pixels. Pillow's encoder, whose version may change a level.
    Source: Hendrycks & Dietterich 2019.
    """
    quality = _JPEG[severity - 1]
    # libjpeg multiplies its standard table by 50 / quality, above 50 by 2 - quality / 50.
    steps = 50 / quality * amplitude_scale(picture)
    scaled = round(50 / steps if steps > 1 else 100 - 50 * steps)
    levels = np.rint(picture * 255).astype(np.uint8)
    image = Image.fromarray(levels[:, :, 0] if levels.shape[2] == 1 else levels)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=min(max(scaled, 1), 100))
    decoded = np.asarray(open_picture(buffer), np.float64) / 255
    return decoded.reshape(picture.shape)
