"""Tests of two samples: Welch's and the paired t test, Mann-Whitney, and van Elteren by strata."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtr, stdtrit

from analysis.stats.votes import BoolArray, FloatArray, IntArray

NO_VARIANCE = 1e-20
_NO_DIFFERENCE = 1e-12


@dataclass(frozen=True)
class TTest:
    """A test a class, arrays of shape (C,): NaN if undefined.

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
    constant = (a < NO_VARIANCE) & (b < NO_VARIANCE)
    a, b = a / len(x), b / len(y)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = (a + b) ** 2 / (a**2 / (len(x) - 1) + b**2 / (len(y) - 1))
    return _t_test(difference, np.sqrt(a + b), df, constant)


def paired(x: FloatArray, y: FloatArray) -> TTest:
    """Two-sided paired t test of ``mean(x - y)`` along the first axis; shapes (K, C), df = K - 1.

    Below two pairs only the difference is known, without any pair not even that.

    Parameters
    ----------
    x, y : float array
        Values of the runs of either population, in pairs, shape (K, C).
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
    return _t_test(difference, error, df, variance < NO_VARIANCE)


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


@dataclass(frozen=True)
class RankTest:
    """A two-sided rank test: ``statistic``, its normal ``z`` and ``p``; NaN where undefined."""

    statistic: float
    z: float
    p: float


_UNDEFINED = RankTest(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class _Ranked:
    """Mid-ranks within strata [N]; and of each stratum: size, and the sum of t^3 - t over ties."""

    rank: FloatArray
    size: npt.NDArray[np.int64]
    tie_term: FloatArray


def _ranked(x: FloatArray, stratum: IntArray, n_strata: int) -> _Ranked:
    order = np.lexsort((x, stratum))
    values, strata = x[order], stratum[order]
    size = np.bincount(stratum, minlength=n_strata)
    place = np.arange(len(x)) - (np.cumsum(size) - size)[strata]
    starts = np.ones(len(x), np.bool_)
    starts[1:] = (values[1:] != values[:-1]) | (strata[1:] != strata[:-1])
    (first,) = np.nonzero(starts)
    length = np.diff(first, append=len(x))
    mid_rank = place[first] + (length + 1) / 2
    rank = np.empty(len(x))
    rank[order] = np.repeat(mid_rank, length)
    tie_term = np.bincount(
        strata[first], weights=length.astype(np.float64) ** 3 - length, minlength=n_strata
    ).astype(np.float64)
    return _Ranked(rank, size, tie_term)


def mann_whitney(x: FloatArray, chosen: BoolArray) -> RankTest:
    """Mann-Whitney U of the chosen against the others, two-sided, tied values at their mid-rank.

    ``U`` counts pairs in which the chosen one is larger, ties as half; ``U / (m (n - m))`` is the
    probability that a chosen value is the larger one. p by the normal approximation with ties and
    continuity corrected; 1 where all values are equal, NaN where either group is empty.

    Parameters
    ----------
    x : float array, shape (n,)
    chosen : bool array, shape (n,)
    """
    n, m = len(x), int(chosen.sum())
    if not 0 < m < n:
        return _UNDEFINED
    ranked = _ranked(x, np.zeros(n, np.int64), 1)
    u = float(ranked.rank[chosen].sum()) - m * (m + 1) / 2
    variance = m * (n - m) / 12 * ((n + 1) - ranked.tie_term[0] / (n * (n - 1)))
    distance = u - m * (n - m) / 2
    if variance <= 0:
        return RankTest(u, 0.0, 1.0)
    z = np.sign(distance) * max(abs(distance) - 0.5, 0.0) / np.sqrt(variance)
    return RankTest(u, float(z), min(1.0, float(2 * ndtr(-abs(z)))))


def van_elteren(x: FloatArray, chosen: BoolArray, stratum: IntArray) -> RankTest:
    """Van Elteren's test: Mann-Whitney within strata, summed with weights ``1 / (n_h + 1)``.

    ``z = sum_h (R_h - m_h (n_h + 1) / 2) / (n_h + 1) / sqrt(sum_h V_h / (n_h + 1)^2)`` where R_h
    is the rank sum of the chosen within stratum h and V_h its variance with ties corrected; no
    continuity correction. Strata in which either group is empty are left out.

    Parameters
    ----------
    x : float array, shape (n,)
    chosen : bool array, shape (n,)
    stratum : integer array, shape (n,)
        The stratum of each value, from 0: its true class.

    Returns
    -------
    RankTest
        NaN where no stratum holds both groups; p = 1 where values are equal within every stratum.

    Notes
    -----
    Source: van Elteren 1960. With one stratum it is the Wilcoxon rank-sum test.
    """
    if not len(x):
        return _UNDEFINED
    n_strata = int(stratum.max()) + 1
    ranked = _ranked(x, stratum, n_strata)
    n = ranked.size
    m = np.bincount(stratum[chosen], minlength=n_strata)
    use = (m > 0) & (m < n)
    if not use.any():
        return _UNDEFINED
    rank_sum = np.bincount(stratum[chosen], weights=ranked.rank[chosen], minlength=n_strata)
    n, m, tie_term, rank_sum = n[use], m[use], ranked.tie_term[use], rank_sum[use]
    weight = 1 / (n + 1)
    total = float((weight * (rank_sum - m * (n + 1) / 2)).sum())
    variance = m * (n - m) / 12 * ((n + 1) - tie_term / (n * (n - 1)))
    spread = float((weight**2 * variance).sum())
    if spread <= 0:
        return RankTest(total, 0.0, 1.0)
    z = total / np.sqrt(spread)
    return RankTest(total, float(z), float(2 * ndtr(-abs(z))))
