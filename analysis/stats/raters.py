"""Studies with people: which images each sees, shares by group, agreement between raters."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.shares import fisher, newcombe, wilson
from analysis.stats.votes import BoolArray, FloatArray, IntArray

MISSING = -1
RESAMPLES = 1000
_PRACTICE = 1
_RANDOM_SEED = 20191113
# Below this, an expected disagreement is a rounding error.
_NOTHING = 1e-12


@dataclass(frozen=True)
class Agreement:
    """How far raters agree on the ``n_images`` that at least two of them rated.

    ``observed`` is the share of agreeing pairs, 0..1; ``coefficient`` kappa or alpha, 1 at full
    agreement and 0 at that of chance, with its 95 % interval ``low`` to ``high``. None where it is
    not defined.
    """

    n_images: int
    observed: float | None
    coefficient: float | None
    low: float | None
    high: float | None


def cohen_kappa(
    first: IntArray, second: IntArray, n_categories: int, *, n_resamples: int = RESAMPLES
) -> Agreement:
    r"""Cohen's kappa of two raters, at most 1: ``(p_o - p_e) / (1 - p_e)``.

    ``p_o`` is the share of images to which both gave the same category, ``p_e = sum_c a_c b_c``
    with the shares a_c, b_c of category c among the answers of each of the two.

    Parameters
    ----------
    first, second : integer arrays, shape (I,)
        Category of each image, 0..C-1; -1 where it was not rated. Images both rated count.
    n_resamples : int
        Bootstrap resamples of the images, from a fixed random seed, for the percentile interval.
    n_categories : int
        Number of categories.

    Returns
    -------
    Agreement
        ``coefficient`` is None where no image was rated by both, and where both gave one and the
        same category to all: ``p_e`` is 1 then, and agreement beyond chance undefined. Resamples in
        which that happens are left out.

    Notes
    -----
    Cohen 1960. The bootstrap resamples cells of the table of the two, which is the same as
    resampling images.
    """
    both = (first != MISSING) & (second != MISSING)
    n = int(both.sum())
    if n == 0:
        return Agreement(0, None, None, None, None)
    cell = first[both].astype(np.int64) * n_categories + second[both]
    counts = np.bincount(cell, minlength=n_categories**2)
    generator = np.random.default_rng([_RANDOM_SEED, n])
    drawn = generator.multinomial(n, counts / n, n_resamples)
    shape = (-1, n_categories, n_categories)
    observed, kappa = _kappa(counts.reshape(shape))
    _, resampled = _kappa(drawn.reshape(shape))
    return _agreement(n, float(observed[0]), float(kappa[0]), resampled)


def _kappa(tables: IntArray) -> tuple[FloatArray, FloatArray]:
    """Observed agreement and kappa of tables [B, C, C]; kappa is NaN where chance alone is 1."""
    n = tables.sum(axis=(1, 2))
    observed = np.trace(tables, axis1=1, axis2=2) / n
    expected = (tables.sum(axis=2) * tables.sum(axis=1)).sum(axis=1) / n**2
    return observed, _beyond_chance(1 - observed, 1 - expected)


def krippendorff_alpha(
    ratings: IntArray, n_categories: int, *, n_resamples: int = RESAMPLES
) -> Agreement:
    r"""Krippendorff's alpha for nominal categories, at most 1: ``1 - D_o / D_e``.

    With n_uc raters who gave category c to image u, m_u = sum_c n_uc >= 2, n = sum_u m_u and
    n_c = sum_u n_uc: ``D_o = (1/n) sum_u sum_c n_uc (m_u - n_uc) / (m_u - 1)`` and
    ``D_e = sum_c n_c (n - n_c) / (n (n - 1))``. ``observed`` is ``1 - D_o``.

    Parameters
    ----------
    ratings : integer array, shape (R, I)
        Category that each rater gave to each image, 0..C-1; -1 where none was given. Any number of
        raters, each with any images; images with fewer than two ratings are left out.
    n_resamples : int
        Bootstrap resamples of the images, from a fixed random seed, for the percentile interval.
    n_categories : int
        Number of categories.

    Returns
    -------
    Agreement
        ``coefficient`` is None where no image has two ratings, and where all ratings are of one
        category (D_e = 0): without variation alpha is undefined. Resamples in which that happens
        are left out.

    Notes
    -----
    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability". His own bootstrap draws pairs;
    this one draws whole images, since ratings of one image belong together.
    """
    votes = np.stack([(ratings == c).sum(axis=0) for c in range(n_categories)], axis=1)
    votes = votes[votes.sum(axis=1) >= 2]
    if not len(votes):
        return Agreement(0, None, None, None, None)
    # Images of equal votes are exchangeable: a resample is the number of images of each kind.
    kinds, counts = np.unique(votes, axis=0, return_counts=True)
    n = len(votes)
    generator = np.random.default_rng([_RANDOM_SEED, n])
    drawn = generator.multinomial(n, counts / n, n_resamples)
    observed, alpha = _alpha(kinds, counts[None])
    _, resampled = _alpha(kinds, drawn)
    return _agreement(n, float(observed[0]), float(alpha[0]), resampled)


def _alpha(kinds: IntArray, counts: IntArray) -> tuple[FloatArray, FloatArray]:
    """Observed agreement and alpha of ``counts`` [B, U] images of kinds [U, C]."""
    raters = kinds.sum(axis=1)
    disagreeing = (kinds * (raters[:, None] - kinds)).sum(axis=1) / (raters - 1)
    n = counts @ raters
    of_category = counts @ kinds
    observed = counts @ disagreeing / n
    expected = (of_category * (n[:, None] - of_category)).sum(axis=1) / (n * (n - 1))
    return 1 - observed, _beyond_chance(observed, expected)


def _beyond_chance(disagreement: FloatArray, expected: FloatArray) -> FloatArray:
    """``1 - disagreement / expected``, NaN where none is expected."""
    ratio = np.full(disagreement.shape, np.nan)
    np.divide(disagreement, expected, out=ratio, where=expected > _NOTHING)
    return 1 - ratio


def _agreement(n: int, observed: float, coefficient: float, resampled: FloatArray) -> Agreement:
    if np.isnan(coefficient):
        return Agreement(n, observed, None, None, None)
    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return Agreement(n, observed, coefficient, None, None)
    low, high = np.quantile(known, [0.025, 0.975])
    return Agreement(n, observed, coefficient, float(low), float(high))


NOT_RATED = -1
DIVIDED = -2


def majority(ratings: IntArray, n_categories: int) -> npt.NDArray[np.int64]:
    """Category that most raters gave to each image, 0..C-1, shape (I,).

    Each rater gives one category to an image, so every image counts once. ``-2`` where several
    categories share the lead (no majority: the image stays in the denominator and counts for no
    category), ``-1`` where nobody rated it.

    Parameters
    ----------
    ratings : integer array, shape (R, I)
        Category that each rater gave to each image; -1 where none was given.
    n_categories : int
        Number of categories.
    """
    votes = np.stack([(ratings == c).sum(axis=0) for c in range(n_categories)])
    most = votes.max(axis=0, initial=0)
    winner = votes.argmax(axis=0)
    divided = (votes == most).sum(axis=0) > 1
    return np.where(most == 0, NOT_RATED, np.where(divided, DIVIDED, winner))


def category_shares(
    chosen: IntArray,
    *,
    pie: BoolArray,
    aa_pie: BoolArray,
    non_pie: BoolArray,
    categories: Sequence[str],
    divided: str,
) -> pd.DataFrame:
    """Share of every category among the rated PIEs, A/A PIEs and non-PIEs of a study.

    Shares have Wilson's intervals. ``difference`` is PIE minus non-PIE, two separate samples, with
    Newcombe's interval and Fisher's exact p. ``aa_difference`` is PIE minus A/A PIE, what
    compression adds to seed noise: images may be in both groups, so its interval takes their
    correlation into account, and its p is Fisher's between those that are in one of the two only
    (the others say nothing of the difference). ``q`` and ``aa_q`` are Benjamini-Hochberg's over
    the categories.

    Parameters
    ----------
    chosen : integer array, shape (I,)
        Category of each image; -1 not rated (left out), -2 no majority.
    pie, aa_pie, non_pie : bool arrays, shape (I,)
        Which images are in which group; one may be in two.
    divided : str
        Name of the last row: images without a majority. It is no category and has no p.
    categories : sequence of str
        Names of the categories, in order of their codes.

    Returns
    -------
    DataFrame
        One row a category, and one for images without a majority; null where a group is empty.
    """
    rated = chosen != NOT_RATED
    codes = [*range(len(categories)), DIVIDED]
    table: dict[str, object] = {"category": [*categories, divided]}
    counted = {}
    for name, members in (("pie", pie), ("aa", aa_pie), ("non_pie", non_pie)):
        counted[name] = counts, n = _counted(chosen, members & rated, codes)
        low, high = wilson(counts, n)
        share = counts / n if n else np.full(len(codes), np.nan)
        table |= {
            f"{name}_images": n, f"{name}_count": counts, f"{name}_share": share,
            f"{name}_low": low, f"{name}_high": high,
        }  # fmt: skip
    table |= _compared("", newcombe(*counted["pie"], *counted["non_pie"]))
    table |= _tested("", fisher(*counted["pie"], *counted["non_pie"]))
    shared = int((pie & aa_pie & rated).sum())
    table |= _compared("aa_", newcombe(*counted["pie"], *counted["aa"], n_shared=shared))
    alone = [_counted(chosen, one & rated, codes) for one in (pie & ~aa_pie, aa_pie & ~pie)]
    table |= _tested("aa_", fisher(*alone[0], *alone[1]))
    return pd.DataFrame(table)


def _counted(chosen: IntArray, members: BoolArray, codes: list[int]) -> tuple[IntArray, int]:
    counts = np.array([(chosen[members] == code).sum() for code in codes], np.int64)
    return counts, int(members.sum())


def _compared(start: str, values: tuple[object, object, object]) -> Mapping[str, object]:
    names = ("difference", "difference_low", "difference_high")
    return {f"{start}{name}": value for name, value in zip(names, values, strict=True)}


def _tested(start: str, p: FloatArray) -> Mapping[str, object]:
    of_categories = np.append(p[:-1], np.nan).astype(np.float64)  # no majority is no category
    return {f"{start}p": of_categories, f"{start}q": benjamini_hochberg(of_categories)}


Ids = npt.NDArray[np.int64]
Usable = Callable[[Ids], BoolArray]


@dataclass(frozen=True)
class Sample:
    """Image ids of each group, ascending; an image may be in two.

    ``n_pies`` and ``n_aa_pies`` is how many there are at all, ``n_unmatched`` how many drawn PIEs
    have no matched non-PIE of their class left.
    """

    pie: Ids
    aa_pie: Ids
    non_pie: Ids
    n_pies: int
    n_aa_pies: int
    n_unmatched: int


def draw_study(
    label: IntArray,
    pie: BoolArray,
    aa_pie: BoolArray | None,
    usable: Usable,
    *,
    size: int,
    seed: int,
) -> Sample:
    """Draw up to ``size`` PIEs, as many A/A PIEs, and for every PIE one non-PIE of its class.

    Each group is a simple random sample without replacement: PIEs from all PIEs, A/A PIEs from all
    A/A PIEs (whose classes are not matched), non-PIEs from those of the same true label, as many of
    each class as PIEs were drawn of it, or all there are.

    Parameters
    ----------
    label : integer array, shape (N,)
        True classes.
    pie, aa_pie : bool arrays, shape (N,)
        PIEs of the variant and of one split of the dense runs; ``aa_pie`` None where the dense runs
        cannot be split.
    usable : callable
        Returns which of some image ids can be shown; called with no more of them than needed.
    seed : int
        Random seed of the draw.
    size : int
        Images of the study.
    """
    generator = np.random.default_rng(seed)
    (pies,) = np.nonzero(pie)
    (aa_pies,) = np.nonzero(aa_pie) if aa_pie is not None else (np.empty(0, np.int64),)
    drawn = _some(generator, pies, size, usable)
    matched, n_unmatched = [np.empty(0, np.int64)], 0
    for class_id, wanted in zip(*np.unique(label[drawn], return_counts=True), strict=True):
        (others,) = np.nonzero(~pie & (label == class_id))
        matched.append(_some(generator, others, int(wanted), usable))
        n_unmatched += int(wanted) - len(matched[-1])
    return Sample(
        pie=drawn,
        aa_pie=_some(generator, aa_pies, size, usable),
        non_pie=np.sort(np.concatenate(matched)),
        n_pies=len(pies),
        n_aa_pies=len(aa_pies),
        n_unmatched=n_unmatched,
    )


def draw_practice(
    n_images: int, taken: Sequence[int], usable: Usable, *, size: int, seed: int
) -> Ids:
    """Draw images to practise on: a simple random sample of those that the study does not have.

    Parameters
    ----------
    n_images : int
        Test images, of ids from 0.
    taken : sequence of int
        Images of the study.
    usable : callable
        Returns which of some image ids can be shown.
    size : int
        Images to draw; fewer where there are fewer.
    seed : int
        Of the study.
    """
    if not size:
        return np.empty(0, np.int64)
    others = np.setdiff1d(np.arange(n_images), np.asarray(taken, np.int64))
    return _some(np.random.default_rng([seed, _PRACTICE]), others, size, usable)


def rater_order(images: Sequence[int], *, seed: int, rater: str) -> Ids:
    """Order in which a rater sees the images: a permutation by the study's seed and the name.

    Parameters
    ----------
    images : integer array
        Ids of the images of the study.
    seed : int
        Random seed of the study.
    rater : str
        Name of the rater, as the study spells it.
    """
    digest = hashlib.sha256(rater.encode()).digest()
    generator = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
    return generator.permutation(np.sort(np.asarray(images, np.int64)))


def _some(generator: np.random.Generator, ids: IntArray, size: int, usable: Usable) -> Ids:
    """Draw ``size`` of the ids that are usable, or all of these."""
    order = generator.permutation(ids).astype(np.int64)
    drawn: list[int] = []
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        drawn += batch[usable(batch)].tolist()
        if len(drawn) >= size:
            break
    return np.sort(np.array(drawn[:size], np.int64))
