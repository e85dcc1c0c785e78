"""AUC of an image score for PIEs, tested against its AUC for the PIEs that seeds alone make."""

from dataclasses import dataclass

import numpy as np

from analysis.stats.jackknife import Jackknife
from analysis.stats.two_way import TwoWay, Variances, two_way
from analysis.stats.votes import FloatArray


@dataclass(frozen=True)
class AucTest:
    """AUC of a score for the PIEs of halves and for A/A PIEs, 0..1, and their difference's test.

    The arrays of ``difference`` have one element.
    """

    halves: float
    aa: float
    difference: TwoWay


@dataclass(frozen=True)
class _Auc:
    """An AUC with its influences, (n,): of drawing an image, and of its weight (times n)."""

    value: float
    of_image: FloatArray
    of_weight: FloatArray


def auc(score: FloatArray, weight: FloatArray) -> float:
    """Probability that a member has a larger score than a non-member, equal scores half, 0..1.

    Parameters
    ----------
    score : float array, shape (n,)
    weight : float array, shape (n,)
        How much of each image is a member, 0..1: whether it is one, or how often.

    Returns
    -------
    float
        NaN without members or without others.
    """
    return _auc(score, weight).value


def auc_influence(score: FloatArray, weight: FloatArray) -> tuple[float, FloatArray]:
    """The AUC of :func:`auc`, and the influence of drawing each image on it, (n,).

    Parameters
    ----------
    score, weight : float arrays, shape (n,)
    """
    area = _auc(score, weight)
    return area.value, area.of_image


def _auc(score: FloatArray, weight: FloatArray) -> _Auc:
    members, others = float(weight.sum()), float((1 - weight).sum())
    nothing = np.full(len(score), np.nan)
    if members <= 0 or others <= 0:
        return _Auc(np.nan, nothing, nothing)
    below_other = _share_below(score, 1 - weight)
    above_member = 1 - _share_below(score, weight)
    value = float((weight * below_other).sum() / members)
    n = len(score)
    one, other = (below_other - value) * n / members, (above_member - value) * n / others
    return _Auc(value, weight * one + (1 - weight) * other, one - other)


def _share_below(score: FloatArray, weight: FloatArray) -> FloatArray:
    """Share of the weight on scores below each one, of equal ones half."""
    _, place = np.unique(score, return_inverse=True)
    at = np.bincount(place, weights=weight)
    before = np.cumsum(at) - at
    return np.asarray((before + at / 2)[place] / weight.sum())


def auc_test(
    score: FloatArray, half: FloatArray, floor: FloatArray, moves: Jackknife | None
) -> AucTest:
    """``AUC(PIEs of halves) - AUC(A/A PIEs)`` of a score, with its test over runs and images.

    Both AUC weigh each image by how often it is a PIE over the splits. The variances are those of
    :func:`analysis.stats.excess.excess_test`, of the influence of each image instead of its value.

    Parameters
    ----------
    score : float array, shape (n,)
        NaN where an image has none: left out.
    half, floor : float arrays, shape (n,)
        How often each image is a PIE of the variant half, and of the other dense half.
    moves : Jackknife, optional
        With the moves of the floor. Without it there is no test.

    Notes
    -----
    Influence functions of the AUC: DeLong et al. 1988, with weights of images.
    """
    known = ~np.isnan(score)
    n = int(known.sum())
    of_half, of_floor = (_auc(score[known], x[known]) for x in (half, floor))
    difference = np.array([of_half.value - of_floor.value])
    influence = of_half.of_image - of_floor.of_image
    images = float(influence.var(ddof=1)) / n if n > 1 else np.nan
    seeds = terms = both = np.nan
    if moves is not None and moves.floors is not None:
        seeds = terms = both = 0.0
        for moved, floors in zip(moves.moved, moves.floors, strict=True):
            k = len(moved)
            # Effect of the deleted run on each image, on the difference of the two AUC.
            part = moved[:, known] * of_half.of_weight
            part = part + floors[:, known] * (of_half.of_weight - of_floor.of_weight)
            total = part.sum(axis=1) / n
            share = (k - 1) / k * float(((total - total.mean()) ** 2).sum())
            seeds, terms = seeds + share, terms + share**2 / (k - 1)
            both += (k - 1) / k * float(((part - part.mean(axis=0)) ** 2).sum()) / n**2
    has_runs = not np.isnan(seeds)
    variances = Variances(
        np.array([seeds]),
        np.array([terms]),
        np.array([images]),
        np.array([n - 1.0 if has_runs else 0.0]),
        np.array([both]),
        at_least_seeds=False,
    )
    return AucTest(of_half.value, of_floor.value, two_way(difference, variances))
