"""Shares and their differences: intervals of Wilson and Newcombe, Fisher's exact test."""

import numpy as np

from analysis.stats.votes import FloatArray, IntArray

_Z = 1.959963984540054


def wilson(count: IntArray | FloatArray, n: float) -> tuple[FloatArray, FloatArray]:
    """95 % interval of a share ``count / n``, 0..1, by Wilson's score; shapes of ``count``.

    ``(p + z^2/2n +- z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n)``: it stays within 0..1 and has
    a width where ``count`` is 0 or n. NaN where n is 0. Source: Wilson 1927.

    Parameters
    ----------
    count, n : array, number
        Successes, and trials of each; effective numbers where trials depend on each other.
    """
    count = np.asarray(count, np.float64)
    if n == 0:
        nothing = np.full(count.shape, np.nan)
        return nothing, nothing
    p, z2 = count / n, _Z**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    margin = _Z * np.sqrt(p * (1 - p) / n + z2 / (4 * n**2)) / (1 + z2 / n)
    low, high = np.clip(centre - margin, 0, 1), np.clip(centre + margin, 0, 1)
    # Remove rounding errors at 0 and n.
    return np.where(count == 0, 0.0, low), np.where(count == n, 1.0, high)


def newcombe(
    count_x: IntArray, n_x: int, count_y: IntArray, n_y: int, *, n_shared: int = 0
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""Difference of two shares ``x - y`` and its 95 % interval, -1..1.

    With Wilson's limits l, u of each share,
    ``d - sqrt((x - l_x)^2 + (u_y - y)^2 - 2 r (x - l_x)(u_y - y))`` to
    ``d + sqrt((u_x - x)^2 + (y - l_y)^2 - 2 r (u_x - x)(y - l_y))``.

    Parameters
    ----------
    count_x, count_y : integer arrays, shape (C,)
        How many of the n_x and n_y images have the property.
    n_shared : int
        Images that are in both samples. They vary together, with the correlation
        ``r = n_shared / sqrt(n_x n_y)`` of two shares of equal variance; 0 for separate samples.
    n_x, n_y : int
        Size of either sample.

    Returns
    -------
    difference, low, high : float arrays, shape (C,)
        NaN where a sample is empty.

    Notes
    -----
    Newcombe 1998, method 10, for r = 0; with a correlation as in his method for paired samples.
    """
    low_x, high_x = wilson(count_x, n_x)
    low_y, high_y = wilson(count_y, n_y)
    if not n_x or not n_y:
        return low_x + low_y, low_x + low_y, low_x + low_y
    x, y = np.asarray(count_x) / n_x, np.asarray(count_y) / n_y
    r = n_shared / np.sqrt(n_x * n_y)
    below = _combined(x - low_x, high_y - y, r)
    above = _combined(high_x - x, y - low_y, r)
    return x - y, x - y - below, x - y + above


def _combined(a: FloatArray, b: FloatArray, r: float) -> FloatArray:
    return np.sqrt(np.maximum(a**2 + b**2 - 2 * r * a * b, 0.0))


def fisher(count_x: IntArray, n_x: int, count_y: IntArray, n_y: int) -> FloatArray:
    """Fisher's exact two-sided p of each property, 0..1, shape (C,).

    The sum of the hypergeometric probabilities, given how many have the property in all, that are
    no larger than that of what was counted. NaN where a sample is empty. Source: Fisher 1935.

    Parameters
    ----------
    count_x, count_y : integer array
        Successes in either group.
    n_x, n_y : int
        Size of either group.
    """
    if not n_x or not n_y:
        return np.full(np.shape(count_x), np.nan)
    from scipy.stats import fisher_exact  # which takes half a second to load

    tables = [[[x, n_x - x], [y, n_y - y]] for x, y in zip(count_x, count_y, strict=True)]
    return np.array([fisher_exact(table).pvalue for table in tables], np.float64)
