"""Halves of a population, and samples of images: what seed noise is measured between and on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.stats.votes import FloatArray

RANDOM_SPLITS = 60
MOST_DISTINCT = 200
SAMPLE = 50_000
RANDOM_SEED = 20191113


@dataclass(frozen=True)
class Split:
    """Positions of the runs in half A and in half B, of one size, and of those in neither."""

    a: npt.NDArray[np.intp]
    b: npt.NDArray[np.intp]
    spare: npt.NDArray[np.intp]


def make_splits(k: int, n_splits: int | None = None) -> list[Split]:
    """Halves of floor(K / 2) of K seeds; one seed is left out where K is odd.

    All distinct ones where there are at most 200 (126 at K = 10), else 60 random ones from a fixed
    random seed. Which half is A is random. Empty for K < 2.

    Parameters
    ----------
    k : int
        Runs of the population, K.
    n_splits : int, optional
        So many random splits instead.
    """
    half = k // 2
    if half == 0:
        return []
    generator = np.random.default_rng([RANDOM_SEED, k])
    if n_splits is None and math.comb(k, half) * math.comb(k - half, half) // 2 <= MOST_DISTINCT:
        return [_drawn_order(k, a, b, generator) for a, b in _distinct(k, half)]
    orders = [generator.permutation(k) for _ in range(n_splits or RANDOM_SPLITS)]
    return [Split(*np.split(order, (half, 2 * half))) for order in orders]


def _distinct(k: int, half: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Every pair of halves once: A holds the smallest of the runs that are in either."""
    splits = []
    for inside in combinations(range(k), 2 * half):
        first, *others = inside
        for rest in combinations(others, half - 1):
            a = (first, *rest)
            splits.append((a, tuple(run for run in inside if run not in a)))
    return splits


def _drawn_order(
    k: int, a: tuple[int, ...], b: tuple[int, ...], generator: np.random.Generator
) -> Split:
    halves = (a, b) if generator.random() < 0.5 else (b, a)
    spare = [run for run in range(k) if run not in a and run not in b]
    return Split(*(np.array(runs, np.intp) for runs in (*halves, spare)))


def spare_half(k: int) -> int:
    """Runs of a half of K that leaves one to spare, floor((K - 1) / 2); 0 for K < 3.

    Parameters
    ----------
    k : int
        Runs of the population, K.
    """
    return max((k - 1) // 2, 0)


def spare_splits(k: int, n_splits: int) -> list[Split]:
    """Random halves of floor((K - 1) / 2) of K seeds, so that each split has a run to spare.

    Empty for K < 3.

    Parameters
    ----------
    k : int
        Runs of the population, K.
    n_splits : int
        Number of splits.
    """
    half = spare_half(k)
    if not half:
        return []
    generator = np.random.default_rng([RANDOM_SEED, k, 2])
    orders = [generator.permutation(k) for _ in range(n_splits)]
    return [Split(*np.split(order, (half, 2 * half))) for order in orders]


def sample_images(n: int, size: int = SAMPLE) -> npt.NDArray[np.intp]:
    """All of N images, or a fixed random sample of ``size`` where there are more, ascending.

    Parameters
    ----------
    n : int
        Number of images, N.
    size : int
        Images at most.
    """
    if n <= size:
        return np.arange(n)
    generator = np.random.default_rng(RANDOM_SEED)
    return np.sort(generator.choice(n, size, replace=False))


def columns_of(values: Any, images: npt.NDArray[np.intp]) -> Any:
    """Columns of an array [K, N] or None, itself where all are taken in order.

    Parameters
    ----------
    values : array or None
        Values of runs on images.
    images : integer array
        Images to take, ascending.
    """
    if values is None or len(images) == values.shape[1]:
        return values
    return values[:, images]


def drawn_runs(k: int, draws: Sequence[npt.NDArray[np.intp]]) -> FloatArray:
    """Which of K runs are in each draw, 0 or 1, shape (K, draws).

    Parameters
    ----------
    k : int
        Runs of the population, K.
    draws : sequence of integer arrays
        Positions of the runs in each draw.
    """
    drawn = np.zeros((k, len(draws)))
    for number, runs in enumerate(draws):
        drawn[runs, number] = 1
    return drawn
