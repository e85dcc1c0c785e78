"""The PIE excess, and the risk difference of groups of images, for other seeds and other images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.stats.jackknife import Jackknife
from analysis.stats.two_way import TwoWay, Variances, two_way
from analysis.stats.votes import FloatArray, IntArray

_Z = 1.959963984540054


def excess_over_images(half: FloatArray, floor: FloatArray) -> tuple[float, float, float]:
    """PIE excess and its 95 % interval over images alone: ``mean +- 1.96 s / sqrt(n)``.

    Parameters
    ----------
    half, floor : float arrays, shape (n,)
        How often each image is a PIE of the variant half, and of the other dense half.

    Returns
    -------
    excess, low, high : float
        Shares, -1..1. The interval is that of drawing images; the seeds are fixed.
    """
    difference = half - floor
    excess = float(difference.mean())
    n = len(difference)
    margin = _Z * float(difference.std(ddof=1)) / np.sqrt(n) if n > 1 else np.nan
    return excess, excess - margin, excess + margin


@dataclass(frozen=True)
class Groups:
    """Excess of each of G groups of images and of the images not in it, with two-way tests, (G,).

    ``risk`` is the risk difference, the mean of ``half - floor`` over the group's images;
    ``contrast`` that less the mean over all other images that have a group.
    """

    risk: TwoWay
    contrast: TwoWay


def excess_test(half: FloatArray, floor: FloatArray, moves: Jackknife | None) -> TwoWay:
    """PIE excess with its test over runs and images, arrays of one element.

    ``V_s = sum over populations (K - 1) / K sum_j (theta_(-j) - mean)^2``, ``V_i = s^2(half_i -
    floor_i) / N``, ``V_x = sum over populations (K - 1) / K sum_ij (theta_(-j),i - mean_i)^2 /
    N^2``, and ``V = max(V_s + V_i - V_x, V_i)``.

    Parameters
    ----------
    half, floor : float arrays, shape (n,)
        How often each image is a PIE of the variant half, and of the other dense half.
    moves : Jackknife, optional
        Without it there is no test.
    """
    everything = np.zeros(len(half), np.int64)
    return group_excess(half, floor, moves, everything, 1).risk


def group_excess(
    half: FloatArray, floor: FloatArray, moves: Jackknife | None, code: IntArray, n_groups: int
) -> Groups:
    """Risk difference of every group of images, and its contrast with all others.

    ``RD(a) = mean over images of a of (half_i - floor_i)``: by how much compression makes an image
    of the group likelier to be a PIE than seeds do, -1..1. The variances are those of
    :func:`excess_test` with weights ``[i in a] / n_a``; n_a - 1 degrees of freedom of the images,
    n_a + n_others - 2 of the contrast.

    Parameters
    ----------
    half, floor : float arrays, shape (n,)
    moves : Jackknife, optional
        Without it there are no tests.
    code : integer array, shape (n,)
        Group of each image, 0..G-1; -1 in none.
    n_groups : int
        G.

    Notes
    -----
    Source: the delete-one jackknife (Efron and Stein 1981), beside the variance over images.
    """
    known = code >= 0
    place, difference = code[known], (half - floor)[known]
    moved = moves.moved if moves is not None else ()
    if not known.all():
        moved = tuple(part[:, known] for part in moved)

    def summed(values: FloatArray) -> FloatArray:
        return np.bincount(place, weights=values, minlength=n_groups).astype(np.float64)

    n = np.bincount(place, minlength=n_groups)
    others = n.sum() - n
    totals, squares = summed(difference), summed(difference**2)
    runs = [np.stack([summed(row) for row in part]) for part in moved]
    noise = summed(_over_runs_of_image(moved, len(place)))
    inside = _Side(n, totals, squares, runs, noise)
    outside = _Side(
        others,
        totals.sum() - totals,
        squares.sum() - squares,
        [part.sum(axis=1, keepdims=True) - part for part in runs],
        noise.sum() - noise,
    )
    has_runs = moves is not None
    risk = inside.variances(inside.runs_mean, has_runs=has_runs)
    apart = [x - y for x, y in zip(inside.runs_mean, outside.runs_mean, strict=True)]
    both = outside.variances(apart, has_runs=has_runs)
    contrast = Variances(
        both.seeds,
        both.seeds_df,
        risk.images + both.images,
        np.where(has_runs & (n > 1) & (others > 1), n + others - 2.0, 0.0),
        risk.both + both.both,
        at_least_seeds=False,
    )
    return Groups(two_way(inside.mean, risk), two_way(inside.mean - outside.mean, contrast))


def _over_runs_of_image(moved: tuple[FloatArray, ...], n: int) -> FloatArray:
    total = np.zeros(n)
    for part in moved:
        k = len(part)
        total += (k - 1) / k * ((part - part.mean(axis=0)) ** 2).sum(axis=0)
    return total


@dataclass(frozen=True)
class _Side:
    """Sums over the images of each of G groups, (G,), and over its moves, (K, G) a population."""

    n: IntArray
    total: FloatArray
    squares: FloatArray
    runs: Sequence[FloatArray]
    noise: FloatArray

    @property
    def mean(self) -> FloatArray:
        return np.where(self.n > 0, self.total / np.maximum(self.n, 1), np.nan)

    @property
    def runs_mean(self) -> Sequence[FloatArray]:
        return [part / np.maximum(self.n, 1) for part in self.runs]

    def variances(self, runs: Sequence[FloatArray], *, has_runs: bool) -> Variances:
        n = np.maximum(self.n, 1)
        within = np.maximum(self.squares - self.total**2 / n, 0.0) / np.maximum(self.n - 1, 1)
        seeds, terms = np.zeros(len(n)), np.zeros(len(n))
        for part in runs:
            k = len(part)
            share = (k - 1) / k * ((part - part.mean(axis=0)) ** 2).sum(axis=0)
            seeds, terms = seeds + share, terms + share**2 / (k - 1)
        # Without a jackknife there is no test, since it would ignore the seeds.
        df = np.where(has_runs, self.n - 1.0, 0.0)
        return Variances(seeds, terms, within / n, df, self.noise / n**2, at_least_seeds=False)
