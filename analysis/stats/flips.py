"""Flips: what single models lost and won, run by run."""

from dataclasses import dataclass

import numpy as np

from analysis.stats.modal import BoolArray, FloatArray
from analysis.stats.pairing import Rows


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
