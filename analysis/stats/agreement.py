"""Agreement between raters: Cohen's kappa of two, Krippendorff's alpha of any number."""

from dataclasses import dataclass

import numpy as np

from analysis.stats.modal import FloatArray, IntArray

MISSING = -1
RESAMPLES = 1000
_RANDOM_SEED = 20191113
# Rounding alone: an expected disagreement below this is none.
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
    with the shares a_c, b_c of category c in what each of the two gave.

    Parameters
    ----------
    first, second : integer arrays, shape (I,)
        Category of each image, 0..C-1; -1 where it was not rated. Images both rated count.
    n_resamples : int
        Bootstrap resamples of the images, from a fixed random seed, for the percentile interval.

    Returns
    -------
    Agreement
        ``coefficient`` is None where no image was rated by both, and where both gave one and the
        same category to all: ``p_e`` is 1 then and nothing can be said beyond chance. Resamples in
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
        raters, each with any images; images with fewer than two ratings say nothing of agreement
        and are left out.
    n_resamples : int
        Bootstrap resamples of the images, from a fixed random seed, for the percentile interval.

    Returns
    -------
    Agreement
        ``coefficient`` is None where no image has two ratings, and where all ratings are of one
        category (D_e = 0): without variation nothing can be said. Resamples in which that happens
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
    # Images of equal votes are exchangeable: a resample says how many there are of each such kind.
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
