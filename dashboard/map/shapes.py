"""Which points of the map lie in a shape that was drawn on it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.stats.image_map import Map

MOST_CORNERS = 2_000


def read_corners(points: Any) -> npt.NDArray[np.float64] | None:
    """Read the corners of a shape as the browser sends them, (M, 2); None where they are none."""
    if not isinstance(points, list) or not 3 <= len(points) <= MOST_CORNERS:
        return None
    if not all(
        isinstance(one, list)
        and len(one) == 2
        and all(isinstance(x, int | float) and not isinstance(x, bool) for x in one)
        for one in points
    ):
        return None
    try:
        corners = np.asarray(points, np.float64)
    except (OverflowError, ValueError):
        return None
    return corners if np.isfinite(corners).all() and np.abs(corners).max() < 1e6 else None


def inside(placed: Map, corners: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the points within a shape, whose edges may cross (even-odd rule), rising."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    near = np.flatnonzero(((placed >= low) & (placed <= high)).all(axis=1))
    x, y = placed[near, 0].astype(np.float64), placed[near, 1].astype(np.float64)
    is_in = np.zeros(len(near), np.bool_)
    ends = np.roll(corners, -1, axis=0)
    for (x1, y1), (x2, y2) in zip(corners, ends, strict=True):
        if y1 == y2:
            continue
        crosses = (y1 > y) != (y2 > y)
        is_in ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return near[is_in].astype(np.int64)
