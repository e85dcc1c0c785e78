"""Forecast of the images that compression forgets, from dense runs alone, and its skill."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import schema
from analysis.stats.score_tests import auc_influence
from analysis.stats.votes import BoolArray, FloatArray, IntArray

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
_RANDOM_SEED = 20191113
_RESAMPLES = 200
_NORMAL = 1.959963984540054


def halves_of_images(n: int) -> BoolArray:
    """Draw the half of N images that chooses, a fixed random one, bool (N,); the others judge.

    Parameters
    ----------
    n : int
        Images, N.
    """
    chosen = np.zeros(n, np.bool_)
    chosen[np.random.default_rng([_RANDOM_SEED, n, 4]).permutation(n)[: n // 2]] = True
    return chosen


def caught(doubt: FloatArray, event: FloatArray) -> FloatArray:
    """Share of all events on images at least as doubtful as each one, cross-fitted, (N,).

    For an image of one random half: of the events of the *other* half, the share on its images of
    the same doubt or more; then never falling with rank. NaN without an event.

    Parameters
    ----------
    doubt : float array, shape (N,)
    event : float array, shape (N,)
        How much of the event happened on each image, 0..1.
    """
    choosing = halves_of_images(len(doubt))
    share = np.full(len(doubt), np.nan)
    for here in (choosing, ~choosing):
        other = ~here
        total = float(event[other].sum())
        if total <= 0:
            return np.full(len(doubt), np.nan)
        order = np.argsort(doubt[other], kind="stable")
        values = doubt[other][order]
        above = np.concatenate([[0.0], np.cumsum(event[other][order][::-1])])[::-1]
        share[here] = above[np.searchsorted(values, doubt[here], side="left")] / total
    order = np.argsort(-doubt, kind="stable")
    share[order] = np.maximum.accumulate(share[order])
    return share


def forecast_table(variant_id: str | None, doubt: FloatArray, event: FloatArray) -> pd.DataFrame:
    """Rank images by doubt, the most doubtful first, each with the share of events caught so far.

    Parameters
    ----------
    variant_id : str, optional
        The variant whose events they are; None where nothing is compressed yet.
    doubt : float array, shape (N,)
        ``score``; images without one come last, with a null.
    event : float array, shape (N,)
        NaN where nothing is compressed yet.

    Returns
    -------
    DataFrame
        Columns ``schema.FORECAST_COLUMNS``; ``rank`` from 1, equal scores in the order of
        ``image_id``; ``expected_share_caught`` as :func:`caught` has it.
    """
    order = np.lexsort((np.arange(len(doubt)), -np.nan_to_num(doubt, nan=-np.inf)))
    known = ~np.isnan(doubt) & ~np.isnan(event)
    share = np.full(len(doubt), np.nan)
    if known.any():
        share[known] = caught(doubt[known], event[known])
    return pd.DataFrame(
        {
            schema.VARIANT_ID: variant_id,
            schema.IMAGE_ID: order,
            "score": doubt[order],
            "rank": np.arange(1, len(order) + 1),
            "expected_share_caught": share[order],
        }
    )


@dataclass(frozen=True)
class Skill:
    """How well doubt ranks the images of an event, with 95 % intervals over images, 0..1.

    ``auroc`` and ``ap`` (average precision, whose value by chance is ``base_rate``); NaN without
    events.
    """

    auroc: float
    auroc_low: float
    auroc_high: float
    ap: float
    ap_low: float
    ap_high: float
    base_rate: float


def skill(doubt: FloatArray, event: FloatArray) -> Skill:
    """AUROC and average precision of doubt for an event, and their intervals over images.

    Parameters
    ----------
    doubt : float array, shape (N,)
    event : float array, shape (N,)
        0..1: a share weighs an image as so much an event and so much none.

    Notes
    -----
    The interval of the AUROC is DeLong's, by its influence function; that of the average precision
    is the percentile interval of 200 resamples of the images. The runs are fixed.
    """
    known = ~np.isnan(doubt) & ~np.isnan(event)
    score, happened = doubt[known], event[known]
    if not 0 < happened.sum() < len(happened):
        return Skill(*(np.nan,) * 6, float(happened.mean()) if len(happened) else np.nan)
    value, influence = auc_influence(score, happened)
    margin = _NORMAL * float(influence.std(ddof=1)) / np.sqrt(len(score))
    generator = np.random.default_rng([_RANDOM_SEED, len(score)])
    n = len(score)
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), n - 1)
    drawn = [
        _precision(happened, np.bincount(generator.integers(n, size=n), minlength=n), order, last)
        for _ in range(_RESAMPLES)
    ]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Skill(
        value, max(value - margin, 0.0), min(value + margin, 1.0),
        _precision(happened, np.ones(n), order, last), float(low), float(high),
        float(happened.mean()),
    )  # fmt: skip


def _precision(
    event: FloatArray, weight: IntArray | FloatArray, order: IntArray, last: IntArray
) -> float:
    """Average precision where each image counts as ``event`` of one and the rest of the other.

    ``order`` sorts images by falling score; ``last`` are the places there that end a score.
    """
    happened, all_of_them = np.cumsum((event * weight)[order]), np.cumsum(weight[order])
    if happened[-1] <= 0:
        return np.nan
    # Images of equal score are above a threshold together.
    happened, all_of_them = happened[last], all_of_them[last]
    gained = np.diff(happened, prepend=0.0)
    shares = np.divide(happened, all_of_them, out=np.zeros(len(last)), where=all_of_them > 0)
    precision = (gained * shares).sum() / happened[-1]
    return float(precision)
