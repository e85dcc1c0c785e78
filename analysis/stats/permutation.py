"""Whether a variant has more PIEs than other seeds would make: a permutation test over the runs."""

from dataclasses import dataclass

import numpy as np

from analysis.stats.modal import FloatArray, IntArray, TieRule
from analysis.stats.noise import sample_images
from analysis.stats.pairing import Rows
from analysis.stats.resampling import drawn_modal

PERMUTATIONS = 199
SAMPLE = 5_000
_RANDOM_SEED = 20191113

Population = tuple[IntArray, FloatArray | None]


@dataclass(frozen=True)
class SeedTest:
    """PIE share on the images taken, its mean where runs are exchanged, and the one-sided p."""

    share: float
    exchanged_share: float
    p: float
    n_images: int


def seed_test(
    dense: Population,
    variant: Population,
    pairs: tuple[Rows, Rows] | None,
    *,
    ties: TieRule = "confidence",
    n_permutations: int = PERMUTATIONS,
) -> SeedTest | None:
    """Permutation test of the PIE share, with the runs as what is drawn.

    H0: the variant's runs predict as the dense ones do, but for the seed. Then the runs of both can
    be exchanged: independent ones are dealt anew into populations of the same sizes, paired ones
    swapped within their pair with probability 1/2. ``p = (1 + #{share_b >= share}) / (B + 1)``,
    one-sided: compression makes more PIEs.

    Parameters
    ----------
    dense, variant : (prediction, confidence), arrays of shapes (K_dense, N) and (K_t, N)
    pairs : two integer arrays, optional
        Rows that belong together, where equal seeds tie the runs; other runs are left out then.

    Returns
    -------
    SeedTest or None
        None below two runs a side (or two pairs): every exchange gives the same share.

    Notes
    -----
    Valid whatever seeds do to all images at once, where an interval over images is not. It uses
    all runs, not halves; 5,000 images at most, a fixed random sample. With two or three runs a
    side there are so few ways to exchange them that p cannot fall below .05.
    """
    if pairs is not None:
        dense, variant = _rows(dense, pairs[0]), _rows(variant, pairs[1])
    k_dense, k_variant = len(dense[0]), len(variant[0])
    if min(k_dense, k_variant) < 2:
        return None
    sample = sample_images(dense[0].shape[1], SAMPLE)
    prediction = np.concatenate([dense[0][:, sample], variant[0][:, sample]])
    confidence = None
    if dense[1] is not None and variant[1] is not None:
        confidence = np.concatenate([dense[1][:, sample], variant[1][:, sample]])

    drawn = _exchanges(k_dense, k_variant, n_permutations, is_paired=pairs is not None)
    before, after = (
        drawn_modal(prediction, confidence, side, ties=ties) for side in (drawn, 1 - drawn)
    )
    observed, *exchanged = before.differs(after, ties).mean(axis=0).tolist()
    as_large = sum(share >= observed - 1e-12 for share in exchanged)
    p = (1 + as_large) / (n_permutations + 1)
    return SeedTest(observed, float(np.mean(exchanged)), p, len(sample))


def _exchanges(k_dense: int, k_variant: int, n: int, *, is_paired: bool) -> FloatArray:
    """Which runs are on the side of dense, 0 or 1, [K_dense + K_t, 1 + n]: first as they are."""
    generator = np.random.default_rng([_RANDOM_SEED, k_dense, k_variant])
    drawn = np.zeros((k_dense + k_variant, 1 + n))
    drawn[:k_dense, 0] = 1
    for b in range(1, n + 1):
        if is_paired:
            swap = generator.random(k_dense) < 0.5
            chosen = np.where(swap, k_dense, 0) + np.arange(k_dense)
        else:
            chosen = generator.permutation(k_dense + k_variant)[:k_dense]
        drawn[chosen, b] = 1
    return drawn


def _rows(population: Population, rows: Rows) -> Population:
    prediction, confidence = population
    return prediction[rows], None if confidence is None else confidence[rows]
