"""Spread of the classes beyond chance: the Q test, and deltas shrunken by it."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from analysis.stats.votes import FloatArray, IntArray


@dataclass(frozen=True)
class Spread:
    """The spread of the classes' true deltas.

    ``variance`` is tau^2, ``q`` Cochran's Q with ``df`` degrees of freedom and its ``p``;
    ``shrunken`` [C] the deltas drawn towards 0. NaN where fewer than two classes have a variance.
    """

    variance: float
    q: float
    df: int
    p: float
    shrunken: FloatArray


def spread(delta: FloatArray, error: FloatArray, n_images: IntArray) -> Spread:
    """Estimate the spread of the classes' deltas, and shrink each delta by its own variance.

    With weights ``w_c = 1 / V_c`` and their mean delta m: ``Q = sum_c w_c (D_c - m)^2``, ``tau^2 =
    max(0, (Q - (C - 1)) / (sum w - sum w^2 / sum w))``, and ``D_c tau^2 / (tau^2 + V_c)``. The test
    that there is any spread, on C - 1 degrees of freedom, takes Q with ``w_c = (1 - n_c / N) /
    V_c``.

    Parameters
    ----------
    delta : float array, shape (C,)
    error : float array, shape (C,)
        Standard errors; classes where they are NaN are left out.
    n_images : integer array, shape (C,)
        n_c; N is their sum.

    Notes
    -----
    Normalized deltas are taken from a mean that holds the class itself: ``V_c`` is ``1 - n_c / N``
    of the variance of the class's own part, by which alone the classes differ. Without that factor
    Q rejects too often where nothing differs, the more so the fewer the classes.
    Source: DerSimonian and Laird 1986. The largest of many noisy deltas is too large; a shrunken
    one is not. Where Q is not significant, no class differs from the others.
    """
    known = ~np.isnan(delta) & ~np.isnan(error)
    d, v = delta[known], error[known] ** 2
    if len(d) < 2:
        return Spread(np.nan, np.nan, 0, np.nan, np.full(len(delta), np.nan))
    weight, df = 1 / v, len(d) - 1
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    variance = max(0.0, (_q(d, weight) - df) / scale) if scale > 0 else 0.0
    shrunken = np.full(len(delta), np.nan)
    shrunken[known] = d * variance / (variance + v)
    q = _q(d, (1 - n_images[known] / n_images.sum()) / v)
    return Spread(variance, q, df, float(chdtrc(df, q)), shrunken)


def _q(delta: FloatArray, weight: FloatArray) -> float:
    return float((weight * (delta - (weight * delta).sum() / weight.sum()) ** 2).sum())
