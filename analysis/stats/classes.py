"""Changes of each class: recall deltas with tests, upper bounds of the loss, error rates."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from analysis import schema
from analysis.stats.multiple import benjamini_hochberg, holm
from analysis.stats.pairs import Counts, Rows, change_interval, mcnemar
from analysis.stats.planning import detectable_difference, detectable_paired, image_floor
from analysis.stats.rates import false_positive_rate
from analysis.stats.spread import spread
from analysis.stats.two_sample import TTest, paired, welch
from analysis.stats.two_way import (
    NO_VARIANCE,
    Changes,
    Variances,
    change_variances,
    class_variances,
    two_way,
)
from analysis.stats.votes import FloatArray, IntArray

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

    def rows(self, rows: Rows) -> "ClassRecall":
        """Select runs.

        Parameters
        ----------
        rows : integer array
            Positions of the runs.
        """
        seeds = tuple(self.seeds[i] for i in rows)
        return ClassRecall(self.recall[rows], self.accuracy[rows], seeds, self.fpr[rows])


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


@dataclass(frozen=True)
class LossBounds:
    """One-sided upper bounds of the loss of recall of each class, (C,); NaN without one.

    ``upper`` is at .05: *no class loses more than d* where every one is at most d. ``named`` is at
    .05 / C: each class whose bound is at most d may be named as safe.
    """

    upper: FloatArray
    named: FloatArray


def loss_bounds(recall_delta: FloatArray, variances: Variances, n_images: IntArray) -> LossBounds:
    """Upper bounds of the loss of every class, for other seeds and other images.

    ``U_c = -delta_c + t_(1 - alpha, df) sqrt(V_c)`` with the two-way variance V_c of the change of
    recall, never below ``1 / (n_c + 2)^2``; df is that of the variance without that floor, and
    the quantile is the normal one where V_c = 0. At most 1. Null for a class of one image or none.

    Parameters
    ----------
    recall_delta : float array, shape (C,)
    variances : Variances
        Of ``recall_delta``.
    n_images : integer array, shape (C,)

    Notes
    -----
    That every bound holds at .05 without correction is an intersection-union test (Berger 1982):
    the statement "no class loses more than d" is false with probability at most .05.
    """
    total, df = variances.total, variances.df
    error = np.sqrt(np.maximum(np.nan_to_num(total), 1 / (n_images + 2.0) ** 2))
    known = (n_images > 1) & ~np.isnan(total)
    n_classes = max(int((n_images > 0).sum()), 1)

    def bound(alpha: float) -> FloatArray:
        has_varied = np.nan_to_num(total) > NO_VARIANCE
        quantile = np.where(has_varied, stdtrit(df, 1 - alpha), ndtri(1 - alpha))
        return np.where(known, np.minimum(-recall_delta + quantile * error, 1.0), np.nan)

    return LossBounds(bound(ALPHA), bound(ALPHA / n_classes))


def pair_loss_bounds(to_wrong: IntArray, to_right: IntArray, n_images: IntArray) -> LossBounds:
    """Upper bounds of the loss of every class of one pair of models, for other images.

    With ``q = (b + 1) / (n + 2)`` of the b images that flip to wrong and ``r = (c + 1) / (n + 2)``
    of the c that flip to right: ``q - r + z_(1 - alpha) sqrt((q + r - (q - r)^2) / (n + 2))``, at
    most 1. The seeds are not in it. Null for a class of one image or none.

    Parameters
    ----------
    to_wrong, to_right, n_images : integer arrays, shape (C,)

    Notes
    -----
    Source: Bonett and Price 2012, one-sided.
    """
    n = n_images + 2.0
    q, r = (to_wrong + 1) / n, (to_right + 1) / n
    error = np.sqrt((q + r - (q - r) ** 2) / n)
    n_classes = max(int((n_images > 0).sum()), 1)

    def bound(alpha: float) -> FloatArray:
        upper = np.minimum(q - r + ndtri(1 - alpha) * error, 1.0)
        return np.where(n_images > 1, upper, np.nan)

    return LossBounds(bound(ALPHA), bound(ALPHA / n_classes))


def class_table(
    variant_id: str,
    class_names: list[str],
    dense: ClassRecall,
    variant: ClassRecall,
    changes: Changes,
    *,
    pairs: tuple[Rows, Rows] | None = None,
    flips: tuple[Counts, Counts] | None = None,
    n_train: FloatArray | None = None,
) -> pd.DataFrame:
    r"""Per-class table of one variant beside dense: the columns of ``export classes``.

    ``recall_delta = mean_k recall[c,k,t] - mean_k recall[c,k,dense]`` and the normalized delta
    ``D = (mean_k recall[c,k,t] - A_t) - (mean_k recall[c,k,dense] - A_dense)``, both in -1..1.

    *Other seeds, these images*: ``t df p q ci_low ci_high holm`` test D by Welch's two-sided t
    between ``recall[c,k,t] - a[k,t]`` and the same of dense; by the paired t where equal seeds tie
    the runs. ``q`` is Benjamini-Hochberg over the classes of this variant, ``holm`` Holm's p.

    *Other seeds and other images*: the columns that end in ``two_way``, of which ``q_two_way`` is
    the headline; ``q_sweep``, over all variants of a sweep, is filled in where all are known.
    ``loss_upper`` and ``loss_upper_named`` bound the loss of recall, and ``shrunken_delta`` is D
    drawn to 0 by its own variance. Of paired runs both deltas are those of the pairs, as the tests
    are: other runs would add seed noise that no pair has.

    ``excess_gap`` is -D. FPR and FNR are one versus rest, means over the runs. ``detectable`` is
    the smallest \|D\| that so many runs detect at 80 % power, ``image_floor`` the smallest that any
    number of runs detects on so many images.

    Parameters
    ----------
    variant_id : str
        The variant that the rows are of.
    class_names : sequence of str
        Class names in order of class id.
    dense, variant : ClassRecall
        Recall and accuracy of the runs of both.
    changes : Changes
        What their runs get right, image by image.
    pairs : two integer arrays, optional
        Rows that belong together where equal seeds tie the runs: deltas and tests rest on these
        alone.
    flips : two integer arrays, shape (C,), optional
        Of a single pair of models: images of each class that flip to wrong and to right. They give
        ``mcnemar_p`` and, by Benjamini-Hochberg, ``mcnemar_q``: tests of the change of recall,
        whose interval over images is ``mcnemar_low`` to ``mcnemar_high``.
    n_train : float array, shape (C,), optional
        Training images of each class.

    Notes
    -----
    ``t_reference`` and ``p_reference`` shift every run by the population's mean accuracy instead,
    unpaired, as the code released with Hooker et al. 2019 does. Since sum_c n_c D_c = 0, a gain may
    only mean that other classes lost.
    """
    n_images = changes.n_images
    nothing, empty = np.full(len(class_names), np.nan), n_images == 0
    of_dense, of_variant = _tested_runs(dense, variant, pairs)
    test = _over_runs(of_dense, of_variant, is_paired=pairs is not None)
    reference = welch(
        variant.recall - variant.accuracy.mean(), dense.recall - dense.accuracy.mean()
    )
    # An estimate rests on the runs that its interval rests on, as long as there are any.
    before, after = (of_dense, of_variant) if len(of_dense.recall) else (dense, variant)
    delta = after.recall.mean(axis=0) - before.recall.mean(axis=0)
    normalized = after.shifted.mean(axis=0) - before.shifted.mean(axis=0)
    variances = class_variances(changes, of_dense.shifted, of_variant.shifted)
    both = two_way(normalized, variances)
    bounds = _bounds(delta, changes, of_dense, of_variant, flips)
    p = np.where(empty, np.nan, test.p)
    flipped = nothing if flips is None else np.where(empty, np.nan, mcnemar(*flips))
    ends = (nothing, nothing) if flips is None else change_interval(*flips, n_images)
    return pd.DataFrame(
        {
            schema.VARIANT_ID: variant_id,
            schema.CLASS_ID: np.arange(len(class_names), dtype=np.int32),
            schema.CLASS_NAME: class_names,
            "n_images": n_images,
            "dense_recall": dense.recall.mean(axis=0),
            "recall": variant.recall.mean(axis=0),
            "recall_delta": delta,
            "normalized_recall_delta": normalized,
            "t": test.t,
            "df": test.df,
            "p": p,
            "q": benjamini_hochberg(p),
            "ci_low": test.low,
            "ci_high": test.high,
            "t_reference": reference.t,
            "p_reference": reference.p,
            "degenerate": test.degenerate,
            "detectable": _detectable(of_dense, of_variant, is_paired=pairs is not None),
            "holm": holm(p),
            "excess_gap": -normalized,
            "dense_fpr": dense.fpr.mean(axis=0),
            "fpr": variant.fpr.mean(axis=0),
            "dense_fnr": 1 - dense.recall.mean(axis=0),
            "fnr": 1 - variant.recall.mean(axis=0),
            "mcnemar_p": flipped,
            "mcnemar_q": benjamini_hochberg(flipped),
            "mcnemar_low": np.where(empty, np.nan, ends[0]),
            "mcnemar_high": np.where(empty, np.nan, ends[1]),
            "n_train": nothing if n_train is None else n_train,
            "se_two_way": both.se,
            "df_two_way": both.df,
            "p_two_way": both.p,
            "q_two_way": benjamini_hochberg(both.p),
            "ci_low_two_way": both.low,
            "ci_high_two_way": both.high,
            "q_sweep": benjamini_hochberg(both.p),
            "loss_upper": bounds.upper,
            "loss_upper_named": bounds.named,
            "shrunken_delta": spread(normalized, both.se, n_images).shrunken,
            # With one run a side the noise of single runs cannot be separated from that of images.
            "image_floor": image_floor(variances.images, variances.both)
            if changes.has_seeds
            else nothing,
        },
        columns=list(schema.CLASSES_COLUMNS),
    )


def _tested_runs(
    dense: ClassRecall, variant: ClassRecall, pairs: tuple[Rows, Rows] | None
) -> tuple[ClassRecall, ClassRecall]:
    """Runs that tests rest on: all, or those that form pairs."""
    if pairs is None:
        return dense, variant
    return dense.rows(pairs[0]), variant.rows(pairs[1])


def _over_runs(dense: ClassRecall, variant: ClassRecall, *, is_paired: bool) -> TTest:
    test = paired if is_paired else welch
    return test(variant.shifted, dense.shifted)


def _bounds(
    delta: FloatArray,
    changes: Changes,
    dense: ClassRecall,
    variant: ClassRecall,
    flips: tuple[Counts, Counts] | None,
) -> LossBounds:
    if flips is not None:
        return pair_loss_bounds(*flips, changes.n_images)
    variances = change_variances(changes, dense.recall, variant.recall)
    return loss_bounds(delta, variances, changes.n_images)


def _detectable(dense: ClassRecall, variant: ClassRecall, *, is_paired: bool) -> FloatArray:
    k_dense, k_variant = len(dense.recall), len(variant.recall)
    if k_dense < 2 or k_variant < 2:
        return np.full(dense.recall.shape[1], np.nan)
    if is_paired:
        change = variant.shifted - dense.shifted
        return detectable_paired(change.var(axis=0, ddof=1), k_dense)
    return detectable_difference(
        variant.shifted.var(axis=0, ddof=1), k_variant, dense.shifted.var(axis=0, ddof=1), k_dense
    )


def impacted(classes: pd.DataFrame, column: str = "q_two_way", alpha: float = ALPHA) -> Any:
    """Flag the impacted classes: by default those with ``q_two_way <= 0.05``.

    The paper's rule is ``p <= 0.05``; under the null hypothesis it flags 0.05 C classes by chance.

    Parameters
    ----------
    classes : DataFrame
        The classes table of one variant or several.
    column : str
        Column of p or q values that is compared with ``alpha``.
    alpha : float
        The level; smaller where seeds were added after results were seen.
    """
    return classes[column] <= alpha
