"""Many tests at once: Benjamini-Hochberg and Holm."""

import numpy as np

from analysis.stats.votes import FloatArray


def benjamini_hochberg(p: FloatArray) -> FloatArray:
    """Benjamini-Hochberg q values: the smallest false discovery rate that rejects each test.

    ``q_(i) = min_{j >= i} p_(j) m / j`` over the m tests with a p value; NaN stays NaN.

    Parameters
    ----------
    p : float array
        p values, shape (C,); NaN where nothing was tested.
    """
    q = np.full(len(p), np.nan)
    (tested,) = np.nonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    m = len(order)
    raw = p[order] * m / np.arange(1, m + 1)
    q[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return q


def holm(p: FloatArray) -> FloatArray:
    """Holm's adjusted p values, which bound the chance of any false rejection.

    ``p_(i)' = max_{j <= i} min(1, (m - j + 1) p_(j))`` over the m tests with a p value; NaN stays
    NaN. Source: Holm 1979.

    Parameters
    ----------
    p : float array
        p values, shape (C,); NaN where nothing was tested.
    """
    adjusted = np.full(len(p), np.nan)
    (tested,) = np.nonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    m = len(order)
    raw = p[order] * np.arange(m, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(raw), 1.0)
    return adjusted
