"""Error rates of classes, one versus rest: their relative changes, CEV and SDE."""

from dataclasses import dataclass

import numpy as np

from analysis import schema
from analysis.stats.votes import FloatArray, IntArray


@dataclass(frozen=True)
class RateChange:
    """CEV and SDE of one variant, and how many classes they leave out; None where none is left."""

    cev: float | None
    sde: float | None
    n_left_out: int


def false_positive_rate(prediction: IntArray, label: IntArray, n_classes: int) -> FloatArray:
    """False positive rate of each class, one versus rest, 0..1, shape (K, C).

    ``FPR[k, c] = |{i: prediction[k, i] = c, label[i] != c}| / |{i: label[i] != c}|``. The false
    negative rate is 1 - recall.

    Parameters
    ----------
    prediction : integer array, shape (K, N)
    label : integer array, shape (N,)
    n_classes : int
        Number of classes, C.

    Returns
    -------
    float array, shape (K, C)
        NaN for a class that all images are of: nothing else can be mistaken for it.
    """
    others = len(label) - np.bincount(label, minlength=n_classes)
    wrong = [
        np.bincount(row[(row != label) & (row != schema.NO_ANSWER)], minlength=n_classes)
        for row in prediction
    ]
    return np.where(others > 0, np.stack(wrong) / np.maximum(others, 1), np.nan)


def relative_change(before: FloatArray, after: FloatArray) -> FloatArray:
    """Relative change ``(after - before) / before``, a fraction; NaN where ``before`` is 0.

    Parameters
    ----------
    before : float array
        Rates of dense, shape (C,), 0..1.
    after : float array
        Rates of the variant, shape (C,), 0..1.
    """
    change = np.full(before.shape, np.nan)
    np.divide(after - before, before, out=change, where=before != 0)
    return change


def rate_change(
    dense_fpr: FloatArray, dense_fnr: FloatArray, fpr: FloatArray, fnr: FloatArray
) -> RateChange:
    """Combined error variance (CEV) and symmetric distance error (SDE) over the classes.

    With ``x_c = (dFPR_c, dFNR_c)``, relative changes as fractions: CEV is the mean squared
    Euclidean distance of the x_c to their centroid, SDE the mean of
    ``|dFNR_c - dFPR_c| / sqrt(2)``, the distance of x_c to the line on which both rates change
    alike.

    Parameters
    ----------
    dense_fpr, dense_fnr, fpr, fnr : float arrays, shape (C,)
        Rates averaged over runs. A class whose dense FPR or FNR is 0 or unknown is left out and
        counted: it has no relative change.

    Notes
    -----
    Source: Blakeney et al. 2021. Rare errors have large relative changes, so both grow as the
    test set shrinks; seed noise alone does not make them 0.
    """
    x = np.stack([relative_change(dense_fpr, fpr), relative_change(dense_fnr, fnr)])
    kept = x[:, ~np.isnan(x).any(axis=0)]
    n_left_out = x.shape[1] - kept.shape[1]
    if not kept.shape[1]:
        return RateChange(None, None, n_left_out)
    spread = kept - kept.mean(axis=1, keepdims=True)
    return RateChange(
        cev=float((spread**2).sum(axis=0).mean()),
        sde=float(np.abs(kept[1] - kept[0]).mean() / np.sqrt(2)),
        n_left_out=n_left_out,
    )
