"""Tests over runs: Welch's t test, and the paired one where seeds tie the runs."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from analysis.stats.votes import FloatArray

NO_VARIANCE = 1e-20
_NO_DIFFERENCE = 1e-12


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
