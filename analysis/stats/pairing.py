"""Which runs of two populations belong together."""

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]


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
