"""Two models compared image by image.

Flips, McNemar's test, change of accuracy, pairing of runs.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import bdtr, ndtri

from analysis.stats.votes import BoolArray, FloatArray, IntArray

Counts = npt.NDArray[np.int64]


def class_flips(
    dense_correct: BoolArray, variant_correct: BoolArray, label: IntArray, n_classes: int
) -> tuple[Counts, Counts]:
    """Images of each class that one pair of models flips to wrong and to right, shapes (C,).

    Parameters
    ----------
    dense_correct, variant_correct : bool arrays, shape (N,)
    label : integer array, shape (N,)
    n_classes : int
        Number of classes, C.
    """
    to_wrong = label[dense_correct & ~variant_correct]
    to_right = label[variant_correct & ~dense_correct]
    return (
        np.bincount(to_wrong, minlength=n_classes),
        np.bincount(to_right, minlength=n_classes),
    )


def mcnemar(to_wrong: IntArray, to_right: IntArray) -> FloatArray:
    """McNemar's exact two-sided p of each class, 0..1, shape (C,).

    ``p = min(1, 2 P(X <= min(b, c)))`` with X binomial of ``b + c`` flips at 1/2; 1 where nothing
    flipped.

    Parameters
    ----------
    to_wrong, to_right : integer arrays, shape (C,)
        Images that were right and are wrong (b), and the reverse (c).

    Notes
    -----
    It tests the change of recall, not D, and speaks of these two models alone: no seed of theirs
    is drawn. McNemar 1947.
    """
    fewer = np.minimum(to_wrong, to_right).astype(np.float64)
    flipped = np.asarray(to_wrong + to_right, np.int64)
    return np.minimum(1.0, 2 * bdtr(fewer, flipped, 0.5))


@dataclass(frozen=True)
class Pair:
    """Flips of a pair on N images, its change of accuracy with the 95 % interval, McNemar's p."""

    n_images: int
    to_wrong: int
    to_right: int
    delta: float
    low: float
    high: float
    p: float

    def row(self) -> dict[str, float]:
        """Columns of a row of the tables of pairs."""
        return {
            "n_images": self.n_images,
            "top1_delta": self.delta,
            "ci_low": self.low,
            "ci_high": self.high,
            "mcnemar_p": self.p,
            "flips_to_wrong": self.to_wrong,
            "flips_to_right": self.to_right,
        }


def change_interval(
    lost: Counts, won: Counts, n: npt.NDArray[np.integer[Any]]
) -> tuple[FloatArray, FloatArray]:
    """Return the 95 % interval of the change of accuracy of one pair of models on sets of images.

    Bonett and Price 2012: with ``q = (c + 1) / (N + 2)`` and ``r = (b + 1) / (N + 2)``,
    ``q - r -+ 1.96 sqrt((q + r - (q - r)^2) / (N + 2))``, cut at -1 and 1.

    Parameters
    ----------
    lost, won : integer arrays, shape (C,)
        Images of each set that were right and are wrong, and the reverse.
    n : integer array, shape (C,)
        Images of each set.
    """
    q, r = (won + 1) / (n + 2), (lost + 1) / (n + 2)
    margin = float(ndtri(0.975)) * np.sqrt((q + r - (q - r) ** 2) / (n + 2))
    return np.maximum(-1.0, q - r - margin), np.minimum(1.0, q - r + margin)


def pair(dense_correct: BoolArray, variant_correct: BoolArray) -> Pair:
    """Compare two models image by image.

    ``delta = (c - b) / N`` with b images that were right and are wrong, c the reverse; its interval
    is that of :func:`change_interval`.

    Parameters
    ----------
    dense_correct, variant_correct : bool arrays, shape (N,)

    Notes
    -----
    It is over images, for these two models: their seeds are fixed. Bonett and
    Price 2012; McNemar 1947 (exact, two-sided).
    """
    n = len(dense_correct)
    lost = int((dense_correct & ~variant_correct).sum())
    won = int((variant_correct & ~dense_correct).sum())
    low, high = change_interval(np.array([lost]), np.array([won]), np.array([n]))
    return Pair(
        n_images=n,
        to_wrong=lost,
        to_right=won,
        delta=(won - lost) / n if n else np.nan,
        low=float(low[0]),
        high=float(high[0]),
        p=float(mcnemar(np.array([lost]), np.array([won]))[0]),
    )


Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class SeedTie:
    """Shares of images on which runs of equal and of different seeds predict otherwise, 0..1.

    Each the largest of equal seeds and the smallest of different ones; NaN below two seeds.
    """

    equal: float
    different: float

    @property
    def is_likely(self) -> bool:
        """Whether equal seeds agree so much more that one run must be made from the other."""
        return self.equal < self.different / 2


def paired_rows(
    dense_seeds: tuple[int, ...], variant_seeds: tuple[int, ...], *, paired: bool
) -> tuple[Rows, Rows]:
    """Rows of the dense and of the variant's runs that form pairs, two arrays of one length.

    Where equal seeds tie the runs (``paired``), a pair a seed that both have, ascending. Where
    nothing ties them, single models (K = 1 on both sides) are one pair, and populations none.

    Parameters
    ----------
    dense_seeds : sequence of int
        Seeds of the dense rows, in order.
    variant_seeds : sequence of int
        Seeds of the variant's rows, in order.
    paired : bool
        Whether equal seeds tie the two populations.
    """
    if not paired:
        n = 1 if len(dense_seeds) == len(variant_seeds) == 1 else 0
        return np.zeros(n, np.intp), np.zeros(n, np.intp)
    common = sorted(set(dense_seeds) & set(variant_seeds))
    return (
        np.array([dense_seeds.index(seed) for seed in common], np.intp),
        np.array([variant_seeds.index(seed) for seed in common], np.intp),
    )


def seed_tie(dense: IntArray, variant: IntArray, pairs: tuple[Rows, Rows]) -> SeedTie:
    """Compare runs of equal seeds with runs of different ones.

    With ``d(i, j)`` the share of images on which dense run i and variant run j differ: the largest
    ``d(i, i)`` and the smallest ``d(i, j)``, i != j.

    Parameters
    ----------
    dense, variant : integer arrays, shapes (K, N) and (K', N)
        Predictions.
    pairs : (integer array, integer array)
        Rows of runs of equal seeds, as of :func:`paired_rows`.

    Notes
    -----
    A rule of thumb of our own, no test: runs trained apart differ alike whatever their seeds, a
    quantized copy differs from its own original by far the least.
    """
    rows = list(zip(*pairs, strict=True))
    if len(rows) < 2:
        return SeedTie(np.nan, np.nan)
    apart = np.array([[np.mean(dense[i] != variant[j]) for _, j in rows] for i, _ in rows])
    equal = np.eye(len(rows), dtype=bool)
    return SeedTie(float(apart[equal].max()), float(apart[~equal].min()))


@dataclass(frozen=True)
class Flips:
    """Share of the pairs of runs that flip on each image, 0..1, arrays of shape (N,).

    ``to_wrong``: the dense run is right and the variant's wrong; ``to_right``: the reverse. NaN
    where there is no pair.
    """

    to_wrong: FloatArray
    to_right: FloatArray
    n_pairs: int


def flips(dense_correct: BoolArray, variant_correct: BoolArray, pairs: tuple[Rows, Rows]) -> Flips:
    """Flips per image between paired runs: ``mean_k [dense_k right and variant_k wrong]``.

    Parameters
    ----------
    dense_correct, variant_correct : bool arrays, shapes (K_dense, N) and (K_t, N)
    pairs : two integer arrays of one length
        Rows that belong together, as ``paired_rows`` gives them.

    Notes
    -----
    Source: Dutta et al. 2024. Their difference is the change of accuracy on the image.
    """
    rows_dense, rows_variant = pairs
    n = dense_correct.shape[1]
    if not len(rows_dense):
        return Flips(np.full(n, np.nan), np.full(n, np.nan), 0)
    lost, won = np.zeros(n), np.zeros(n)
    for dense, variant in zip(rows_dense, rows_variant, strict=True):
        lost += dense_correct[dense] & ~variant_correct[variant]
        won += variant_correct[variant] & ~dense_correct[dense]
    return Flips(lost / len(rows_dense), won / len(rows_dense), len(rows_dense))


SingleOrder: TypeAlias = Literal["confidence_lost", "dense_confidence", "image_id"]
COLUMNS = ("dense_true_confidence", "true_confidence", "dense_confidence")
WORDS: dict[SingleOrder, str] = {
    "confidence_lost": "by falling confidence lost in the true class",
    "dense_confidence": "by falling confidence of the dense model in its prediction",
    "image_id": "in order of image id",
}


def single_order(images: pd.DataFrame) -> tuple[SingleOrder, npt.NDArray[np.float64]]:
    """Return the name and the values of the key to sort images by, largest first, NaN last.

    ``dense_true_confidence - true_confidence``, -1..1; if unknown for all images, the confidence of
    dense in its prediction, 0..1, so that its surest predictions come first. Without any
    confidences zeros, which leaves the order of ``image_id``.

    Parameters
    ----------
    images : DataFrame
        All rows of the images table of one variant, with at least ``COLUMNS``.

    Returns
    -------
    order : {"confidence_lost", "dense_confidence", "image_id"}
    key : float64 array, shape (N,)
    """
    dense, variant, own = (images[name].to_numpy(np.float64) for name in COLUMNS)
    lost: npt.NDArray[np.float64] = dense - variant
    if not np.isnan(lost).all():
        return "confidence_lost", lost
    if not np.isnan(own).all():
        return "dense_confidence", own
    return "image_id", np.zeros(len(images))
