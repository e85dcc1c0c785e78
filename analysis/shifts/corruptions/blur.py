"""Blur: out of focus, through frosted glass, of a moving camera, of one that comes closer."""

import numpy as np

from analysis.shifts.corruptions.registry import Picture, register
from analysis.shifts.corruptions.scaling import (
    blurred,
    gaussian_kernel,
    grid,
    kernel_of,
    length_scale,
    line_kernel,
    sampled,
)

_DEFOCUS = (3.0, 4.0, 6.0, 8.0, 10.0)
_GLASS = ((0.7, 1.0, 2), (0.9, 2.0, 1), (1.0, 2.0, 3), (1.1, 3.0, 2), (1.5, 4.0, 2))
_MOTION = ((10.0, 3.0), (15.0, 5.0), (15.0, 8.0), (15.0, 12.0), (20.0, 15.0))
_ZOOM = (1.10, 1.15, 1.20, 1.25, 1.30)
_ZOOM_STEPS = 12


@register("defocus_blur", summary="mean over a disk, as of a lens out of focus")
def defocus_blur(picture: Picture, severity: int, _: np.random.Generator) -> Picture:
    """Mean over a disk of radius r around every pixel.

    r = 3, 4, 6, 8, 10 pixels at 224 times the length scale. The disk is laid over the image as it
    is between the pixels (bilinear), so a radius below one pixel blurs too.
    Source: Hendrycks & Dietterich 2019.
    """
    radius = _DEFOCUS[severity - 1] * length_scale(picture)
    node = np.linspace(-1, 1, 2 * int(2 * radius + 10) + 1)
    dy, dx = np.meshgrid(node, node, indexing="ij")
    inside = dy**2 + dx**2 <= 1
    kernel = kernel_of(dy[inside] * radius, dx[inside] * radius, np.ones(int(inside.sum())))
    return blurred(picture, kernel)


@register("glass_blur", summary="pixels scattered within a small distance, as of frosted glass")
def glass_blur(picture: Picture, severity: int, generator: np.random.Generator) -> Picture:
    """Gaussian blur, then every pixel taken from a random place nearby, then blurred again.

    Each of n passes takes a pixel from a place up to d away in either direction, uniformly and
    independently (bilinear). (sigma, d, n) = (.7, 1, 2), (.9, 2, 1), (1, 2, 3), (1.1, 3, 2),
    (1.5, 4, 2) at 224 pixels, sigma and d times the length scale. The source exchanges pixels one
    after the other instead, which is the same scatter for whole pixels alone.
    Source: Hendrycks & Dietterich 2019.
    """
    sigma, distance, passes = _GLASS[severity - 1]
    scale = length_scale(picture)
    kernel = gaussian_kernel(sigma * scale)
    changed = blurred(picture, kernel)
    row, column = grid(picture)
    for _ in range(passes):
        dy, dx = generator.uniform(-1, 1, (2, *row.shape)) * distance * scale
        changed = sampled(changed, row + dy, column + dx)
    return blurred(changed, kernel)


@register("motion_blur", summary="mean along a line of random direction, as of a moving camera")
def motion_blur(picture: Picture, severity: int, generator: np.random.Generator) -> Picture:
    """Mean along a line, Gaussian weights of standard deviation sigma cut off at a radius.

    (radius, sigma) = (10, 3), (15, 5), (15, 8), (15, 12), (20, 15) pixels at 224 times the length
    scale; the angle is uniform within 45 degrees of the horizontal. The line is centred on the
    pixel, where the source's begins at it, so that nothing moves.
    Source: Hendrycks & Dietterich 2019.
    """
    radius, sigma = (value * length_scale(picture) for value in _MOTION[severity - 1])
    angle = generator.uniform(-np.pi / 4, np.pi / 4)
    return blurred(picture, line_kernel(radius, sigma, angle))


@register("zoom_blur", summary="mean over growing enlargements, as of a camera that comes closer")
def zoom_blur(picture: Picture, severity: int, _: np.random.Generator) -> Picture:
    """Mean of the image enlarged about its centre by 12 equally spaced factors from 1 to z.

    z = 1.10, 1.15, 1.20, 1.25, 1.30: a proportion, the same at every size.
    Source: Hendrycks & Dietterich 2019, with steps of .01 to .03.
    """
    row, column = grid(picture)
    middle_row, middle_column = (picture.shape[0] - 1) / 2, (picture.shape[1] - 1) / 2
    total = np.zeros_like(picture)
    for zoom in np.linspace(1, _ZOOM[severity - 1], _ZOOM_STEPS):
        total += sampled(
            picture,
            middle_row + (row - middle_row) / zoom,
            middle_column + (column - middle_column) / zoom,
        )
    return total / _ZOOM_STEPS
