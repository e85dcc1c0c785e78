"""Weather: snow, frost, fog, and brighter light. All procedural: no picture of any is used."""

import numpy as np

from analysis.shifts.corruptions.registry import Picture, register
from analysis.shifts.corruptions.scaling import blurred, fractal, length_scale, line_kernel, sampled

# mean, flake in pixels, threshold, radius, sigma, how much of the image is kept
_SNOW = (
    (0.1, 3.0, 0.5, 10.0, 4.0, 0.8),
    (0.1, 2.0, 0.5, 12.0, 4.0, 0.7),
    (0.55, 4.0, 0.9, 12.0, 8.0, 0.7),
    (0.55, 4.5, 0.85, 12.0, 8.0, 0.65),
    (0.55, 2.5, 0.85, 12.0, 12.0, 0.55),
)
_FROST = ((1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.75), (0.6, 0.8))
_FOG = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (3.0, 1.5), (3.5, 1.4))
_BRIGHTER = (0.1, 0.2, 0.3, 0.4, 0.5)
_FROST_TINT = (0.85, 0.93, 1.0)


@register("snow", summary="bright streaks over a paler image")
def snow(picture: Picture, severity: int, generator: np.random.Generator) -> Picture:
    """Whitened image plus a layer of flakes, and the layer turned by half a circle.

    ``m x + (1 - m) max(x, 1.5 grey(x) + 0.5) + l + turned(l)``. The layer l is normal noise
    N(mean, .3) on a grid of flakes of f pixels (at least one), cut to 0 below a threshold,
    interpolated and blurred along a line pointing down, 45 to 135 degrees. (mean, f, threshold,
    radius, sigma, m): (.1, 3, .5, 10, 4, .8), (.1, 2, .5, 12, 4, .7), (.55, 4, .9, 12, 8, .7),
    (.55, 4.5, .85, 12, 8, .65), (.55, 2.5, .85, 12, 12, .55); f, radius and sigma at 224 pixels,
    times the length scale.
    Source: Hendrycks & Dietterich 2019, who enlarge the layer before they cut it.
    """
    mean, flake, threshold, radius, sigma, kept = _SNOW[severity - 1]
    scale = length_scale(picture)
    height, width = picture.shape[:2]
    size = max(flake * scale, 1.0)
    cells = np.clip(generator.standard_normal((height + 2, width + 2, 1)) * 0.3 + mean, 0, 1)
    cells[cells < threshold] = 0
    row, column = np.mgrid[:height, :width] / size
    layer = sampled(cells, row, column)
    angle = generator.uniform(np.pi / 4, 3 * np.pi / 4)
    layer = blurred(layer, line_kernel(radius * scale, sigma * scale, angle))
    grey = picture.mean(axis=2, keepdims=True)
    paler = kept * picture + (1 - kept) * np.maximum(picture, 1.5 * grey + 0.5)
    return paler + layer + layer[::-1, ::-1]


@register("frost", summary="a bright, branching layer over a darker image, procedural")
def frost(picture: Picture, severity: int, generator: np.random.Generator) -> Picture:
    """Darkened image under a layer of frost: ``c x + d f``, f in 0..1.

    (c, d) = (1, .4), (.8, .6), (.7, .7), (.65, .75), (.6, .8). The source lays one of six
    photographs of frost over the image; here f is made: bright veins, a ridged fractal of the
    image's own size, squared, slightly blue on colour images.
    Source: Hendrycks & Dietterich 2019 for c and d, d a little larger at severities 4 and 5, where
    theirs changes a dark image no further; the layer is ours.
    """
    kept, added = _FROST[severity - 1]
    veins = fractal(picture.shape, 1.5, generator, ridged=True) ** 2
    tint = np.asarray(_FROST_TINT if picture.shape[2] == 3 else (1.0,))
    return kept * picture + added * veins[:, :, None] * tint


@register("fog", summary="clouds over the image, with less contrast")
def fog(picture: Picture, severity: int, generator: np.random.Generator) -> Picture:
    """Clouds added, then all scaled back: ``(x + a f) max(x) / (max(x) + a)``.

    f is a fractal in 0..1 from the whole image down to its pixels, octave k fainter by decay^-k.
    (a, decay) = (1.5, 2), (2, 2), (2.5, 1.7), (3, 1.5), (3.5, 1.4); proportions at every size.
    Source: Hendrycks & Dietterich 2019, whose fractal is made by midpoint displacement; a is .5
    larger at severities 4 and 5, where their finer clouds alone are no further from the image.
    """
    added, decay = _FOG[severity - 1]
    clouds = fractal(picture.shape, decay, generator)[:, :, None]
    top = picture.max()
    return (picture + added * clouds) * top / (top + added)


@register("brightness", summary="brighter, as in stronger light")
def brightness(picture: Picture, severity: int, _: np.random.Generator) -> Picture:
    """Value in HSV raised by b, cut at 1; hue and saturation stay. Grey: ``x + b``.

    b = .1, .2, .3, .4, .5 of the full range, the same at every size.
    Source: Hendrycks & Dietterich 2019.
    """
    value = picture.max(axis=2, keepdims=True)
    raised = np.minimum(value + _BRIGHTER[severity - 1], 1)
    # Black has no hue: it becomes grey.
    return np.where(value > 0, picture / np.where(value > 0, value, 1) * raised, raised)
