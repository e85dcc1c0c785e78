"""A map of the images: two dimensions in which images with similar features lie close together.

UMAP (McInnes, Healy and Melville 2018), from the library umap-learn, on the directions of the
features. Of many images a sample is laid out, and the others are placed among their neighbours.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Map = npt.NDArray[np.float32]
OnProgress = Callable[[int, int], None]
MOST_LAID_OUT = 100_000
SAMPLE = 50_000
_SEED = 0
_NEIGHBORS = 15
_BLOCK = 512
_NEAREST = 5
VERSION = 1


def unit(features: npt.NDArray[np.floating[Any]]) -> Map:
    """Return features as directions, each row of length 1; rows of zeros stay.

    Parameters
    ----------
    features : array, (N, D)
    """
    rows = np.asarray(features, np.float32)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1), np.float32)


def sample_of(n: int, size: int) -> npt.NDArray[np.int64]:
    """Draw the same random sample of images every time, ascending; all where ``n <= size``.

    Parameters
    ----------
    n : int
        Number of images.
    size : int
        Size of the sample.
    """
    if n <= size:
        return np.arange(n)
    return np.sort(np.random.default_rng(_SEED).choice(n, size, replace=False))


def image_map(
    features: npt.NDArray[np.floating[Any]], on_progress: OnProgress = lambda *_: None
) -> Map:
    """Place the images on a map, (N, 2), both coordinates from 0 to 1.

    Up to 100,000 images are laid out together. Of more, 50,000 drawn ones are, and each of the
    others lies at the mean of its five nearest ones (by cosine) weighted by ``1 / distance``.

    Parameters
    ----------
    features : array, (N, D)
    on_progress : callable
        Called with the steps done and their number, in hundredths.
    """
    rows = unit(features)
    n = len(rows)
    chosen = sample_of(n, n if n <= MOST_LAID_OUT else SAMPLE)
    share = 100 if len(chosen) == n else 60
    placed = _laid_out(
        rows[chosen], features[chosen], lambda done: on_progress(int(share * done), 100)
    )
    if len(chosen) == n:
        on_progress(100, 100)
        return _within(placed)
    positions = np.empty((n, 2), np.float32)
    positions[chosen] = placed
    rest = np.setdiff1d(np.arange(n), chosen)
    for start in range(0, len(rest), _BLOCK):
        here = rest[start : start + _BLOCK]
        positions[here] = _among(rows[here], rows[chosen], placed)
        on_progress(share + int((100 - share) * (start + len(here)) / len(rest)), 100)
    return _within(positions)


def _laid_out(rows: Map, features: Map, on_progress: Callable[[float], None]) -> Map:
    n = len(rows)
    start = _first_two(features)
    on_progress(0.0)
    if n <= 4:
        return start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import umap

        model = umap.UMAP(
            n_neighbors=min(_NEIGHBORS, n - 1), min_dist=0.1, metric="euclidean", init=start,
            random_state=_SEED, n_jobs=1, verbose=True,
            tqdm_kwds={"file": _Steps(on_progress), "bar_format": "{n}/{total}", "disable": False},
        )  # fmt: skip
        return np.nan_to_num(np.asarray(model.fit_transform(rows), np.float32))


def _first_two(features: Map) -> Map:
    """Return the first two principal components, with a little noise so that no two coincide."""
    centred = np.asarray(features, np.float64)
    centred = centred - centred.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    positions = np.zeros((len(centred), 2))
    positions[:, : axes.shape[1]] = centred @ axes
    positions *= 10 / max(float(np.abs(positions).max()), 1e-12)
    noise = np.random.default_rng(_SEED).normal(scale=1e-3, size=positions.shape)
    return np.asarray(positions + noise, np.float32)


def _among(rows: Map, others: Map, placed: Map) -> Map:
    likeness = rows @ others.T
    nearest = np.empty((len(rows), min(_NEAREST, len(others))), np.int64)
    near = np.empty(nearest.shape, np.float32)
    every = np.arange(len(rows))
    # Few maxima, one by one, cost less than partitioning the rows.
    for place in range(nearest.shape[1]):
        nearest[:, place] = likeness.argmax(axis=1)
        near[:, place] = likeness[every, nearest[:, place]]
        likeness[every, nearest[:, place]] = -np.inf
    weight = 1 / np.maximum(1 - near, 1e-6)
    weight /= weight.sum(axis=1, keepdims=True)
    return np.asarray((weight[:, :, None] * placed[nearest]).sum(axis=1), np.float32)


def _within(placed: Map) -> Map:
    """Scale both axes by one factor, so that the longer one fills 0 to 1."""
    low, high = placed.min(axis=0), placed.max(axis=0)
    side = max(float((high - low).max()), 1e-12)
    return np.asarray((placed - (low + high) / 2) / side + 0.5, np.float32)


class _Steps:
    """A stream for a progress bar of tqdm (``7/200``), which passes on the share that is done."""

    def __init__(self, on_progress: Callable[[float], None]) -> None:
        self._on_progress = on_progress

    def write(self, text: str) -> None:
        done, _, total = text.strip().partition("/")
        if done.isdecimal() and total.isdecimal() and int(total):
            # Finding neighbours takes about half of the time.
            self._on_progress(0.5 + 0.5 * int(done) / int(total))

    def flush(self) -> None:
        """Do nothing, since nothing is buffered."""


def nearest_images(
    rows: Map, image_id: int, k: int = 12
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Find the k images nearest to one by cosine, and their cosine similarity, descending.

    Parameters
    ----------
    rows : array, (N, D)
        Directions of all images (:func:`unit`).
    image_id : int
        The image, which is none of its own neighbours.
    k : int
    """
    likeness = rows @ rows[image_id]
    likeness[image_id] = -np.inf
    k = min(k, len(rows) - 1)
    if k < 1:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    nearest = np.argpartition(-likeness, k - 1)[:k]
    # Equally near ones come in the order of their ids.
    nearest = nearest[np.lexsort((nearest, -likeness[nearest]))]
    return nearest.astype(np.int64), likeness[nearest]
