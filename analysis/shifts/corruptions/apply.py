"""Corrupt one image, with random numbers seeded by the image itself."""

import hashlib

import numpy as np
import numpy.typing as npt

from analysis.shifts.corruptions.registry import corruption

Pixels = npt.NDArray[np.uint8]


def corrupt(pixels: Pixels, name: str, severity: int) -> Pixels:
    """Corrupt one image, rounded to whole levels.

    The random numbers are drawn from a generator seeded with the SHA-256 of the corruption's name,
    the image's shape and its pixels. So an image is corrupted equally in every run, worker, order
    and subset of the data, and all severities share their draws.

    Parameters
    ----------
    pixels : uint8 array, shape (C, H, W)
        Grey (C = 1) or colour (C = 3), at the model's input size.
    severity : int
        1 to 5.

    Returns
    -------
    uint8 array, shape (C, H, W)
    """
    picture = pixels.transpose(1, 2, 0).astype(np.float64) / 255
    changed = corruption(name).work(picture, severity, _generator(pixels, name))
    levels = np.rint(np.clip(changed, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(2, 0, 1))


def _generator(pixels: Pixels, name: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{name}\0{pixels.shape}\0".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return np.random.default_rng(int.from_bytes(digest.digest()[:16], "little"))
