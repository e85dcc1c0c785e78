"""Intensification: whether compression makes weak classes weaker still."""

from dataclasses import dataclass

import numpy as np

from analysis.stats.classes import ClassRecall
from analysis.stats.splits import make_splits
from analysis.stats.votes import FloatArray, IntArray


@dataclass(frozen=True)
class Intensification:
    """Slope of recall balance after compression on the one before, and the dense-on-dense slope.

    A variant intensifies where ``slope`` is above ``dense_slope``: weak classes lost more.
    """

    slope: float
    dense_slope: float


def recall_balance(recall: FloatArray, accuracy: float) -> FloatArray:
    """Recall balance of each class, ``(recall_c - A) / A``, shape (C,); NaN where A is 0.

    Parameters
    ----------
    recall : float array
        Mean recall of each class, shape (C,), 0..1.
    accuracy : float
        Overall accuracy, 0..1.
    """
    return (recall - accuracy) / accuracy if accuracy else np.full(len(recall), np.nan)


def intensification(
    dense: ClassRecall, variant: ClassRecall, *, paired: bool, n_splits: int | None = None
) -> Intensification | None:
    """Intensification of one variant: the least-squares slope of recall balance over the classes.

    The regressor ("before") is the balance of dense half A. Compared with it are the variant's runs
    (``slope``) and dense half B (``dense_slope``), both means over the splits of the noise
    floor. A noisy regressor pulls either slope down by the same factor, so their difference is
    what compression adds. Paired variants give the runs of half B's seeds alone, so that no seed
    stands on both sides.

    Parameters
    ----------
    dense : ClassRecall
        Recall and accuracy of the dense runs.
    variant : ClassRecall
        Those of the variant's runs.
    paired : bool
        Whether equal seeds tie the two populations.
    n_splits : int, optional
        So many random halves of the dense runs instead of those of the noise floor.

    Returns
    -------
    Intensification or None
        None where there are fewer than two dense runs, a paired variant lacks a seed, or all
        classes with images (or the only one) have the same recall: no line is defined.

    Notes
    -----
    Source: Good et al. 2022, who regress on the very recalls that the change is measured from.
    """
    slopes = []
    for split in make_splits(len(dense.recall), n_splits):
        runs = np.arange(len(variant.recall))
        if paired:
            seeds = [dense.seeds[i] for i in split.b]
            if not set(seeds) <= set(variant.seeds):
                return None
            runs = np.array([variant.seeds.index(seed) for seed in seeds])
        before = _balance(dense, split.a)
        slopes.append(
            (_slope(before, _balance(variant, runs)), _slope(before, _balance(dense, split.b)))
        )
    known = np.array([pair for pair in slopes if not np.isnan(pair).any()])
    if not len(known):
        return None
    slope, dense_slope = known.mean(axis=0)
    return Intensification(float(slope), float(dense_slope))


def _balance(population: ClassRecall, runs: IntArray) -> FloatArray:
    return recall_balance(
        population.recall[runs].mean(axis=0), float(population.accuracy[runs].mean())
    )


def _slope(x: FloatArray, y: FloatArray) -> float:
    known = ~np.isnan(x) & ~np.isnan(y)
    x, y = x[known], y[known]
    if not len(x) or np.ptp(x) < 1e-12:
        return np.nan
    x = x - x.mean()
    return float((x * y).sum() / (x**2).sum())
