"""Shares of human labels among the images that compression adds to the PIEs of seeds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.stats.splits import RANDOM_SEED
from analysis.stats.votes import FloatArray, IntArray

_RESAMPLES = 2000
_QUANTILES = (0.025, 0.975)


@dataclass(frozen=True)
class Judged:
    """Images of a study that people judged, as random samples of strata of the test images.

    ``category`` [J] are codes, ``excess`` [J] by how much likelier compression than seeds makes
    each image a PIE (``half_i - floor_i``), ``stratum`` [J] where each was drawn from, and ``size``
    [S] the images of each stratum.
    """

    category: IntArray
    excess: FloatArray
    stratum: IntArray
    size: IntArray


def added_shares(judged: Judged, codes: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Share of each category among the images that compression adds, and its 95 % interval, (G,).

    With ``e_i = half_i - floor_i``: ``sum_i e_i [g_i = c] / sum_i e_i``, which is ``(mean g on
    halves x halves share - mean g on A/A x floor) / excess``. Both sums are estimated from the
    judged images, each standing for ``size / judged`` images of its stratum.

    Parameters
    ----------
    judged : Judged
        Categories of the judged images.
    codes : integer array, shape (G,)
        Categories to give shares of.

    Returns
    -------
    share, low, high : float arrays, shape (G,)
        NaN where the judged images hold no excess; the interval, by a bootstrap within strata
        (2,000 resamples, fixed seed), also where one resample in forty holds none. Judged images
        vary in it, not runs: ask for the excess itself with its own interval first.

    Notes
    -----
    A ratio of Horvitz-Thompson estimators (Horvitz and Thompson 1952).
    """
    drawn = np.bincount(judged.stratum, minlength=len(judged.size))
    scale = judged.size[judged.stratum] / drawn[judged.stratum]
    of_code = (judged.category[:, None] == codes[None, :]).astype(np.float64)
    worth = (scale * judged.excess)[:, None] * np.column_stack([of_code, np.ones(len(scale))])
    nothing = np.full(len(codes), np.nan)
    total = worth.sum(axis=0)
    if not len(worth) or total[-1] <= 0:
        return nothing, nothing, nothing
    share = total[:-1] / total[-1]
    sums = _resampled(worth, judged.stratum)
    held = sums[:, -1] > 0
    if held.mean() < 1 - _QUANTILES[0]:
        return share, nothing, nothing
    low, high = np.quantile(sums[held, :-1] / sums[held, -1:], _QUANTILES, axis=0)
    return share, low, high


def _resampled(worth: FloatArray, stratum: IntArray) -> npt.NDArray[np.float64]:
    """Sums over images drawn with replacement within each stratum, [B, G + 1]."""
    generator = np.random.default_rng([RANDOM_SEED, len(worth)])
    sums = np.zeros((_RESAMPLES, worth.shape[1]))
    for number in np.unique(stratum):
        here = worth[stratum == number]
        sums += (
            generator.multinomial(len(here), np.full(len(here), 1 / len(here)), _RESAMPLES) @ here
        )
    return sums
