"""Two-sided t tests and false discovery rate, vectorized over classes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv, ndtr, stdtr, stdtrit

FloatArray = npt.NDArray[np.float64]
_NO_VARIANCE = 1e-20
_NO_DIFFERENCE = 1e-12
_SMOOTH = 24
_NODES = 64


@dataclass(frozen=True)
class TTest:
    """A test a class, arrays of shape (C,): NaN where it is not defined.

    ``difference`` is the mean of the first sample minus that of the second, ``low`` and ``high``
    its 95 % interval; ``degenerate`` marks p = 0 without any variance.
    """

    difference: FloatArray
    t: FloatArray
    df: FloatArray
    p: FloatArray
    low: FloatArray
    high: FloatArray
    degenerate: npt.NDArray[np.bool_]


def welch(x: FloatArray, y: FloatArray) -> TTest:
    """Welch's two-sided t test of ``mean(x) - mean(y)`` along the first axis.

    ``t = (mean x - mean y) / sqrt(s_x^2 / K_x + s_y^2 / K_y)`` with Welch-Satterthwaite degrees of
    freedom. Where both variances are below 1e-20, t and df are NaN and p is 1 for |difference|
    < 1e-12, else 0 and flagged ``degenerate``.

    Parameters
    ----------
    x, y : float arrays, shapes (K_x, C) and (K_y, C)
        Samples, a column a class. With K < 2 on either side everything but the difference is NaN.
    """
    difference = x.mean(axis=0) - y.mean(axis=0)
    if len(x) < 2 or len(y) < 2:
        return _untested(difference)
    a, b = x.var(axis=0, ddof=1), y.var(axis=0, ddof=1)
    constant = (a < _NO_VARIANCE) & (b < _NO_VARIANCE)
    a, b = a / len(x), b / len(y)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = (a + b) ** 2 / (a**2 / (len(x) - 1) + b**2 / (len(y) - 1))
    return _t_test(difference, np.sqrt(a + b), df, constant)


def paired(x: FloatArray, y: FloatArray) -> TTest:
    """Two-sided paired t test of ``mean(x - y)`` along the first axis; shapes (K, C), df = K - 1.

    Below two pairs only the difference is known, without any pair not even that.
    """
    change = x - y
    if not len(change):
        return _untested(np.full(change.shape[1], np.nan))
    difference = change.mean(axis=0)
    if len(change) < 2:
        return _untested(difference)
    variance = change.var(axis=0, ddof=1)
    df = np.full(len(difference), float(len(change) - 1))
    error = np.sqrt(variance / len(change))
    return _t_test(difference, error, df, variance < _NO_VARIANCE)


def _t_test(
    difference: FloatArray, error: FloatArray, df: FloatArray, constant: npt.NDArray[np.bool_]
) -> TTest:
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(constant, np.nan, difference / error)
    df = np.where(constant, np.nan, df)
    p = 2 * stdtr(df, -np.abs(t))
    unchanged = np.abs(difference) < _NO_DIFFERENCE
    p = np.where(constant, np.where(unchanged, 1.0, 0.0), p)
    margin = np.where(constant, 0.0, stdtrit(df, 0.975) * error)
    p = np.where(np.isnan(difference), np.nan, p)
    return TTest(
        difference, t, df, p, difference - margin, difference + margin, constant & ~unchanged
    )


def _untested(difference: FloatArray) -> TTest:
    nothing = np.full(len(difference), np.nan)
    never = np.zeros(len(difference), np.bool_)
    return TTest(difference, nothing, nothing, nothing, nothing, nothing, never)


def benjamini_hochberg(p: FloatArray) -> FloatArray:
    """Benjamini-Hochberg q values: the smallest false discovery rate that rejects each test.

    ``q_(i) = min_{j >= i} p_(j) m / j`` over the m tests with a p value; NaN stays NaN.
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
    """
    adjusted = np.full(len(p), np.nan)
    (tested,) = np.nonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    m = len(order)
    raw = p[order] * np.arange(m, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(raw), 1.0)
    return adjusted


def detectable_difference(
    variance_x: FloatArray, k_x: int, variance_y: FloatArray, k_y: int, *, power: float = 0.8
) -> FloatArray:
    """Power note: the smallest |D| found with 80 % power at alpha 0.05, uncorrected, shape (C,).

    Solves ``P(|T'| > t_crit) = power`` for the noncentrality
    ``|D| / sqrt(s_x^2/K_x + s_y^2/K_y)`` of a noncentral t with Welch-Satterthwaite df, by
    bisection. NaN with K < 2 or no variance.

    Notes
    -----
    ``P(|T'| > t_crit)`` is the mean of ``Phi(ncp - t_crit s) + Phi(-ncp - t_crit s)`` over s^2, a
    chi-squared variable over its df, by quadrature over its quantiles: scipy's own noncentral t is
    NaN in places. Welch's df is itself an estimate, so with two or three runs the true power is
    lower than asked.
    """
    if k_x < 2 or k_y < 2:
        return np.full(len(variance_x), np.nan)
    a, b = variance_x / k_x, variance_y / k_y
    with np.errstate(divide="ignore", invalid="ignore"):
        df = (a + b) ** 2 / (a**2 / (k_x - 1) + b**2 / (k_y - 1))
    df = np.where(a + b < _NO_VARIANCE, np.nan, df)
    return _detected_noncentrality(df, power) * np.sqrt(a + b)


def _detected_noncentrality(df: FloatArray, power: float) -> FloatArray:
    """Noncentrality that is found with this power, NaN where df is, shape of df."""
    known = ~np.isnan(df)
    found = np.full(df.shape, np.nan)
    if known.sum() <= _SMOOTH:
        found[known] = _solve_noncentrality(df[known], power)
        return found
    # It is a smooth function of 1 / df, so a polynomial through few solutions gives all others.
    inverse = 1 / df[known]
    domain = [inverse.min(), max(inverse.max(), inverse.min() + 1e-9)]
    curve = np.polynomial.Chebyshev.interpolate(
        lambda u: _solve_noncentrality(1 / u, power), _SMOOTH - 1, domain
    )
    found[known] = curve(inverse)
    return found


def _solve_noncentrality(df: FloatArray, power: float) -> FloatArray:
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    spread = np.sqrt(2 * gammaincinv(df[:, None] / 2, (node + 1) / 2) / df[:, None])
    threshold = stdtrit(df, 0.975)[:, None] * spread
    low, high = np.zeros(len(df)), np.full(len(df), 60.0)
    for _ in range(60):
        middle = (low + high) / 2
        shift = middle[:, None]
        reached = (ndtr(shift - threshold) + ndtr(-shift - threshold)) @ (weight / 2)
        enough = reached >= power
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high
