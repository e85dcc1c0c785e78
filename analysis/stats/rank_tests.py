"""Rank tests: Mann-Whitney's, and van Elteren's within strata."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from analysis.stats.votes import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class RankTest:
    """A two-sided rank test: ``statistic``, its normal ``z`` and ``p``; NaN where undefined."""

    statistic: float
    z: float
    p: float


UNDEFINED = RankTest(np.nan, np.nan, np.nan)


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
        return UNDEFINED
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
    continuity correction. Strata in which either group is empty say nothing and drop out.

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
        return UNDEFINED
    n_strata = int(stratum.max()) + 1
    ranked = _ranked(x, stratum, n_strata)
    n = ranked.size
    m = np.bincount(stratum[chosen], minlength=n_strata)
    use = (m > 0) & (m < n)
    if not use.any():
        return UNDEFINED
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
