"""The long tail: whether rare classes lose more, as a slope over the classes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.stats.pairs import Rows
from analysis.stats.two_way import Variances, two_way
from analysis.stats.votes import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class LongTail:
    """Slope of the change of recall on log2 of a class's training images, and its test.

    ``slope`` is in recall a doubling, -1..1; ``low`` and ``high`` are its 95 % interval over runs
    and images. ``n_classes`` are in it, ``n_left_out`` have no training or no test image.
    """

    slope: float
    low: float
    high: float
    p: float
    n_classes: int
    n_left_out: int


def long_tail(
    dense: BoolArray,
    variant: BoolArray,
    label: IntArray,
    dense_counts: IntArray,
    variant_counts: IntArray,
    pairs: tuple[Rows, Rows] | None,
) -> LongTail | None:
    """Test whether classes with fewer training images lose more recall.

    ``b = sum_c x_c D_c / sum_c x_c^2`` with ``x_c = log2 n_train`` centred over the classes: one
    two-way test with image weights ``w_i = x_class(i) / (n_class(i) sum_c x_c^2)`` and N - C
    degrees of freedom of the images. Where the tail is rotated over seeds, each run has its own x.

    Parameters
    ----------
    dense, variant : bool arrays, shapes (K_dense, N) and (K_t, N)
        Whether each run is right.
    label : integer array, shape (N,)
    dense_counts, variant_counts : integer arrays, shapes (K_dense, C) and (K_t, C)
        Training images of each class, of each run.
    pairs : two integer arrays, optional
        Rows that belong together where equal seeds tie the runs; other runs are left out then.

    Returns
    -------
    LongTail or None
        None where fewer than two classes can be used, or all have equally many training images.
    """
    if pairs is not None:
        dense, dense_counts = dense[pairs[0]], dense_counts[pairs[0]]
        variant, variant_counts = variant[pairs[1]], variant_counts[pairs[1]]
    if not len(dense) or not len(variant):
        return None
    n_classes = dense_counts.shape[1]
    n_images = np.bincount(label, minlength=n_classes)
    counts = np.concatenate([dense_counts, variant_counts])
    used = (n_images > 0) & (counts > 0).all(axis=0)
    if used.sum() < 2 or (np.ptp(counts[:, used], axis=1) == 0).any():
        return None
    weights = [_weights(of_runs, used, n_images) for of_runs in (dense_counts, variant_counts)]
    before, after = (
        _parts(right, label, of_runs)
        for right, of_runs in zip((dense, variant), weights, strict=True)
    )
    change: FloatArray
    if pairs is None:
        samples = [_moments(after), _moments(before)]
        change = samples[0].mean - samples[1].mean
    else:
        samples = [_moments(y - x for x, y in zip(before, after, strict=True))]
        change = samples[0].mean
    # A class of one image has no variance of its own: take that of all images.
    alone = used & (n_images == 1)
    overall = 0.0
    if alone.any() and len(label) > 1:
        weight = np.concatenate(weights).mean(axis=0)[alone]
        moved = variant.mean(axis=0) - dense.mean(axis=0)
        overall = float((weight**2).sum() * moved.var(ddof=1))
    variances = _variances(samples, change, label, used, n_images, overall)
    test = two_way(np.array([change.sum()]), variances)
    return LongTail(
        slope=float(test.difference[0]),
        low=float(test.low[0]),
        high=float(test.high[0]),
        p=float(test.p[0]),
        n_classes=int(used.sum()),
        n_left_out=int((~used).sum()),
    )


def _weights(counts: IntArray, used: BoolArray, n_images: IntArray) -> FloatArray:
    """Weight of an image of each class in the slope of each run, [K, C]."""
    x = np.zeros(counts.shape)
    logs = np.log2(counts[:, used])
    x[:, used] = logs - logs.mean(axis=1, keepdims=True)
    return np.asarray(x / np.maximum(n_images, 1) / (x**2).sum(axis=1, keepdims=True))


def _parts(right: BoolArray, label: IntArray, weights: FloatArray) -> Iterator[FloatArray]:
    """Contribution of each image to the slope of each run, (N,) a run."""
    for row, of_class in zip(right, weights, strict=True):
        yield row * of_class[label]


@dataclass(frozen=True)
class _Moments:
    """Slopes of a sample of runs [K]; mean and variance over runs of each image's part [N]."""

    slopes: FloatArray
    mean: FloatArray
    noise: FloatArray


def _moments(parts: Iterable[FloatArray]) -> _Moments:
    slopes, total, squares = [], np.zeros(1), np.zeros(1)
    for part in parts:
        slopes.append(float(part.sum()))
        total, squares = total + part, squares + part**2
    k = len(slopes)
    mean = total / k
    noise = np.maximum(squares / k - mean**2, 0.0) / (k - 1) if k > 1 else np.zeros(len(mean))
    return _Moments(np.array(slopes), mean, noise)


def _variances(
    samples: Sequence[_Moments],
    change: FloatArray,
    label: IntArray,
    used: BoolArray,
    n_images: IntArray,
    alone: float,
) -> Variances:
    """Variances of the slope over runs and images, arrays of one element.

    ``alone`` is the variance over images of the classes that have a single one.
    """
    n = np.maximum(n_images, 1)
    centre = np.bincount(label, weights=change, minlength=len(n)) / n
    squares = np.bincount(label, weights=(change - centre[label]) ** 2, minlength=len(n))
    images = float((squares * n / np.maximum(n - 1, 1))[n_images > 1].sum())
    images += alone
    seeds = terms = np.nan
    if all(len(one.slopes) > 1 for one in samples):
        shares = [one.slopes.var(ddof=1) / len(one.slopes) for one in samples]
        seeds = sum(shares)
        terms = sum(
            share**2 / (len(one.slopes) - 1) for share, one in zip(shares, samples, strict=True)
        )
    noise = sum(float(one.noise.sum()) for one in samples)
    df = float(n_images[used].sum() - used.sum())
    parts = [np.array([part], np.float64) for part in (seeds, terms, images, df, noise)]
    return Variances(parts[0], parts[1], parts[2], parts[3], parts[4])
