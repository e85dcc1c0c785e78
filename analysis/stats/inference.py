"""Tests and intervals: shares, rank tests, t tests and false discovery rate over classes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv, ndtr, stdtr, stdtrit

from analysis.stats.votes import BoolArray, FloatArray, IntArray

_Z = 1.959963984540054


def wilson(count: IntArray, n: int) -> tuple[FloatArray, FloatArray]:
    """95 % interval of a share ``count / n``, 0..1, by Wilson's score; shapes of ``count``.

    ``(p + z^2/2n +- z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n)``: it stays within 0..1 and says
    something where ``count`` is 0 or n. NaN where n is 0. Source: Wilson 1927.

    Parameters
    ----------
    count, n : integer array, int
        Successes, and trials of each.
    """
    count = np.asarray(count, np.float64)
    if n == 0:
        nothing = np.full(count.shape, np.nan)
        return nothing, nothing
    p, z2 = count / n, _Z**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    margin = _Z * np.sqrt(p * (1 - p) / n + z2 / (4 * n**2)) / (1 + z2 / n)
    low, high = np.clip(centre - margin, 0, 1), np.clip(centre + margin, 0, 1)
    # What rounding leaves of nothing and of everything.
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


def p_text(p: float) -> str:
    """Write a p value with two digits, never as 0: ``p = 0.012``, ``p < 1e-300``.

    Parameters
    ----------
    p : float
    """
    return "p < 1e-300" if p < 1e-300 else f"p = {p:.2g}"


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


def detectable_difference(
    variance_x: FloatArray, k_x: int, variance_y: FloatArray, k_y: int, *, power: float = 0.8
) -> FloatArray:
    """Power note: the smallest |D| found with 80 % power at alpha 0.05, uncorrected, shape (C,).

    Solves ``P(|T'| > t_crit) = power`` for the noncentrality
    ``|D| / sqrt(s_x^2/K_x + s_y^2/K_y)`` of a noncentral t with Welch-Satterthwaite df, by
    bisection. NaN with K < 2 or no variance.

    Parameters
    ----------
    variance_x, variance_y : float array
        Sample variance over the runs of either population, shape (C,).
    k_x, k_y : int
        Runs of either population.
    power : float
        Probability of detection asked for, 0..1.

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
