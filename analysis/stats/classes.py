"""What compression does to each class: recall deltas, their tests, error rates, intensification."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis import schema
from analysis.stats.inference import (
    TTest,
    benjamini_hochberg,
    detectable_difference,
    holm,
    paired,
    welch,
)
from analysis.stats.pairs import Counts, mcnemar, paired_rows
from analysis.stats.seed_noise import SPLITS, make_splits
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


ALPHA = 0.05


@dataclass(frozen=True)
class ClassRecall:
    """Recall of every run in every class, and each run's accuracy.

    ``recall`` [K, C] and ``fpr`` [K, C], the false positive rate (one versus rest), are NaN for a
    class without images; ``accuracy`` [K], ``seeds`` the K seeds.
    """

    recall: FloatArray
    accuracy: FloatArray
    seeds: tuple[int, ...]
    fpr: FloatArray

    @property
    def shifted(self) -> FloatArray:
        """``recall[c, k] - a[k]``, [K, C]: each run shifted by its own accuracy."""
        return self.recall - self.accuracy[:, None]


def class_recall(
    prediction: IntArray, label: IntArray, n_classes: int, seeds: tuple[int, ...]
) -> ClassRecall:
    """Recall per class and run, the share of a class's images that a run gets right, and FPR.

    Parameters
    ----------
    prediction : integer array, shape (K, N)
    label : integer array, shape (N,)
        True classes, 0..C-1.
    n_classes : int
        Number of classes, C.
    seeds : sequence of int
        Seeds of the rows, in order.
    """
    correct = prediction == label
    counts = np.bincount(label, minlength=n_classes)
    right = np.stack([np.bincount(label[row], minlength=n_classes) for row in correct])
    with np.errstate(invalid="ignore"):
        recall = np.where(counts > 0, right / np.maximum(counts, 1), np.nan)
    fpr = np.where(counts > 0, false_positive_rate(prediction, label, n_classes), np.nan)
    return ClassRecall(recall, correct.mean(axis=1), seeds, fpr)


def class_table(
    variant_id: str,
    class_names: list[str],
    n_images: IntArray,
    dense: ClassRecall,
    variant: ClassRecall,
    *,
    is_paired: bool = False,
    flips: tuple[Counts, Counts] | None = None,
) -> pd.DataFrame:
    r"""Per-class table of one variant beside dense: the columns of ``export classes``.

    ``recall_delta = mean_k recall[c,k,t] - mean_k recall[c,k,dense]`` and the normalized delta
    ``D = (mean_k recall[c,k,t] - A_t) - (mean_k recall[c,k,dense] - A_dense)``, both in -1..1. The
    test is Welch's two-sided t between ``recall[c,k,t] - a[k,t]`` and the same of dense: negative t
    means that the class lost more than overall accuracy did. ``q`` is Benjamini-Hochberg over the
    classes of this variant, ``holm`` Holm's adjusted p, ``ci_low`` and ``ci_high`` the 95 %
    interval of D. ``excess_gap`` is -D: by how much more than overall accuracy the class fell. FPR
    and FNR are one versus rest, means over the runs.

    Parameters
    ----------
    n_images : integer array, shape (C,)
        Test images of each class; a class without any is a row of nulls.
    is_paired : bool
        Whether equal seeds tie the runs; adds the paired t.
    flips : two integer arrays, shape (C,), optional
        Of a single pair of models, where no t test is possible: images of each class that flip to
        wrong and to right. They give ``mcnemar_p`` and, by Benjamini-Hochberg, ``mcnemar_q``.
    variant_id : str
        The variant that the rows are of.
    class_names : sequence of str
        Class names in order of class id.
    dense : ClassRecall
        Recall and accuracy of the dense runs.
    variant : ClassRecall
        Those of the variant's runs.

    Notes
    -----
    ``t_reference`` and ``p_reference`` shift every run by the population's mean accuracy instead,
    as the code released with Hooker et al. 2019 does. Since sum_c n_c D_c = 0, a gain may only
    mean that other classes lost.
    """
    test = welch(variant.shifted, dense.shifted)
    reference = welch(
        variant.recall - variant.accuracy.mean(), dense.recall - dense.accuracy.mean()
    )
    tied = _paired_test(dense, variant) if is_paired else None
    nothing = np.full(len(class_names), np.nan)
    empty = np.asarray(n_images) == 0
    p = np.where(empty, np.nan, test.p)
    flipped = nothing if flips is None else np.where(empty, np.nan, mcnemar(*flips))
    return pd.DataFrame(
        {
            schema.VARIANT_ID: variant_id,
            schema.CLASS_ID: np.arange(len(class_names), dtype=np.int32),
            schema.CLASS_NAME: class_names,
            "n_images": n_images,
            "dense_recall": dense.recall.mean(axis=0),
            "recall": variant.recall.mean(axis=0),
            "recall_delta": variant.recall.mean(axis=0) - dense.recall.mean(axis=0),
            "normalized_recall_delta": test.difference,
            "t": test.t,
            "df": test.df,
            "p": test.p,
            "q": benjamini_hochberg(p),
            "ci_low": test.low,
            "ci_high": test.high,
            "t_reference": reference.t,
            "p_reference": reference.p,
            "degenerate": test.degenerate,
            "paired_t": nothing if tied is None else tied.t,
            "paired_p": nothing if tied is None else tied.p,
            "detectable": _detectable(dense, variant),
            "holm": holm(p),
            "excess_gap": -test.difference,
            "dense_fpr": dense.fpr.mean(axis=0),
            "fpr": variant.fpr.mean(axis=0),
            "dense_fnr": 1 - dense.recall.mean(axis=0),
            "fnr": 1 - variant.recall.mean(axis=0),
            "mcnemar_p": flipped,
            "mcnemar_q": benjamini_hochberg(flipped),
        },
        columns=list(schema.CLASSES_COLUMNS),
    )


def _paired_test(dense: ClassRecall, variant: ClassRecall) -> TTest:
    rows_dense, rows_variant = paired_rows(dense.seeds, variant.seeds, paired=True)
    return paired(variant.shifted[rows_variant], dense.shifted[rows_dense])


def _detectable(dense: ClassRecall, variant: ClassRecall) -> FloatArray:
    k_dense, k_variant = len(dense.recall), len(variant.recall)
    if k_dense < 2 or k_variant < 2:
        return np.full(dense.recall.shape[1], np.nan)
    return detectable_difference(
        variant.shifted.var(axis=0, ddof=1), k_variant, dense.shifted.var(axis=0, ddof=1), k_dense
    )


def impacted(classes: pd.DataFrame, column: str = "p") -> Any:
    """Flag the impacted classes: ``p <= 0.05`` (the paper's rule), ``q <= 0.05`` or ``holm``.

    Under the null hypothesis 0.05 C classes are impacted by chance at the paper's rule.

    Parameters
    ----------
    classes : DataFrame
        The classes table of one variant or several.
    column : str
        Column of p or q values that is compared with 0.05.
    """
    return classes[column] <= ALPHA


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
    dense: ClassRecall, variant: ClassRecall, *, paired: bool, n_splits: int = SPLITS
) -> Intensification | None:
    """Intensification of one variant: the least-squares slope of recall balance over the classes.

    The regressor ("before") is the balance of dense half A. Compared with it are the variant's runs
    (``slope``) and dense half B (``dense_slope``), both means over the random splits of the noise
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
    n_splits : int
        Random halves of the dense runs.

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
