"""Seed noise: the noise floor, the PIE excess, and a permutation test over the runs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.stats.pairs import Rows
from analysis.stats.votes import BoolArray, DrawnModal, FloatArray, IntArray, TieRule, drawn_modal

SPLITS = 20
SAMPLE = 50_000
_RANDOM_SEED = 20191113


@dataclass(frozen=True)
class Split:
    """Positions of the dense runs in half A and in half B, each of floor(K / 2)."""

    a: npt.NDArray[np.intp]
    b: npt.NDArray[np.intp]


@dataclass(frozen=True)
class NoiseFloor:
    """PIE share between random halves of the dense population, and what those A/A PIEs are like.

    ``share`` is the mean over the splits, ``frequency`` [n] how often each sampled image is an A/A
    PIE, ``standard_error`` that of sampling images (0 where all were taken),
    ``dense_top1_on_aa_pies`` the accuracy of the dense runs on A/A PIEs, pooled over the splits
    (None where there is none). ``half`` holds the modal labels of half A in every split: what a
    variant's halves are held against.
    """

    share: float
    standard_error: float
    frequency: FloatArray
    sample: npt.NDArray[np.intp]
    dense_top1_on_aa_pies: float | None
    half: DrawnModal

    @property
    def n_splits(self) -> int:
        """Number of splits."""
        return self.half.label.shape[1]


def make_splits(k: int, n_splits: int = SPLITS) -> list[Split]:
    """Random halves of K seeds, from a fixed random seed; one is left out where K is odd.

    Empty for K < 2, where there is nothing to split.

    Parameters
    ----------
    k : int
        Runs of the population, K.
    n_splits : int
        Splits at most.
    """
    half = k // 2
    if half == 0:
        return []
    generator = np.random.default_rng([_RANDOM_SEED, k])
    orders = [generator.permutation(k) for _ in range(n_splits)]
    return [Split(order[:half], order[half : 2 * half]) for order in orders]


def sample_images(n: int, size: int = SAMPLE) -> npt.NDArray[np.intp]:
    """All of N images, or a fixed random sample of ``size`` where there are more, ascending.

    Parameters
    ----------
    n : int
        Number of images, N.
    size : int
        Images at most.
    """
    if n <= size:
        return np.arange(n)
    generator = np.random.default_rng(_RANDOM_SEED)
    return np.sort(generator.choice(n, size, replace=False))


def noise_floor(
    prediction: IntArray,
    confidence: FloatArray | None,
    label: IntArray,
    *,
    ties: TieRule = "confidence",
    n_splits: int = SPLITS,
) -> NoiseFloor | None:
    """Noise floor, 0..1: the mean PIE share between halves A and B of the dense runs.

    Parameters
    ----------
    prediction, confidence : arrays, shape (K, N)
        Of the dense population.
    label : integer array, shape (N,)
        True classes.
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.
    n_splits : int
        Random splits at most.

    Returns
    -------
    NoiseFloor or None
        None where K < 2.
    """
    splits = make_splits(len(prediction), n_splits)
    if not splits:
        return None
    sample = sample_images(prediction.shape[1])
    prediction, confidence = _columns(prediction, sample), _columns(confidence, sample)
    accuracy = (prediction == label[sample]).mean(axis=0)
    half, other = (
        drawn_modal(prediction, confidence, _drawn(len(prediction), runs), ties=ties)
        for runs in ([split.a for split in splits], [split.b for split in splits])
    )
    count = half.differs(other, ties).sum(axis=1)
    frequency = count / len(splits)
    return NoiseFloor(
        share=float(frequency.mean()),
        standard_error=_sampling_error(frequency, len(label)),
        frequency=frequency,
        sample=sample,
        dense_top1_on_aa_pies=(
            float((count * accuracy).sum() / count.sum()) if count.any() else None
        ),
        half=half,
    )


def aa_pies(
    prediction: IntArray, confidence: FloatArray | None, *, ties: TieRule = "confidence"
) -> BoolArray | None:
    """Whether each image is an A/A PIE: the modal labels of two halves of the runs differ, (N,).

    The halves are those of the first split of the noise floor: one definite set of images, to draw
    from, where the floor is a mean over sets.

    Parameters
    ----------
    prediction, confidence : arrays, shape (K, N)
        Of the dense population.
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.

    Returns
    -------
    bool array or None
        None where K < 2.
    """
    splits = make_splits(len(prediction), 1)
    if not splits:
        return None
    half, other = (
        drawn_modal(prediction, confidence, _drawn(len(prediction), [runs]), ties=ties)
        for runs in (splits[0].a, splits[0].b)
    )
    return half.differs(other, ties)[:, 0]


def half_population_frequency(
    floor: NoiseFloor,
    prediction: IntArray,
    confidence: FloatArray | None,
    *,
    dense_seeds: tuple[int, ...],
    variant_seeds: tuple[int, ...],
    paired: bool,
    ties: TieRule = "confidence",
) -> FloatArray | None:
    """Share of the splits in which an image is a PIE of a variant half against dense half A, (n,).

    The mean over images is ``pie_share_half``, the like-for-like partner of the noise floor: the
    same splits, images and half size. An independent variant half is drawn at random; a paired one
    takes the seeds of dense half B, so that no seed stands on both sides.

    Parameters
    ----------
    floor : NoiseFloor
        Of the dense population, under the same tie rule.
    prediction, confidence : arrays, shape (K, N)
        Of the variant.
    dense_seeds : sequence of int
        Seeds of the dense rows, in order.
    variant_seeds : sequence of int
        Seeds of the variant's rows, in order.
    paired : bool
        Whether equal seeds tie the two populations.
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.

    Returns
    -------
    float array or None
        None where the variant lacks the runs for a half of that size.
    """
    splits = make_splits(len(dense_seeds), floor.n_splits)
    half = len(splits[0].a)
    if len(variant_seeds) < half:
        return None
    if paired:
        position = {seed: i for i, seed in enumerate(variant_seeds)}
        others = [[dense_seeds[i] for i in split.b] for split in splits]
        if not position.keys() >= set().union(*others):
            return None
        chosen = [np.array([position[seed] for seed in seeds]) for seeds in others]
    else:
        generator = np.random.default_rng([_RANDOM_SEED, len(variant_seeds), 1])
        chosen = [generator.permutation(len(variant_seeds))[:half] for _ in splits]
    halves = drawn_modal(
        _columns(prediction, floor.sample),
        _columns(confidence, floor.sample),
        _drawn(len(prediction), chosen),
        ties=ties,
    )
    return floor.half.differs(halves, ties).mean(axis=1)


def _drawn(k: int, halves: list[npt.NDArray[np.intp]]) -> FloatArray:
    """Which of K runs are in each half, 0 or 1, shape (K, splits)."""
    drawn = np.zeros((k, len(halves)))
    for number, runs in enumerate(halves):
        drawn[runs, number] = 1
    return drawn


def excess_interval(half: FloatArray, floor: FloatArray) -> tuple[float, float, float]:
    """PIE excess and its 95 % interval over images: mean of ``half - floor`` +- 1.96 s / sqrt(n).

    Parameters
    ----------
    half, floor : float arrays, shape (n,)
        How often each image is a PIE of the variant half, and of the other dense half.

    Returns
    -------
    excess, low, high : float
        Shares, -1..1. The interval is that of drawing images; the seeds are taken as they are.
    """
    difference = half - floor
    excess = float(difference.mean())
    n = len(difference)
    margin = 1.959963984540054 * float(difference.std(ddof=1)) / np.sqrt(n) if n > 1 else np.nan
    return excess, excess - margin, excess + margin


def _columns(values: Any, sample: npt.NDArray[np.intp]) -> Any:
    if values is None or len(sample) == values.shape[1]:
        return values
    return values[:, sample]


def _sampling_error(frequency: FloatArray, n_images: int) -> float:
    n = len(frequency)
    if n >= n_images:
        return 0.0
    return float(frequency.std(ddof=1) / np.sqrt(n) * np.sqrt(1 - n / n_images))


PERMUTATIONS = 199
TEST_SAMPLE = 5_000

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
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.
    n_permutations : int
        Random exchanges of runs.

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
    sample = sample_images(dense[0].shape[1], TEST_SAMPLE)
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
