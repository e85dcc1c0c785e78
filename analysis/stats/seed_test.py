"""Permutation test of the PIE share over the runs: whether other seeds make as many PIEs."""

import math
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from analysis.stats.pairs import Rows
from analysis.stats.splits import RANDOM_SEED, sample_images
from analysis.stats.votes import FloatArray, IntArray, TieRule, drawn_modal

EXCHANGES = 1_999
TEST_SAMPLE = 5_000

Population = tuple[IntArray, FloatArray | None]


@dataclass(frozen=True)
class SeedTest:
    """PIE share on the images taken, its mean where runs are exchanged, and the one-sided p.

    ``p_fewer`` is the p of the other side: fewer PIEs than other seeds make. ``smallest_p`` is the
    smallest p that so few runs can give.
    """

    share: float
    exchanged_share: float
    p: float
    p_fewer: float
    smallest_p: float
    n_images: int


def seed_test(
    dense: Population,
    variant: Population,
    pairs: tuple[Rows, Rows] | None,
    *,
    ties: TieRule = "confidence",
    n_exchanges: int = EXCHANGES,
) -> SeedTest | None:
    """Permutation test of the PIE share, which permutes the runs.

    H0: the variant's runs predict as the dense ones do, but for the seed. Then the runs of both can
    be exchanged: independent ones are dealt again into populations of the same sizes, paired ones
    swapped within their pair with probability 1/2. ``p = (1 + #{share_b >= share}) / (B + 1)``;
    where there are no more than B + 1 exchanges in all, every one is made once, the observed one
    among them, and p is their share with ``share_b >= share``. One-sided: compression makes more
    PIEs.

    Parameters
    ----------
    dense, variant : (prediction, confidence), arrays of shapes (K_dense, N) and (K_t, N)
    pairs : two integer arrays, optional
        Rows that belong together, where equal seeds tie the runs; other runs are left out then.
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.
    n_exchanges : int
        B, random exchanges of runs.

    Returns
    -------
    SeedTest or None
        None below two runs a side (or two pairs): every exchange gives the same share.

    Notes
    -----
    Valid whatever seeds do to all images at once, where an interval over images is not. It uses
    all runs, not halves; 5,000 images at most, a fixed random sample.
    """
    if pairs is not None:
        dense, variant = _rows(dense, pairs[0]), _rows(variant, pairs[1])
    k_dense, k_variant = len(dense[0]), len(variant[0])
    if min(k_dense, k_variant) < 2:
        return None
    sample = sample_images(dense[0].shape[1], TEST_SAMPLE)
    prediction = np.concatenate([dense[0][:, sample], variant[0][:, sample]])
    confidence = None
    if dense[1] is not None and variant[1] is not None:
        confidence = np.concatenate([dense[1][:, sample], variant[1][:, sample]])

    is_paired = pairs is not None
    drawn = _exchanges(k_dense, k_variant, n_exchanges, is_paired=is_paired)
    before, after = (
        drawn_modal(prediction, confidence, side, ties=ties) for side in (drawn, 1 - drawn)
    )
    shares = before.differs(after, ties).mean(axis=0)
    observed = float(shares[0])
    return SeedTest(
        share=observed,
        exchanged_share=float(shares[1:].mean()),
        p=float((shares >= observed - 1e-12).mean()),
        p_fewer=float((shares <= observed + 1e-12).mean()),
        smallest_p=smallest_p(k_dense, k_variant, n_exchanges, is_paired=is_paired),
        n_images=len(sample),
    )


def n_ways(k_dense: int, k_variant: int, *, is_paired: bool) -> int:
    """Count the ways to exchange the runs, the observed one among them.

    Parameters
    ----------
    k_dense, k_variant : int
        Runs of either population.
    is_paired : bool
        Whether runs are swapped within pairs.
    """
    return 2**k_dense if is_paired else math.comb(k_dense + k_variant, k_dense)


def smallest_p(
    k_dense: int, k_variant: int, n_exchanges: int = EXCHANGES, *, is_paired: bool
) -> float:
    """Smallest p that the test over seeds can give with so many runs.

    Exchanging everything at once gives the observed share again where both populations are of one
    size, so that no p is below 2 over the number of ways.

    Parameters
    ----------
    k_dense, k_variant : int
        Runs of either population.
    n_exchanges : int
        B, random exchanges of runs.
    is_paired : bool
        Whether runs are swapped within pairs.
    """
    ways = n_ways(k_dense, k_variant, is_paired=is_paired)
    alike = 2 if is_paired or k_dense == k_variant else 1
    return alike / ways if ways <= n_exchanges + 1 else 1 / (n_exchanges + 1)


def _exchanges(k_dense: int, k_variant: int, n: int, *, is_paired: bool) -> FloatArray:
    """Assign runs to the side of dense, 0 or 1, [K_dense + K_t, 1 + B]; first the actual one."""
    k = k_dense + k_variant
    ways = n_ways(k_dense, k_variant, is_paired=is_paired)
    chosen: list[IntArray] = []
    if ways <= n + 1:
        if is_paired:
            swaps = product((False, True), repeat=k_dense)
            chosen = [np.arange(k_dense) + np.where(swap, k_dense, 0) for swap in swaps]
        else:
            chosen = [np.array(runs) for runs in combinations(range(k), k_dense)]
    else:
        generator = np.random.default_rng([RANDOM_SEED, k_dense, k_variant])
        chosen.append(np.arange(k_dense))
        for _ in range(n):
            if is_paired:
                swapped = generator.random(k_dense) < 0.5
                chosen.append(np.arange(k_dense) + np.where(swapped, k_dense, 0))
            else:
                chosen.append(generator.permutation(k)[:k_dense])
    drawn = np.zeros((k, len(chosen)))
    for number, runs in enumerate(chosen):
        drawn[runs, number] = 1
    return drawn


def _rows(population: Population, rows: Rows) -> Population:
    prediction, confidence = population
    return prediction[rows], None if confidence is None else confidence[rows]
