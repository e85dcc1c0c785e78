"""Which runs of two populations belong together."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.stats.modal import IntArray

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
    """Hold runs of equal seeds against runs of different ones.

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
