"""A long tail that rotates over seeds, so that a class is rare in some runs and common in others.

With one tail for all runs the rarest class is always the same one, and what is lost because it is
rare cannot be told from what is lost because it is hard.
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
# What a sweep whose tail rotates says beside its number of train images.
ROTATED = "the long tail rotates over seeds"


def check_tail(spec: str) -> None:
    """Check that a dataset has a long tail that can be rotated.

    Parameters
    ----------
    spec : str
        ``KIND[:PLACE]``; the data are not looked at.

    Raises
    ------
    UserError
        It has none; the message names the datasets that have.
    """
    kind = spec.partition(":")[0]
    if kind in dataset_kinds() and kind not in tailed_kinds():
        raise UserError(
            f"--rotate-tail: the dataset '{kind}' has no long tail to rotate; those that have: "
            f"{', '.join(tailed_kinds())}"
        )


def rotated(dataset: Dataset) -> Dataset:
    """Let the long tail rotate over seeds: ``train`` becomes all that seeds draw from.

    Limit the splits first: what is rotated are the counts of the train split as it is then.

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
        Images of each class in the tail as it is for seed 0.
    available : sequence of int, length C
        Images of each class that there are to draw from.
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
    """Choose the train images of one seed: of each class the first ones, as many as it has.

    So the images of a class that one seed has are among those of every seed that has more of it.

    Parameters
    ----------
    labels : int array, shape (N,)
        Classes of all images that there are to draw from.
    base : sequence of int, length C
        As for :func:`rotated_counts`.
    seed : int

    Returns
    -------
    int array, shape (M,)
        Places in ``labels``, ascending.
    """
    available = np.bincount(labels, minlength=len(base))
    counts = rotated_counts(base, available.tolist(), seed)
    members = [np.flatnonzero(labels == c)[:n] for c, n in enumerate(counts)]
    return np.sort(np.concatenate(members))


def train_counts_by_seed(manifest: Manifest, seeds: Iterable[int]) -> Counts | None:
    """Count the train images of every class for every seed of a sweep.

    Without a rotated tail all seeds have the same; with one, ``rotated_counts`` says how many.

    Parameters
    ----------
    manifest : Manifest
    seeds : iterable of int
        K seeds; the sweep need not have them.

    Returns
    -------
    int array, shape (K, C), or None
        A row a seed, a column a class by its id. None where nobody knows: the models were trained
        elsewhere, or the manifest does not say.
    """
    data, asked = manifest.dataset, list(seeds)
    n_classes = len(manifest.class_names)
    if data.tail is not None:
        rows = [rotated_counts(data.tail.counts, data.tail.available, seed) for seed in asked]
        return np.array(rows, np.int64).reshape(len(asked), n_classes)
    if data.train_counts is None:
        return None
    return np.tile(np.asarray(data.train_counts, np.int64), (len(asked), 1))
