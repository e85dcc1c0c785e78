"""Seed noise: the noise floor, A/A PIEs, and the variant's share that is like for like with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.stats.splits import (
    RANDOM_SEED,
    Split,
    columns_of,
    drawn_runs,
    make_splits,
    sample_images,
)
from analysis.stats.votes import BoolArray, DrawnModal, FloatArray, IntArray, TieRule, drawn_modal


@dataclass(frozen=True)
class NoiseFloor:
    """PIE share between halves of the dense population, and properties of those A/A PIEs.

    ``share`` is the mean over the splits, ``frequency`` [n] how often each sampled image is an A/A
    PIE, ``standard_error`` that of sampling images (0 where all were taken),
    ``dense_top1_on_aa_pies`` the accuracy of the dense runs on A/A PIEs, pooled over the splits
    (None without one). ``half`` holds the modal labels of half A in every split: what a
    variant's halves are compared with.
    """

    share: float
    standard_error: float
    frequency: FloatArray
    sample: npt.NDArray[np.intp]
    dense_top1_on_aa_pies: float | None
    half: DrawnModal
    splits: list[Split]

    @property
    def n_splits(self) -> int:
        """Number of splits."""
        return self.half.label.shape[1]


def noise_floor(
    prediction: IntArray,
    confidence: FloatArray | None,
    label: IntArray,
    *,
    ties: TieRule = "confidence",
    n_splits: int | None = None,
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
    n_splits : int, optional
        So many random splits instead of those of :func:`analysis.stats.splits.make_splits`.

    Returns
    -------
    NoiseFloor or None
        None where K < 2.
    """
    splits = make_splits(len(prediction), n_splits)
    if not splits:
        return None
    sample = sample_images(prediction.shape[1])
    prediction, confidence = columns_of(prediction, sample), columns_of(confidence, sample)
    accuracy = (prediction == label[sample]).mean(axis=0)
    half, other = (
        drawn_modal(prediction, confidence, drawn_runs(len(prediction), runs), ties=ties)
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
        splits=splits,
    )


def aa_pies(
    prediction: IntArray, confidence: FloatArray | None, *, ties: TieRule = "confidence"
) -> BoolArray | None:
    """Whether each image is an A/A PIE: the modal labels of two halves of the runs differ, (N,).

    The halves are those of one random split: one definite set of images, to draw from, where the
    noise floor is a mean over sets.

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
        drawn_modal(prediction, confidence, drawn_runs(len(prediction), [runs]), ties=ties)
        for runs in (splits[0].a, splits[0].b)
    )
    return half.differs(other, ties)[:, 0]


def variant_halves(
    splits: Sequence[Split],
    dense_seeds: tuple[int, ...],
    variant_seeds: tuple[int, ...],
    *,
    paired: bool,
) -> list[npt.NDArray[np.intp]] | None:
    """Rows of the variant's half in every split, of the size of the dense halves.

    An independent half is drawn at random; a paired one takes the seeds of dense half B, so that
    no seed stands on both sides. None where the variant lacks the runs.

    Parameters
    ----------
    splits : sequence of Split
        Halves of the dense runs.
    dense_seeds, variant_seeds : sequences of int
        Seeds of the rows, in order.
    paired : bool
        Whether equal seeds tie the two populations.
    """
    half, n_variant = len(splits[0].a), len(variant_seeds)
    if n_variant < half:
        return None
    if not paired:
        generator = np.random.default_rng([RANDOM_SEED, n_variant, 1])
        return [generator.permutation(n_variant)[:half] for _ in splits]
    position = {seed: i for i, seed in enumerate(variant_seeds)}
    others = [[dense_seeds[i] for i in split.b] for split in splits]
    if not position.keys() >= set().union(*others):
        return None
    return [np.array([position[seed] for seed in seeds]) for seeds in others]


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
    chosen = variant_halves(floor.splits, dense_seeds, variant_seeds, paired=paired)
    if chosen is None:
        return None
    halves = drawn_modal(
        columns_of(prediction, floor.sample),
        columns_of(confidence, floor.sample),
        drawn_runs(len(prediction), chosen),
        ties=ties,
    )
    return floor.half.differs(halves, ties).mean(axis=1)


def _sampling_error(frequency: FloatArray, n_images: int) -> float:
    n = len(frequency)
    if n >= n_images:
        return 0.0
    return float(frequency.std(ddof=1) / np.sqrt(n) * np.sqrt(1 - n / n_images))
