"""Rotate the long tail over seeds, so that a class is rare in some runs and common in others.

With one tail for all runs the rarest class is always the same, and losses from rarity cannot be
separated from losses from difficulty.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from analysis.datasets.base import Dataset
from analysis.datasets.registry import dataset_kinds, tailed_kinds
from analysis.errors import UserError
from analysis.store.manifest import Manifest

Counts = npt.NDArray[np.int64]
# Remark of a sweep with a rotated tail.
ROTATED = "the long tail rotates over seeds"


def check_tail(spec: str) -> None:
    """Check that a dataset has a long tail that can be rotated.

    Parameters
    ----------
    spec : str
        ``KIND[:PLACE]``; the data are not read.

    Raises
    ------
    UserError
        It has none; the message lists the datasets that do.
    """
    kind = spec.partition(":")[0]
    if kind in dataset_kinds() and kind not in tailed_kinds():
        raise UserError(
            f"--rotate-tail: the dataset '{kind}' has no long tail to rotate; datasets with one: "
            f"{', '.join(tailed_kinds())}"
        )


def rotated(dataset: Dataset) -> Dataset:
    """Rotate the long tail over seeds: ``train`` becomes all images that seeds draw from.

    Limit the splits first: the current counts of the train split are rotated.

    Raises
    ------
    UserError
        The train split has no tail to rotate.
    """
    if dataset.pool is None:
        raise UserError("--rotate-tail: the data have no long tail to rotate")
    counts = np.bincount(dataset.train.labels, minlength=len(dataset.class_names))
    return replace(dataset, train=dataset.pool, tail=tuple(counts.tolist()))


def rotated_counts(base: Sequence[int], available: Sequence[int], seed: int) -> Counts:
    """Count the train images of every class for one seed.

    Class c gets ``min(base[(c - seed) mod C], available[c])`` images.

    Parameters
    ----------
    base : sequence of int, length C
        Images per class in the tail of seed 0.
    available : sequence of int, length C
        Available images per class.
    seed : int

    Returns
    -------
    int array, shape (C,)
    """
    rolled = np.roll(np.asarray(base, np.int64), seed)
    return np.minimum(rolled, np.asarray(available, np.int64))


def places_of_seed(
    labels: npt.NDArray[np.int64], base: Sequence[int], seed: int
) -> npt.NDArray[np.intp]:
    """Choose the train images of one seed: the first ones of each class.

    A seed's images of a class are among those of every seed with more of them.

    Parameters
    ----------
    labels : int array, shape (N,)
        Classes of all available images.
    base : sequence of int, length C
        As for :func:`rotated_counts`.
    seed : int

    Returns
    -------
    int array, shape (M,)
        Indices into ``labels``, ascending.
    """
    available = np.bincount(labels, minlength=len(base))
    counts = rotated_counts(base, available.tolist(), seed)
    members = [np.flatnonzero(labels == c)[:n] for c, n in enumerate(counts)]
    return np.sort(np.concatenate(members))


def train_counts_by_seed(manifest: Manifest, seeds: Iterable[int]) -> Counts | None:
    """Count the train images of every class for every seed of a sweep.

    Without a rotated tail all seeds have equal counts, else those of ``rotated_counts``.

    Parameters
    ----------
    manifest : Manifest
    seeds : iterable of int
        K seeds; the sweep need not have them.

    Returns
    -------
    int array, shape (K, C), or None
        One row a seed, one column a class. None if unknown, as for external models.
    """
    data, seeds_list = manifest.dataset, list(seeds)
    n_classes = len(manifest.class_names)
    if data.tail is not None:
        rows = [rotated_counts(data.tail.counts, data.tail.available, seed) for seed in seeds_list]
        return np.array(rows, np.int64).reshape(len(seeds_list), n_classes)
    if data.train_counts is None:
        return None
    return np.tile(np.asarray(data.train_counts, np.int64), (len(seeds_list), 1))
