"""Not worse by more than d: upper bounds of the recall that each class loses (non-inferiority)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from analysis.stats.two_way import NO_VARIANCE, Variances
from analysis.stats.votes import FloatArray, IntArray

ALPHA = 0.05


@dataclass(frozen=True)
class LossBounds:
    """One-sided upper bounds of the loss of recall of each class, (C,); NaN where there is none.

    ``upper`` is at .05: *no class loses more than d* where every one is at most d. ``named`` is at
    .05 / C: each class whose bound is at most d may be named as safe.
    """

    upper: FloatArray
    named: FloatArray


def loss_bounds(recall_delta: FloatArray, variances: Variances, n_images: IntArray) -> LossBounds:
    """Upper bounds of the loss of every class, for other seeds and other images.

    ``U_c = -delta_c + t_(1 - alpha, df) sqrt(V_c)`` with the two-way variance V_c of the change of
    recall, never below ``1 / (n_c + 2)^2``; df is that of the variance without that floor, and
    the quantile is the normal one where V_c = 0. At most 1. Null for a class of one image or none.

    Parameters
    ----------
    recall_delta : float array, shape (C,)
    variances : Variances
        Of ``recall_delta``.
    n_images : integer array, shape (C,)

    Notes
    -----
    That every bound holds at .05 without correction is an intersection-union test (Berger 1982):
    the statement "no class loses more than d" is false with probability at most .05.
    """
    total, df = variances.total, variances.df
    error = np.sqrt(np.maximum(np.nan_to_num(total), 1 / (n_images + 2.0) ** 2))
    known = (n_images > 1) & ~np.isnan(total)
    n_classes = max(int((n_images > 0).sum()), 1)

    def bound(alpha: float) -> FloatArray:
        has_varied = np.nan_to_num(total) > NO_VARIANCE
        quantile = np.where(has_varied, stdtrit(df, 1 - alpha), ndtri(1 - alpha))
        return np.where(known, np.minimum(-recall_delta + quantile * error, 1.0), np.nan)

    return LossBounds(bound(ALPHA), bound(ALPHA / n_classes))


def pair_loss_bounds(to_wrong: IntArray, to_right: IntArray, n_images: IntArray) -> LossBounds:
    """Upper bounds of the loss of every class of one pair of models, for other images.

    With ``q = (b + 1) / (n + 2)`` of the b images that flip to wrong and ``r = (c + 1) / (n + 2)``
    of the c that flip to right: ``q - r + z_(1 - alpha) sqrt((q + r - (q - r)^2) / (n + 2))``, at
    most 1. The seeds are not in it. Null for a class of one image or none.

    Parameters
    ----------
    to_wrong, to_right, n_images : integer arrays, shape (C,)

    Notes
    -----
    Source: Bonett and Price 2012, one-sided.
    """
    n = n_images + 2.0
    q, r = (to_wrong + 1) / n, (to_right + 1) / n
    error = np.sqrt((q + r - (q - r) ** 2) / n)
    n_classes = max(int((n_images > 0).sum()), 1)

    def bound(alpha: float) -> FloatArray:
        upper = np.minimum(q - r + ndtri(1 - alpha) * error, 1.0)
        return np.where(n_images > 1, upper, np.nan)

    return LossBounds(bound(ALPHA), bound(ALPHA / n_classes))
