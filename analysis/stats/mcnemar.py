"""One pair of models: the exact test of what flipped within a class."""

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from analysis.stats.modal import BoolArray, FloatArray, IntArray

Counts = npt.NDArray[np.int64]


def class_flips(
    dense_correct: BoolArray, variant_correct: BoolArray, label: IntArray, n_classes: int
) -> tuple[Counts, Counts]:
    """Images of each class that one pair of models flips to wrong and to right, shapes (C,).

    Parameters
    ----------
    dense_correct, variant_correct : bool arrays, shape (N,)
    label : integer array, shape (N,)
    """
    to_wrong = label[dense_correct & ~variant_correct]
    to_right = label[variant_correct & ~dense_correct]
    return (
        np.bincount(to_wrong, minlength=n_classes),
        np.bincount(to_right, minlength=n_classes),
    )


def mcnemar(to_wrong: IntArray, to_right: IntArray) -> FloatArray:
    """McNemar's exact two-sided p of each class, 0..1, shape (C,).

    ``p = min(1, 2 P(X <= min(b, c)))`` with X binomial of ``b + c`` flips at 1/2; 1 where nothing
    flipped.

    Parameters
    ----------
    to_wrong, to_right : integer arrays, shape (C,)
        Images that were right and are wrong (b), and the reverse (c).

    Notes
    -----
    It tests the change of recall, not D, and speaks of these two models alone: no seed of theirs
    is drawn. McNemar 1947.
    """
    fewer = np.minimum(to_wrong, to_right).astype(np.float64)
    flipped = np.asarray(to_wrong + to_right, np.int64)
    return np.minimum(1.0, 2 * bdtr(fewer, flipped, 0.5))
