"""From which sparsity on an image is lost to a method."""

from collections.abc import Sequence

import numpy as np

from analysis.stats.modal import BoolArray, FloatArray


def breaking_point(sparsity: Sequence[float], pie: BoolArray) -> FloatArray:
    """Breaking point per image, a sparsity 0..1, shape (N,).

    The smallest sparsity of a method from which on the image is a PIE at every larger one tested;
    NaN where it is none at the largest. Variants of one sparsity count as one: the image is a PIE
    there where it is one in all of them.

    Parameters
    ----------
    sparsity : sequence of L floats
        Sparsities tested, in any order.
    pie : bool array, shape (L, N)
        Whether each image is a PIE at that sparsity.

    Raises
    ------
    ValueError
        There is no sparsity, or their number is not that of the rows.
    """
    if not len(sparsity) or len(sparsity) != len(pie):
        raise ValueError("expected one row of flags for every sparsity")
    tested = np.asarray(sparsity, np.float64)
    levels = np.unique(tested)[::-1]
    flags = np.stack([pie[tested == level].all(axis=0) for level in levels])
    held = np.logical_and.accumulate(flags, axis=0).sum(axis=0)
    # As many of the largest sparsities as hold without a gap: the last of them is the point.
    return np.append(levels, np.nan)[held - 1]
