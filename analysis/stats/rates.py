"""Error rates of classes, one versus rest: their relative changes, CEV and SDE."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis import schema
from analysis.stats.splits import Split
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


@dataclass(frozen=True)
class HalfRates:
    """CEV and SDE between dense halves (A/A) over the splits, and of variant halves beside them.

    Each the median over the splits, the A/A ones with their smallest and largest; None where no
    class is left in any split.
    """

    cev_aa: float | None
    cev_aa_low: float | None
    cev_aa_high: float | None
    sde_aa: float | None
    sde_aa_low: float | None
    sde_aa_high: float | None
    cev_half: float | None
    sde_half: float | None


def half_rate_changes(
    dense: tuple[FloatArray, FloatArray],
    variant: tuple[FloatArray, FloatArray],
    splits: Sequence[Split],
    halves: Sequence[IntArray] | None,
) -> HalfRates:
    """CEV and SDE of half B of the dense runs, and of variant halves, each against dense half A.

    Seed noise alone makes both positive, the more so the rarer errors are: a variant's figure says
    something where it lies beyond the range of the A/A halves.

    Parameters
    ----------
    dense, variant : (FPR, FNR), float arrays of shapes (K_dense, C) and (K_t, C)
        Rates of each run.
    splits : sequence of Split
        Halves of the dense runs.
    halves : sequence of integer arrays, optional
        Rows of the variant's half in each split; None where it has too few runs.
    """

    def between(rows: Sequence[IntArray], of: tuple[FloatArray, FloatArray]) -> list[RateChange]:
        return [
            rate_change(
                *(rate[split.a].mean(axis=0) for rate in dense),
                *(rate[half].mean(axis=0) for rate in of),
            )
            for split, half in zip(splits, rows, strict=True)
        ]

    aa = between([split.b for split in splits], dense)
    like = between(halves, variant) if halves is not None else []
    cev, sde = [[getattr(one, n) for one in aa if one.cev is not None] for n in ("cev", "sde")]
    cev_half, sde_half = [
        [getattr(one, n) for one in like if one.cev is not None] for n in ("cev", "sde")
    ]
    return HalfRates(
        *_median_and_range(cev), *_median_and_range(sde), _median(cev_half), _median(sde_half)
    )


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


def _median_and_range(values: list[float]) -> tuple[float | None, float | None, float | None]:
    return (_median(values), min(values), max(values)) if values else (None, None, None)
