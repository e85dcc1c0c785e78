"""Metadata columns on PIEs: over-representation of values, and numbers matched by class."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.stats.excess import Groups
from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.two_sample import mann_whitney, van_elteren
from analysis.stats.votes import BoolArray, FloatArray, IntArray

RESAMPLES = 1000
_RANDOM_SEED = 20191113
_CELLS = 4_000_000
MISSING = -1


@dataclass(frozen=True)
class HalfPies:
    """PIEs of halves over the R splits of the noise floor, on the images ``sample`` [n].

    ``variant`` and ``aa`` [n] count in how many splits an image is a PIE of the variant half
    against dense half A, and of dense half B against A.
    """

    sample: npt.NDArray[np.intp]
    variant: npt.NDArray[np.int64]
    aa: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ratios:
    """Over-representation of V values in M sets of images, and in B resamples of the images.

    ``point`` [M, V], ``drawn`` [B, M, V]; NaN where a set or a value has no image.
    """

    point: FloatArray
    drawn: FloatArray


def over_representation(
    code: IntArray, n_values: int, members: IntArray, *, n_resamples: int = RESAMPLES
) -> Ratios:
    """Over-representation of each value in each set: ``P(value | set) / P(value | all)``.

    Parameters
    ----------
    code : integer array, shape (N,)
        Value of each image, 0..V-1.
    members : integer array, shape (M, N)
        How often each image is in each set: 0 or 1, or the number of splits in which it is a PIE.
    n_resamples : int
        B, bootstrap resamples of the images, from a fixed random seed.
    n_values : int
        Number of values, V.

    Notes
    -----
    Images that agree in value and membership are exchangeable, so a resample is one multinomial
    draw of how many images of each such kind there are: the bootstrap over images, exactly, at a
    cost that does not grow with N. The order of images changes nothing.
    """
    n_sets, n = members.shape
    if not n:
        return Ratios(
            np.full((n_sets, n_values), np.nan), np.full((n_resamples, n_sets, n_values), np.nan)
        )
    kind = code.astype(np.int64)
    for row in members:
        kind = kind * (int(row.max()) + 1) + row
    _, first, counts = np.unique(kind, return_index=True, return_counts=True)
    generator = np.random.default_rng([_RANDOM_SEED, n])
    value = np.zeros((len(first), n_values))
    value[np.arange(len(first)), code[first]] = 1.0
    weight = members[:, first].astype(np.float64)
    drawn = np.empty((n_resamples, n_sets, n_values))
    step = max(1, _CELLS // len(first))
    for start in range(0, n_resamples, step):
        part = drawn[start : start + step]
        part[:] = _ratio(generator.multinomial(n, counts / n, len(part)), value, weight)
    return Ratios(_ratio(counts[None], value, weight)[0], drawn)


def _ratio(counts: IntArray, value: FloatArray, weight: FloatArray) -> FloatArray:
    """Ratios of shares from counts of kinds [B, cells], shape (B, M, V)."""
    in_set = np.stack([(counts * row) @ value for row in weight], axis=1)
    everywhere = (counts @ value)[:, None, :] / counts.sum(axis=1)[:, None, None]
    size = in_set.sum(axis=2, keepdims=True)
    share = np.divide(in_set, size, out=np.full_like(in_set, np.nan), where=size > 0)
    known = np.broadcast_to(everywhere > 0, share.shape)
    return np.divide(share, everywhere, out=np.full_like(share, np.nan), where=known)


def interval(point: FloatArray, drawn: FloatArray) -> tuple[FloatArray, FloatArray]:
    """95 % percentile interval of each value, shapes (V,), from ``drawn`` [B, V].

    NaN where ``point`` is 0 or NaN: resampling cannot tell how rare a value is that never occurs.

    Parameters
    ----------
    point : float array
        Estimates on all images, shape (V,).
    drawn : float array
        The same of B resamples, shape (B, V).
    """
    low, high = np.full(len(point), np.nan), np.full(len(point), np.nan)
    for v in np.flatnonzero(np.nan_to_num(point) != 0):
        known = drawn[:, v][~np.isnan(drawn[:, v])]
        low[v], high[v] = np.quantile(known, [0.025, 0.975])
    return low, high


def attribute_table(
    variant_id: str,
    attribute: str,
    values: list[str],
    code: IntArray,
    pie: BoolArray,
    halves: HalfPies | None,
    excess: Groups | None = None,
    *,
    n_resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Excess and over-representation of every value of one attribute among the PIEs of a variant.

    ``risk_difference`` is by how much compression makes an image with the value likelier to be a
    PIE than seeds do, ``contrast`` that less the same of the images without the value; their
    intervals and p are over runs and images, ``contrast_q`` is Benjamini-Hochberg over the values.

    The rest describes composition. ``over_representation`` is that of the PIEs;
    ``aa_over_representation`` that of the A/A PIEs of the dense halves, which seed noise alone
    makes; ``half_over_representation`` that of the PIEs of variant halves, like for like with
    them, and ``difference`` the last minus the A/A one. A group whose risk doubled has a
    difference near 0 where all groups' risks rose alike.
    Their intervals are 95 % bootstrap intervals over images; the seeds are fixed.

    Parameters
    ----------
    values : list of V names
    code : integer array, shape (N,)
        Index into ``values``; -1 where the image has no value: left out, and counted in
        ``n_missing``.
    pie : bool array, shape (N,)
    halves : HalfPies or None
        None with too few runs; its columns are null.
    excess : Groups or None
        Excess of the images of each value; None likewise.
    variant_id : str
        The variant that the rows are of.
    attribute : str
        Name of the metadata column, without ``meta_``.
    n_resamples : int
        Bootstrap resamples.

    Returns
    -------
    DataFrame
        V rows. Ratios are null where there is no PIE; an interval is null where no PIE has the
        value.
    """
    known = code != MISSING
    table = pd.DataFrame(
        {
            schema.VARIANT_ID: variant_id,
            "attribute": attribute,
            "value": values,
            "n_images": np.bincount(code[known], minlength=len(values)),
            "n_pies": np.bincount(code[known & pie], minlength=len(values)),
            "n_missing": int((~known).sum()),
        }
    )
    of_pies = over_representation(
        code[known], len(values), pie[known][None].astype(np.int64), n_resamples=n_resamples
    )
    table["image_share"] = table["n_images"] / max(int(known.sum()), 1)
    n_pies = int(table["n_pies"].sum())
    table["pie_share"] = table["n_pies"] / n_pies if n_pies else np.nan
    table["over_representation"] = of_pies.point[0]
    table["ci_low"], table["ci_high"] = interval(of_pies.point[0], of_pies.drawn[:, 0])
    if halves is not None:
        chosen = code[halves.sample]
        here = chosen != MISSING
        both = over_representation(
            chosen[here], len(values), np.stack([halves.variant, halves.aa])[:, here],
            n_resamples=n_resamples,
        )  # fmt: skip
        half, aa = both.point
        difference = half - aa
        table["half_over_representation"], table["aa_over_representation"] = half, aa
        table["aa_ci_low"], table["aa_ci_high"] = interval(aa, both.drawn[:, 1])
        table["difference"] = difference
        # A value in neither set differs by 0 in every resample, which carries no information.
        table["difference_low"], table["difference_high"] = interval(
            np.where(half + aa > 0, 1.0, np.nan), both.drawn[:, 0] - both.drawn[:, 1]
        )
    if excess is not None:
        for name, test in (("risk_difference", excess.risk), ("contrast", excess.contrast)):
            table[name], table[f"{name}_p"] = test.difference, test.p
            table[f"{name}_low"], table[f"{name}_high"] = test.low, test.high
        table["contrast_q"] = benjamini_hochberg(excess.contrast.p)
    return table.reindex(columns=list(schema.ATTRIBUTES_COLUMNS))


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
    *,
    is_more: bool = False,
) -> dict[str, Any]:
    """One numeric attribute on the PIEs of one variant against its non-PIEs.

    Raw means with Mann-Whitney's U and p, class-matched means with van Elteren's stratified test,
    and the mean on PIEs of halves beside that on A/A PIEs: ``difference`` is the first minus the
    second, with a 95 % interval over images: of composition. ``added_mean`` is the mean over the
    images that compression adds, ``sum_i x_i (half_i - floor_i) / sum_i (half_i - floor_i)``.

    Parameters
    ----------
    x : float array, shape (N,)
        NaN where an image has no value: left out, and counted in ``n_missing``.
    label, pie : arrays, shape (N,)
    halves : HalfPies or None
        None with too few runs; its columns are null.
    is_more : bool
        Whether the interval of the excess lies above 0; else nothing is added for certain.
    variant_id : str
        The variant that the rows are of.
    attribute : str
        Name of the metadata column, without ``meta_``.
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
        means = mean_difference(chosen[here], halves.variant[here], halves.aa[here])
        row |= dict(zip(names, means, strict=True))
        weight = (halves.variant - halves.aa)[here].astype(np.float64)
        if is_more and weight.sum() > 0:
            row["added_mean"] = float((chosen[here] * weight).sum() / weight.sum())
    return row
