"""Features of images made short: the directions along which they differ most.

Principal components, by the covariance; of very many columns by subspace iteration (Halko,
Martinsson and Tropp 2011, algorithm 4.4). Either reads blocks of rows, so that a file larger than
memory can be given.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.errors import UserError

Values = npt.NDArray[np.floating[Any]]
_ROWS = 8_192
# So many columns or fewer have their covariance computed whole: beyond, iterating costs less.
_WHOLE = 2_560
_MORE = 32
_PASSES = 6
_SEED = 0


def reduce_features(values: Values, most: int = 128) -> npt.NDArray[np.float32]:
    """Reduce features to their first principal components, centred, at most ``most`` of them.

    ``Z = (X - mean) V / s``, V the eigenvectors of the covariance of X by falling eigenvalue, each
    with its largest entry positive, and s the standard deviation along the first: distances and
    angles between centred images are kept up to the components left out and one factor. A row with
    a value that is not finite lies at the mean.

    Parameters
    ----------
    values : array, (N, D)
        May be mapped from a file; it is read in blocks of rows.
    most : int
        Columns to keep.

    Returns
    -------
    array, (N, min(D, most))
        Columns without any spread are left out.

    Raises
    ------
    UserError
        All images have the same features, or none is finite.
    """
    mean, n = _mean(values)
    if not n:
        raise UserError("features: no image has finite ones")
    directions, spread = (
        _whole(values, mean) if values.shape[1] <= _WHOLE else _some(values, mean, most + _MORE)
    )
    variance, inner = np.linalg.eigh((spread + spread.T) / (2 * n))
    order = np.argsort(variance)[::-1][:most]
    order = order[variance[order] > 1e-10 * max(variance[order[0]], 0.0)]
    if not len(order) or variance[order[0]] <= 1e-20 * (1.0 + float(mean @ mean)):
        raise UserError("features: all images have the same")
    axes = directions @ inner[:, order]
    largest = np.abs(axes).argmax(axis=0)
    axes *= np.sign(axes[largest, np.arange(len(order))]) / np.sqrt(variance[order[0]])
    found = np.empty((len(values), len(order)), np.float32)
    for start, block in _centred(values, mean):
        found[start : start + len(block)] = block @ axes
    return found


def pooled(values: npt.NDArray[Any], *, is_map: bool) -> npt.NDArray[np.float32]:
    """One row an image: the mean over places of a map, or over all axes but the last of others.

    Parameters
    ----------
    values : array, (N, D), (N, T, D) or, where it is a map, (N, D, H, W)
    is_map : bool
        Whether places come after the channels, as a convolution has them.
    """
    values = values.astype(np.float32)
    if values.ndim <= 2:
        return values.reshape(len(values), -1)
    axes = range(2, values.ndim) if is_map else range(1, values.ndim - 1)
    return np.asarray(values.mean(axis=tuple(axes)), np.float32)


def _blocks(values: Values) -> Iterator[tuple[int, npt.NDArray[np.float64]]]:
    for start in range(0, len(values), _ROWS):
        yield start, np.asarray(values[start : start + _ROWS], np.float64)


def _mean(values: Values) -> tuple[npt.NDArray[np.float64], int]:
    """Mean of the rows that are finite, and their number."""
    total, n = np.zeros(values.shape[1]), 0
    for _, block in _blocks(values):
        finite = block[np.isfinite(block).all(axis=1)]
        total, n = total + finite.sum(axis=0), n + len(finite)
    return total / max(n, 1), n


def _centred(
    values: Values, mean: npt.NDArray[np.float64]
) -> Iterator[tuple[int, npt.NDArray[np.float64]]]:
    for start, block in _blocks(values):
        block = block - mean
        block[~np.isfinite(block).all(axis=1)] = 0.0
        yield start, block


def _whole(
    values: Values, mean: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """All directions, and the covariance along them times the number of rows."""
    width = values.shape[1]
    total = np.zeros((width, width))
    for _, block in _centred(values, mean):
        total += block.T @ block
    return np.eye(width), total


def _some(
    values: Values, mean: npt.NDArray[np.float64], n_directions: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Directions that hold nearly all of the largest spread, and the covariance along them."""
    drawn = np.random.default_rng(_SEED).normal(size=(values.shape[1], n_directions))
    directions = np.linalg.qr(drawn)[0]
    for _ in range(_PASSES):
        directions = np.linalg.qr(_times_covariance(values, mean, directions))[0]
    return directions, directions.T @ _times_covariance(values, mean, directions)


def _times_covariance(
    values: Values, mean: npt.NDArray[np.float64], directions: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    total = np.zeros(directions.shape)
    for _, block in _centred(values, mean):
        total += block.T @ (block @ directions)
    return total
