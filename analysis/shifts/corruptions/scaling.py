"""Scale parameters for 224 pixels to other sizes, and blur with subpixel kernels."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from analysis.shifts.corruptions.registry import Picture

_REFERENCE = 224
FloatArray = npt.NDArray[np.float64]


def length_scale(picture: Picture) -> float:
    """Return the shorter side of an image over 224, the factor of lengths in pixels."""
    return min(picture.shape[:2]) / _REFERENCE


def amplitude_scale(picture: Picture) -> float:
    """Return the square root of the length scale, the factor of noise per pixel.

    Unchanged noise would dominate a small image, whose pixels show more; noise averaged with
    shrinking would vanish. This is the geometric mean of the two, and at 32 pixels close to the
    authors' choice for CIFAR-10-C.
    """
    return float(np.sqrt(length_scale(picture)))


def kernel_of(dy: FloatArray, dx: FloatArray, weight: FloatArray) -> FloatArray:
    """Return a blur kernel that averages an image over subpixel shifts (bilinear).

    Parameters
    ----------
    dy, dx, weight : float arrays, shape (n,)
        Shifts in pixels and their weights.
    """
    radius = int(np.ceil(max(np.abs(dy).max(), np.abs(dx).max()))) + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    row, column = np.floor(dy).astype(int), np.floor(dx).astype(int)
    for down in (0, 1):
        for right in (0, 1):
            share = np.abs(1 - down - (dy - row)) * np.abs(1 - right - (dx - column))
            np.add.at(kernel, (row + down + radius, column + right + radius), weight * share)
    return np.asarray(kernel / kernel.sum())


def blurred(picture: Picture, kernel: FloatArray) -> Picture:
    """Convolve every channel with a kernel, mirroring the image at its edges."""
    return np.asarray(ndimage.convolve(picture, kernel[:, :, None], mode="reflect"))


def gaussian_kernel(sigma: float) -> FloatArray:
    """Return an isotropic Gaussian kernel of any sigma, also far below a pixel."""
    node = np.linspace(-3, 3, 25)
    dy, dx = np.meshgrid(node, node, indexing="ij")
    weight = np.exp(-(dy**2 + dx**2) / 2)
    return kernel_of(dy.ravel() * sigma, dx.ravel() * sigma, weight.ravel())


def line_kernel(radius: float, sigma: float, angle: float) -> FloatArray:
    """Return the kernel of a line: weights ``exp(-t^2 / (2 sigma^2))`` for |t| <= radius.

    Parameters
    ----------
    radius, sigma : float
        Pixels.
    angle : float
        Radians from the horizontal.
    """
    t = np.linspace(-radius, radius, 2 * int(4 * radius + 8) + 1)
    return kernel_of(t * np.sin(angle), t * np.cos(angle), np.exp(-(t**2) / (2 * sigma**2)))


def sampled(picture: Picture, row: FloatArray, column: FloatArray) -> Picture:
    """Sample an image at fractional positions [H, W] (bilinear), mirrored at its edges."""
    channels = [
        ndimage.map_coordinates(picture[:, :, c], [row, column], order=1, mode="mirror")
        for c in range(picture.shape[2])
    ]
    return np.stack(channels, axis=2)


def grid(picture: Picture) -> tuple[FloatArray, FloatArray]:
    """Return row and column of every pixel, [H, W] each."""
    row, column = np.mgrid[: picture.shape[0], : picture.shape[1]]
    return row.astype(np.float64), column.astype(np.float64)


def fractal(
    shape: tuple[int, ...], decay: float, generator: np.random.Generator, *, ridged: bool = False
) -> FloatArray:
    """Return random clouds [H, W] in 0..1: octaves of smooth noise, each finer and fainter.

    Octave k is uniform noise on a grid of 2^k + 1 cells a side, interpolated to all pixels
    (bilinear) and weighted by ``decay^-k``; the last one is about as fine as the pixels. ``ridged``
    folds every octave, ``1 - |2 n - 1|``, so that bright lines run through it.
    """
    height, width = shape[:2]
    total = np.zeros((height, width))
    for octave in range(int(np.ceil(np.log2(max(height, width)))) + 1):
        cells = 2**octave
        noise = generator.random((cells + 1, cells + 1))
        row = np.linspace(0, cells, height)[:, None] + np.zeros((1, width))
        column = np.zeros((height, 1)) + np.linspace(0, cells, width)
        layer = ndimage.map_coordinates(noise, [row, column], order=1)
        total += (1 - np.abs(2 * layer - 1) if ridged else layer) * decay**-octave
    low, high = total.min(), total.max()
    return np.asarray((total - low) / max(high - low, 1e-12))
