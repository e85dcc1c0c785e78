"""Intervals and tests for other seeds and other images: two-way clustered variances.

All runs of a sweep share the test images, so that a test over runs holds for these images alone.
Here both vary: the variance over runs and that over images are added, and what both counted, the
noise of single runs on single images, is taken off once.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from analysis.stats.pairs import Rows
from analysis.stats.votes import BoolArray, FloatArray, IntArray

NO_VARIANCE = 1e-20


@dataclass(frozen=True)
class Variances:
    """The parts of a two-way variance; arrays of one shape.

    ``seeds`` is the variance over runs (NaN with one run a side: seeds are not in it then),
    ``seeds_df`` the sum over populations of its share squared over its degrees of freedom,
    ``images`` that over images, ``images_df`` the degrees of freedom of ``images``, and ``both``
    the part that the first two share. ``at_least_seeds``: whether the total is never below
    ``seeds`` either, as it is never below ``images``.
    """

    seeds: FloatArray
    seeds_df: FloatArray
    images: FloatArray
    images_df: FloatArray
    both: FloatArray
    at_least_seeds: bool = True

    @property
    def total(self) -> FloatArray:
        """``max(V_s + V_i - V_x, V_s, V_i)``; ``V_i`` alone where there is no ``V_s``."""
        least = np.fmax(self.seeds, self.images) if self.at_least_seeds else self.images
        several = np.fmax(self.seeds + self.images - self.both, least)
        return np.where(np.isnan(self.seeds), self.images, several)

    @property
    def df(self) -> FloatArray:
        """Welch-Satterthwaite degrees of freedom of ``total``, at least 1; NaN without variance.

        Where most of ``seeds`` is taken off again by ``both`` the formula falls below 1, at which
        no t distribution has a use: its interval would be wider than any scale.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.nan_to_num(self.seeds_df) + self.images**2 / self.images_df
        df = np.full(np.shape(terms), np.nan)
        with np.errstate(all="ignore"):
            np.divide(self.total**2, terms, out=df, where=terms > 0)
        return np.maximum(df, 1.0)


@dataclass(frozen=True)
class TwoWay:
    """A test over runs and images, arrays of one shape; NaN if undefined.

    ``se`` is the standard error of ``difference``, ``low`` and ``high`` its 95 % interval.
    """

    difference: FloatArray
    se: FloatArray
    df: FloatArray
    p: FloatArray
    low: FloatArray
    high: FloatArray


def two_way(difference: FloatArray, variances: Variances) -> TwoWay:
    """Two-sided t test of a difference with a two-way variance, and its 95 % interval.

    ``t = difference / sqrt(V)`` with the degrees of freedom of :class:`Variances`. Null where
    there is one image, and where V is at most 1e-20: nothing varied that could be tested.

    Parameters
    ----------
    difference : float array
        The estimate, any shape.
    variances : Variances
        Of the estimate, arrays of its shape.

    Notes
    -----
    Source: Cameron, Gelbach and Miller 2011 (two-way clustered variance), with
    Welch-Satterthwaite degrees of freedom of our own.
    """
    total, df = variances.total, variances.df
    defined = (variances.images_df > 0) & (total > NO_VARIANCE) & (df > 0)
    se = np.where(defined, np.sqrt(np.where(defined, total, 0.0)), np.nan)
    df = np.where(defined, df, np.nan)
    margin = stdtrit(df, 0.975) * se
    p = 2 * stdtr(df, -np.abs(difference / se))
    return TwoWay(difference, se, df, p, difference - margin, difference + margin)


@dataclass(frozen=True)
class Changes:
    """Changes of each image between two populations of runs, arrays of shape (N,).

    ``mean`` is the share of the variant's runs that are right minus that of the dense runs, and
    ``noise`` the variance of that difference over runs. ``n_dense`` and ``n_variant`` count the
    runs; ``label`` are the true classes, 0..C-1, ``n_images`` [C] their images.
    """

    mean: FloatArray
    noise: FloatArray
    label: IntArray
    n_images: IntArray
    n_dense: int
    n_variant: int
    is_paired: bool

    @property
    def has_seeds(self) -> bool:
        """Whether either side has the two runs that it takes for a variance over runs."""
        return min(self.n_dense, self.n_variant) > 1

    @property
    def within(self) -> FloatArray:
        """Sample variance of ``mean`` over the images of each class, (C,); of one: over all."""
        n_classes = len(self.n_images)
        n = np.maximum(self.n_images, 1)
        centre = np.bincount(self.label, weights=self.mean, minlength=n_classes) / n
        squares = (self.mean - centre[self.label]) ** 2
        variance = np.bincount(self.label, weights=squares, minlength=n_classes)
        overall = float(self.mean.var(ddof=1)) if len(self.mean) > 1 else 0.0
        return np.where(self.n_images > 1, variance / np.maximum(self.n_images - 1, 1), overall)

    @property
    def noise_of_class(self) -> FloatArray:
        """Sum of ``noise`` over the images of each class, (C,)."""
        total = np.bincount(self.label, weights=self.noise, minlength=len(self.n_images))
        return total.astype(np.float64)


def changes(
    dense: BoolArray,
    variant: BoolArray,
    label: IntArray,
    n_classes: int,
    pairs: tuple[Rows, Rows] | None,
) -> Changes:
    """Compare two populations image by image: which runs are right.

    With ``y[i,k,t] = 1`` where run k of t is right on image i: ``mean = ybar_t - ybar_dense`` and
    ``noise = s_t^2 / K_t + s_dense^2 / K_dense``, s^2 the sample variance of y over runs; of
    paired runs the variance of the differences, over K.

    Parameters
    ----------
    dense, variant : bool arrays, shapes (K_dense, N) and (K_t, N)
    label : integer array, shape (N,)
    n_classes : int
        Number of classes, C.
    pairs : two integer arrays, optional
        Rows that belong together where equal seeds tie the runs; other runs are left out then.
        Where there is no pair, ``mean`` and ``noise`` are NaN.
    """
    if pairs is not None:
        dense, variant = dense[pairs[0]], variant[pairs[1]]
    n_dense, n_variant = len(dense), len(variant)
    if not min(n_dense, n_variant):
        unknown = np.full(len(label), np.nan)
        n_images = np.bincount(label, minlength=n_classes)
        return Changes(unknown, unknown, label, n_images, n_dense, n_variant, pairs is not None)
    of_dense, of_variant = dense.mean(axis=0), variant.mean(axis=0)
    mean = of_variant - of_dense
    noise = np.zeros(len(label))
    if pairs is not None and n_dense > 1:
        flipped = np.zeros(len(label))
        for before, after in zip(dense, variant, strict=True):
            flipped += before != after
        noise = np.maximum(flipped / n_dense - mean**2, 0.0) / (n_dense - 1)
    elif pairs is None:
        # The sample variance of K zeros and ones with mean m is m (1 - m) K / (K - 1).
        for share, k in ((of_dense, n_dense), (of_variant, n_variant)):
            if k > 1:
                noise = noise + share * (1 - share) / (k - 1)
    n_images = np.bincount(label, minlength=n_classes)
    return Changes(mean, noise, label, n_images, n_dense, n_variant, pairs is not None)


def over_runs(
    dense: FloatArray, variant: FloatArray, *, is_paired: bool
) -> tuple[FloatArray, FloatArray]:
    """Variance over runs of a difference of means, and its share of the degrees of freedom.

    ``V_s = s_t^2 / K_t + s_dense^2 / K_dense``; paired: ``s^2 / K`` of the differences. NaN below
    two runs a side.

    Parameters
    ----------
    dense, variant : float arrays, shapes (K_dense, ...) and (K_t, ...)
        A value a run; of paired runs in pairs.
    is_paired : bool
        Whether rows belong together.
    """
    samples = (variant - dense,) if is_paired else (variant, dense)
    variance, terms = np.zeros(dense.shape[1:]), np.zeros(dense.shape[1:])
    for sample in samples:
        if len(sample) < 2:
            nothing = np.full(dense.shape[1:], np.nan)
            return nothing, nothing
        share = sample.var(axis=0, ddof=1) / len(sample)
        variance = variance + share
        terms = terms + share**2 / (len(sample) - 1)
    return variance, terms


def normalized_change(of_images: Changes, dense: FloatArray, variant: FloatArray) -> TwoWay:
    """Test of the normalized recall delta D of each class, for other seeds and images, (C,).

    ``D = sum_i w_i mean_i`` with ``w_i = [i in c] / n_c - 1 / N``; ``V_s`` over runs of the recall
    shifted by the run's own accuracy, ``V_i = sum_i w_i^2 s^2_class(i)``, ``V_x = sum_i w_i^2
    noise_i``, and n_c - 1 degrees of freedom of the images.

    Parameters
    ----------
    of_images : Changes
        Of the two populations.
    dense, variant : float arrays, shapes (K_dense, C) and (K_t, C)
        Recall minus own accuracy of each run that ``of_images`` rests on; of paired runs in pairs.
    """
    return two_way(
        variant.mean(axis=0) - dense.mean(axis=0), class_variances(of_images, dense, variant)
    )


def change_variances(of_images: Changes, dense: FloatArray, variant: FloatArray) -> Variances:
    """Variances of the change of recall of each class, ``w_i = [i in c] / n_c``, arrays (C,).

    Parameters
    ----------
    of_images : Changes
        Of the two populations.
    dense, variant : float arrays, shapes (K_dense, C) and (K_t, C)
        Recall of each run that ``of_images`` rests on; of paired runs in pairs.
    """
    n = np.maximum(of_images.n_images, 1)
    seeds, terms = over_runs(dense, variant, is_paired=of_images.is_paired)
    images = np.where(of_images.n_images > 0, of_images.within / n, np.nan)
    return Variances(
        seeds, terms, images, of_images.n_images - 1.0, of_images.noise_of_class / n**2
    )


def class_variances(of_images: Changes, dense: FloatArray, variant: FloatArray) -> Variances:
    """Variances of the normalized recall delta of each class, as :func:`normalized_change` has it.

    Parameters
    ----------
    of_images : Changes
        Of the two populations.
    dense, variant : float arrays, shapes (K_dense, C) and (K_t, C)
        Recall minus own accuracy of each run that ``of_images`` rests on; of paired runs in pairs.
    """
    seeds, terms = over_runs(dense, variant, is_paired=of_images.is_paired)
    n_all, n = len(of_images.label), np.maximum(of_images.n_images, 1)
    inside, outside = (1 / n - 1 / n_all) ** 2, 1 / n_all**2

    def weighted(of_class: FloatArray) -> FloatArray:
        return inside * of_class + outside * (of_class.sum() - of_class)

    images = weighted(of_images.n_images * of_images.within)
    return Variances(
        seeds,
        terms,
        np.where(of_images.n_images > 0, images, np.nan),
        of_images.n_images - 1.0,
        weighted(of_images.noise_of_class),
    )
