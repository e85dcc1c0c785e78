"""Reduction of image features to their principal components.

By the covariance; for very many columns by subspace iteration (Halko,
Martinsson and Tropp 2011, algorithm 4.4). Either reads blocks of rows, so that the array
may be a file larger than memory.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.errors import UserError

Values = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]
_ROWS = 8_192
# So many columns or fewer have their covariance computed in full: beyond, iterating costs less.
_WHOLE = 2_560
_MORE = 32
_PASSES = 6
_LEAST = 1e-6
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
        Columns with less than a thousandth of the first one's spread are left out.

    Raises
    ------
    UserError
        All images have the same features, or none is finite.
    """
    rows = _Rows(values)
    if not rows.n:
        raise UserError("features: no image has finite ones")
    directions, spread = _whole(rows) if rows.width <= _WHOLE else _some(rows, most + _MORE)
    variance, inner = np.linalg.eigh((spread + spread.T) / (2 * rows.n))
    order = np.argsort(variance)[::-1][:most]
    largest = max(float(variance[order[0]]), 0.0)
    if largest <= 1e-12 * (1.0 + float(rows.mean @ rows.mean)):
        raise UserError("features: all images have the same")
    order = order[variance[order] > _LEAST * largest]
    axes = directions @ inner[:, order]
    places = np.abs(axes).argmax(axis=0)
    axes *= np.sign(axes[places, np.arange(len(order))]) / np.sqrt(largest)
    reduced = np.empty((len(values), len(order)), np.float32)
    start = 0
    for block in rows.centred():
        reduced[start : start + len(block)] = block @ axes.astype(np.float32)
        start += len(block)
    return reduced


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


class _Rows:
    """Rows of features, their mean, and how many are finite; the others lie at the mean."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self.width = values.shape[1]
        self.n, total = 0, np.zeros(self.width)
        for block in self._blocks():
            finite = block[np.isfinite(block).all(axis=1)]
            total += finite.sum(axis=0, dtype=np.float64)
            self.n += len(finite)
        self.mean: Floats = total / max(self.n, 1)

    def _blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        for start in range(0, len(self._values), _ROWS):
            yield np.asarray(self._values[start : start + _ROWS], np.float32)

    def centred(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield blocks of rows less their mean."""
        mean, is_whole = self.mean.astype(np.float32), self.n == len(self._values)
        for block in self._blocks():
            moved = block - mean
            if not is_whole:
                moved[~np.isfinite(moved).all(axis=1)] = 0.0
            yield moved

    def times(self, directions: Floats) -> Floats:
        """Multiply the covariance, times the number of rows, with directions."""
        narrow, total = directions.astype(np.float32), np.zeros(directions.shape)
        for block in self.centred():
            total += block.T @ (block @ narrow)
        return total


def _whole(rows: _Rows) -> tuple[Floats, Floats]:
    """All directions, and the covariance along them times the number of rows."""
    total = np.zeros((rows.width, rows.width))
    for block in rows.centred():
        total += block.T @ block
    return np.eye(rows.width), total


def _some(rows: _Rows, n_directions: int) -> tuple[Floats, Floats]:
    """Directions that hold nearly all of the largest spread, and the covariance along them."""
    drawn = np.random.default_rng(_SEED).normal(size=(rows.width, n_directions))
    directions = np.linalg.qr(drawn)[0]
    for _ in range(_PASSES):
        directions = np.linalg.qr(rows.times(directions))[0]
    return directions, directions.T @ rows.times(directions)
