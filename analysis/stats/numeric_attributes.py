"""Numeric metadata columns on PIEs and on non-PIEs, as they are and matched by class."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis import schema
from analysis.stats.attributes import HalfPies
from analysis.stats.modal import BoolArray, FloatArray, IntArray
from analysis.stats.ranks import mann_whitney, van_elteren

_NORMAL = 1.959963984540054


@dataclass(frozen=True)
class Matched:
    """Means on PIEs and class-matched non-PIEs, and what could not be matched.

    A class is unmatched where it has PIEs and no non-PIE; the means are NaN where none is matched.
    """

    on_pies: float
    on_non_pies: float
    n_classes: int
    n_unmatched: int
    n_pies_unmatched: int


def class_matched(x: FloatArray, pie: BoolArray, label: IntArray) -> Matched:
    """Class-matched means: non-PIEs of class c weighted ``n_PIE,c / n_nonPIE,c``.

    The weighted non-PIEs have the class mix of the PIEs, so that a difference of the means is not
    one of classes. ``on_pies`` is the mean over the PIEs of the matched classes alone.

    Parameters
    ----------
    x : float array, shape (N,)
    pie : bool array, shape (N,)
    label : integer array, shape (N,)
    """
    n_classes = int(label.max()) + 1 if len(label) else 0
    pies = np.bincount(label[pie], minlength=n_classes)
    others = np.bincount(label[~pie], minlength=n_classes)
    matched, unmatched = (pies > 0) & (others > 0), (pies > 0) & (others == 0)
    total = int(pies[matched].sum())
    sum_pies = np.bincount(label[pie], weights=x[pie], minlength=n_classes)
    sum_others = np.bincount(label[~pie], weights=x[~pie], minlength=n_classes)
    weighted = (sum_others[matched] / others[matched] * pies[matched]).sum()
    return Matched(
        on_pies=float(sum_pies[matched].sum() / total) if total else np.nan,
        on_non_pies=float(weighted / total) if total else np.nan,
        n_classes=int(matched.sum()),
        n_unmatched=int(unmatched.sum()),
        n_pies_unmatched=int(pies[unmatched].sum()),
    )


def mean_difference(x: FloatArray, one: IntArray, other: IntArray) -> tuple[float, ...]:
    """Means of x over two sets of the same images, their difference and its 95 % interval.

    ``sum_i w_i x_i / sum_i w_i`` with the counts as weights; the interval is the normal one over
    images, by linearization (both means rest on the same images).

    Parameters
    ----------
    x : float array, shape (n,)
    one, other : integer arrays, shape (n,)
        How often each image is in either set.

    Returns
    -------
    mean_one, mean_other, difference, low, high : float
        NaN where a set is empty; the interval is NaN below two images.
    """
    means = [float((w * x).sum() / w.sum()) if w.any() else np.nan for w in (one, other)]
    difference, n = means[0] - means[1], len(x)
    if np.isnan(difference) or n < 2:
        return (*means, difference, np.nan, np.nan)
    influence = one * (x - means[0]) / one.mean() - other * (x - means[1]) / other.mean()
    margin = _NORMAL * float(influence.std(ddof=1)) / np.sqrt(n)
    return (*means, difference, difference - margin, difference + margin)


def numeric_row(
    variant_id: str,
    attribute: str,
    x: FloatArray,
    label: IntArray,
    pie: BoolArray,
    halves: HalfPies | None,
) -> dict[str, Any]:
    """One numeric attribute on the PIEs of one variant against its non-PIEs.

    Raw means with Mann-Whitney's U and p, class-matched means with van Elteren's stratified test,
    and the mean on PIEs of halves beside that on A/A PIEs: ``difference`` is the first minus the
    second, with a 95 % interval over images.

    Parameters
    ----------
    x : float array, shape (N,)
        NaN where an image has no value: left out, and counted in ``n_missing``.
    label, pie : arrays, shape (N,)
    halves : HalfPies or None
        None where there are too few runs: the columns that rest on it are null.
    """
    known = ~np.isnan(x)
    values, flags, classes = x[known], pie[known], label[known]
    test, stratified = mann_whitney(values, flags), van_elteren(values, flags, classes)
    matched = class_matched(values, flags, classes)
    n_pies, n_others = int(flags.sum()), int((~flags).sum())
    row: dict[str, Any] = dict.fromkeys(schema.NUMERIC_COLUMNS)
    row |= {
        schema.VARIANT_ID: variant_id,
        "attribute": attribute,
        "n_pies": n_pies,
        "n_non_pies": n_others,
        "n_missing": int((~known).sum()),
        "mean_on_pies": float(values[flags].mean()) if n_pies else None,
        "mean_on_non_pies": float(values[~flags].mean()) if n_others else None,
        "u": test.statistic,
        "p": test.p,
        "probability_larger": test.statistic / (n_pies * n_others) if n_pies * n_others else None,
        "matched_mean_on_pies": matched.on_pies,
        "matched_mean_on_non_pies": matched.on_non_pies,
        "van_elteren_z": stratified.z,
        "van_elteren_p": stratified.p,
        "n_classes_matched": matched.n_classes,
        "n_classes_unmatched": matched.n_unmatched,
        "n_pies_unmatched": matched.n_pies_unmatched,
    }
    if halves is not None:
        chosen = x[halves.sample]
        here = ~np.isnan(chosen)
        names = ("half_mean", "aa_mean", "difference", "difference_low", "difference_high")
        found = mean_difference(chosen[here], halves.variant[here], halves.aa[here])
        row |= dict(zip(names, found, strict=True))
    return row
