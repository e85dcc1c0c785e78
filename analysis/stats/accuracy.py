"""Accuracy, top-5 and calibration of single runs, and means over runs with intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

BINS = 15


@dataclass(frozen=True)
class MeanInterval:
    """Mean over runs, sample standard deviation (n - 1) and 95 % t interval; NaN below two runs."""

    mean: float
    std: float
    low: float
    high: float


def mean_interval(values: npt.ArrayLike) -> MeanInterval:
    """Mean over K runs with its 95 % t interval ``mean +- t(K-1, 0.975) s / sqrt(K)``.

    NaN values are runs without the figure and are left out.

    Parameters
    ----------
    values : float array
        One value a run, shape (K,).
    """
    x = np.asarray(values, np.float64)
    x = x[~np.isnan(x)]
    if len(x) == 0:
        return MeanInterval(np.nan, np.nan, np.nan, np.nan)
    mean = float(x.mean())
    if len(x) == 1:
        return MeanInterval(mean, np.nan, np.nan, np.nan)
    std = float(x.std(ddof=1))
    margin = float(stdtrit(len(x) - 1, 0.975)) * std / np.sqrt(len(x))
    return MeanInterval(mean, std, mean - margin, mean + margin)


def top_k(true_rank: npt.NDArray[Any], k: int) -> npt.NDArray[np.float64]:
    """Top-k accuracy of every run, 0..1, shape (K,): the share of images with ``true_rank < k``.

    NaN for a run with an unknown (NaN) rank.

    Parameters
    ----------
    true_rank : integer array
        Rank of the true class, shape (K, N), 0 where it is predicted.
    k : int
        Ranks that count as right.
    """
    share = (true_rank < k).mean(axis=1)
    if true_rank.dtype.kind == "f":
        share[np.isnan(true_rank).any(axis=1)] = np.nan
    return np.asarray(share)


def calibration_error(
    confidence: npt.NDArray[Any],
    correct: npt.NDArray[np.bool_],
    answered: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.float64]:
    """Calibration error (ECE) of every run, 0..1, shape (K,).

    ``sum_b |B_b| / N |accuracy(B_b) - confidence(B_b)|`` over 15 equal-width bins of confidence
    (lower edge excluded, upper edge included), as in Guo et al. 2017.

    Parameters
    ----------
    confidence, correct : arrays, shape (K, N)
        Softmax probability of the predicted class, and whether that class is the true one. A run
        with an unknown confidence gets NaN.
    answered : bool array, shape (K, N), optional
        Images without an answer, which has no confidence, are left out.
    """
    if answered is not None and not answered.all():
        rows = zip(confidence, correct, answered, strict=True)
        of_runs = [calibration_error(c[None, a], r[None, a])[0] for c, r, a in rows]
        return np.array(of_runs)
    if not confidence.shape[1]:
        return np.full(len(confidence), np.nan)
    n = confidence.shape[1]
    errors = np.empty(len(confidence))
    for k, (known, right) in enumerate(zip(confidence, correct, strict=True)):
        bins = np.ceil(np.nan_to_num(known) * BINS).astype(np.intp) - 1
        np.clip(bins, 0, BINS - 1, out=bins)
        gap = np.bincount(bins, weights=right - known.astype(np.float64), minlength=BINS)
        errors[k] = np.abs(gap).sum() / n
    return errors
