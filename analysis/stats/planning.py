"""Planning: differences that a number of runs can detect, and seeds that a difference takes."""

import numpy as np
from scipy.special import gammaincinv, ndtr, stdtrit

from analysis.stats.two_sample import NO_VARIANCE
from analysis.stats.votes import FloatArray

_SMOOTH = 24
_NODES = 64
_MOST_SEEDS = 100_000
_DETECTED = 2.8


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
        Probability of detection, 0..1.

    Notes
    -----
    ``P(|T'| > t_crit)`` is the mean of ``Phi(ncp - t_crit s) + Phi(-ncp - t_crit s)`` over s^2, a
    chi-squared variable over its df, by quadrature over its quantiles: scipy's own noncentral t is
    NaN in places. Welch's df is itself an estimate, so with two or three runs the true power is
    lower than ``power``.
    """
    if k_x < 2 or k_y < 2:
        return np.full(len(variance_x), np.nan)
    a, b = variance_x / k_x, variance_y / k_y
    with np.errstate(divide="ignore", invalid="ignore"):
        df = (a + b) ** 2 / (a**2 / (k_x - 1) + b**2 / (k_y - 1))
    df = np.where(a + b < NO_VARIANCE, np.nan, df)
    return _detected_noncentrality(df, power) * np.sqrt(a + b)


def detectable_paired(variance: FloatArray, k: int, *, power: float = 0.8) -> FloatArray:
    """Smallest |D| that K pairs of runs detect with 80 % power at alpha 0.05, shape (C,).

    As :func:`detectable_difference`, with ``sqrt(s^2 / K)`` of the differences and K - 1 df.

    Parameters
    ----------
    variance : float array, shape (C,)
        Sample variance over the pairs of the differences.
    k : int
        Pairs, K.
    power : float
        Probability of detection, 0..1.
    """
    if k < 2:
        return np.full(len(variance), np.nan)
    df = np.where(variance < NO_VARIANCE, np.nan, float(k - 1))
    return _detected_noncentrality(df, power) * np.sqrt(variance / k)


def seeds_needed(variance: FloatArray, difference: float, *, is_paired: bool) -> FloatArray:
    """Seeds per variant that detect a difference with 80 % power at alpha 0.05, shape (C,).

    The smallest K >= 2 with ``(t_.975 + t_.8)^2 s^2 / K <= d^2``, where s^2 is the variance of the
    differences (paired, K - 1 degrees of freedom) or the sum of both populations' (2 K - 2).

    Parameters
    ----------
    variance : float array, shape (C,)
        s^2.
    difference : float
        d, larger than 0, a fraction.
    is_paired : bool
        Whether equal seeds tie the runs.

    Returns
    -------
    float array, shape (C,)
        NaN where the variance is unknown, infinite beyond 100,000 seeds.

    Raises
    ------
    ValueError
        The difference is not larger than 0.
    """
    if not difference > 0:
        raise ValueError("a difference larger than 0 is needed")
    k = np.unique(np.round(np.geomspace(2, _MOST_SEEDS, 4_000))).astype(np.int64)
    k = np.union1d(np.arange(2, 2_001), k)
    df = (k - 1) * (1 if is_paired else 2)
    # The largest variance that K seeds are enough for; it grows with K.
    enough = k * difference**2 / (stdtrit(df, 0.975) + stdtrit(df, 0.8)) ** 2
    place = np.searchsorted(enough, np.nan_to_num(variance) * (1 - 1e-12))
    seeds = np.where(place < len(k), k[np.minimum(place, len(k) - 1)], np.inf)
    return np.where(np.isnan(variance), np.nan, seeds)


def image_floor(images: FloatArray, both: FloatArray) -> FloatArray:
    """Smallest |D| that any number of seeds detects on the same images: ``2.8 sqrt(V_i - V_x)``.

    A smaller difference takes more images. 0 where V_i is no larger than V_x.

    Parameters
    ----------
    images, both : float arrays, shape (C,)
        V_i and V_x of :class:`analysis.stats.two_way.Variances`.
    """
    return _DETECTED * np.sqrt(np.maximum(images - both, 0.0))


def alpha_at_look(look: int) -> float:
    """Level that a p value is compared with at the j-th look: ``.05 * 6 / (pi^2 j^2)``.

    The levels of all looks sum to .05. Where seeds were never added after results were seen there
    is one look, at .05.

    Parameters
    ----------
    look : int
        j, from 1; 1 where no seeds were added.

    Notes
    -----
    Adding seeds until p <= .05 finds something in far more than 5 % of sweeps without any effect.
    """
    return 0.05 if look <= 1 else 0.05 * 6 / (np.pi**2 * look**2)


def _detected_noncentrality(df: FloatArray, power: float) -> FloatArray:
    """Noncentrality that is found with this power, NaN where df is, shape of df."""
    known = ~np.isnan(df)
    noncentrality = np.full(df.shape, np.nan)
    if known.sum() <= _SMOOTH:
        noncentrality[known] = _solve_noncentrality(df[known], power)
        return noncentrality
    # It is a smooth function of 1 / df, so a polynomial through few solutions gives all others.
    inverse = 1 / df[known]
    domain = [inverse.min(), max(inverse.max(), inverse.min() + 1e-9)]
    curve = np.polynomial.Chebyshev.interpolate(
        lambda u: _solve_noncentrality(1 / u, power), _SMOOTH - 1, domain
    )
    noncentrality[known] = curve(inverse)
    return noncentrality


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
