"""What compression does to each class: recall deltas, their tests, and impacted classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.stats.mcnemar import Counts, mcnemar
from analysis.stats.modal import IntArray
from analysis.stats.pairing import paired_rows
from analysis.stats.rates import false_positive_rate
from analysis.stats.ttest import (
    TTest,
    benjamini_hochberg,
    detectable_difference,
    holm,
    paired,
    welch,
)

ALPHA = 0.05
FloatArray = npt.NDArray[np.float64]


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
    """
    return classes[column] <= ALPHA
