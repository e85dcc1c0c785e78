"""Pruning identified exemplars: which images, how stable, from which sparsity, how they overlap."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.stats.votes import (
    BoolArray,
    FloatArray,
    IntArray,
    Modal,
    TieRule,
    drawn_modal,
    is_contested,
    modal,
)

FORGOTTEN, RECOVERED, CHANGED = "forgotten", "recovered", "changed"
KINDS = (FORGOTTEN, RECOVERED, CHANGED)


def is_pie(dense: Modal, variant: Modal, *, ties: TieRule = "confidence") -> BoolArray:
    """PIE flag per image: ``m[i, dense] != m[i, variant]``, shape (N,).

    Under the rule ``exclude`` an image tied in either population is a non-PIE.

    Parameters
    ----------
    dense : Modal
        Modal labels of the dense population.
    variant : Modal
        Modal labels of the compressed population.
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.

    Notes
    -----
    Source: Hooker et al. 2019. It needs no ground truth.
    """
    differs = dense.label != variant.label
    if ties == "exclude":
        differs &= ~(dense.tied | variant.tied)
    return differs


def kind_of_pie(
    label: IntArray, dense: Modal, variant: Modal, pie: BoolArray
) -> npt.NDArray[np.object_]:
    """Kind per image, shape (N,): forgotten, recovered or changed; empty for non-PIEs.

    ``forgotten``: dense modal right, variant wrong; ``recovered``: the reverse; ``changed``: both
    wrong.

    Parameters
    ----------
    label : array
        True class ids, shape (N,).
    dense : Modal
        Modal labels of the dense population.
    variant : Modal
        Modal labels of the compressed population.
    pie : bool array
        Whether each image is a PIE, shape (N,).
    """
    kinds = np.select(
        [~pie, dense.label == label, variant.label == label], ["", FORGOTTEN, RECOVERED], CHANGED
    )
    return kinds.astype(object)


def vote_distance(dense: IntArray, variant: IntArray) -> npt.NDArray[np.float64]:
    r"""Vote distance per image, 0..1, shape (N,).

    ``sum_c |n[i,c,t] / K_t - n[i,c,dense] / K_dense| / 2``: half the taxicab distance between the
    shares of votes, 0 where both populations vote alike, 1 where no class gets votes of both.

    Parameters
    ----------
    dense, variant : integer arrays, shapes (K_dense, N) and (K_t, N)
        Predicted classes.

    Raises
    ------
    ValueError
        A population is empty or the numbers of images differ.

    Notes
    -----
    The taxicab distance of Hooker et al. 2020 (arXiv 2010.03058), scaled to 0..1. Votes are counted
    in whole numbers (a dense vote weighs K_t, a variant's K_dense), so equal distances are exactly
    equal.
    """
    if dense.ndim != 2 or variant.ndim != 2 or dense.shape[1] != variant.shape[1]:
        raise ValueError("dense and variant must have shapes (K, N) over the same N images")
    k_dense, k_variant = len(dense), len(variant)
    if not k_dense or not k_variant:
        raise ValueError("a population is empty")
    distance = np.where(dense[0] == variant[0], 0.0, 1.0)
    (contested,) = np.nonzero(is_contested(dense) | is_contested(variant))
    for start in range(0, len(contested), 65_536):
        images = contested[start : start + 65_536]
        difference = _taxicab(dense[:, images], variant[:, images])
        distance[images] = difference / (2 * k_dense * k_variant)
    return distance


def _taxicab(dense: IntArray, variant: IntArray) -> npt.NDArray[np.int64]:
    """``sum_c |K_dense n[c, t] - K_t n[c, dense]|`` of each image, from one sort and one scan."""
    k_dense, k_variant = len(dense), len(variant)
    # The source rides in the lowest bit, so one plain sort groups classes and keeps it.
    kind = np.int16 if max(dense.max(), variant.max()) < 2**14 else np.int64
    coded = np.concatenate([dense.astype(kind) * 2, variant.astype(kind) * 2 + 1])
    coded.sort(axis=0)
    total, running = np.zeros((2, coded.shape[1]), np.int64)
    for j, votes in enumerate(coded):
        running += np.where(votes & 1, k_dense, -k_variant)
        if j + 1 < len(coded):
            ends = votes >> 1 != coded[j + 1] >> 1
            total += np.abs(running) * ends
            running *= ~ends
    return total + np.abs(running)


def image_table(
    variant_id: str,
    label: IntArray,
    dense: dict[str, npt.NDArray[Any]],
    variant: dict[str, npt.NDArray[Any]],
    *,
    ties: TieRule = "confidence",
    dense_modal: Modal | None = None,
) -> pd.DataFrame:
    """Per-image table of one variant beside dense: the first columns of ``export images``.

    Parameters
    ----------
    label : integer array, shape (N,)
        True classes.
    dense, variant : dict of arrays, shapes (K, N)
        ``prediction`` and, where known, ``confidence`` of either population.
    dense_modal : Modal, optional
        The dense modal labels under the same tie rule, where they are known already.
    variant_id : str
        The variant that the rows are of.
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.

    Returns
    -------
    DataFrame
        N rows in order of ``image_id``. ``dense_accuracy`` and ``accuracy`` are the shares of runs
        that are right, ``dense_confidence`` the mean confidence of the dense runs in what they
        predict; all 0..1.
    """
    before = dense_modal or _modal_of(dense, ties)
    after = _modal_of(variant, ties)
    pie = is_pie(before, after, ties=ties)
    return pd.DataFrame(
        {
            schema.VARIANT_ID: variant_id,
            schema.IMAGE_ID: np.arange(len(label), dtype=np.int32),
            schema.LABEL: label.astype(np.int32),
            "dense_modal_label": before.label,
            "modal_label": after.label,
            "dense_agreement": before.agreement,
            "agreement": after.agreement,
            "dense_tied": before.tied,
            "tied": after.tied,
            "is_pie": pie,
            "kind": kind_of_pie(label, before, after, pie),
            "vote_distance": vote_distance(dense[schema.PREDICTION], variant[schema.PREDICTION]),
            "dense_accuracy": (dense[schema.PREDICTION] == label).mean(axis=0),
            "accuracy": (variant[schema.PREDICTION] == label).mean(axis=0),
            "dense_confidence": _mean_confidence(dense, len(label)),
        },
        columns=list(schema.PIE_COLUMNS),
    )


def _modal_of(population: dict[str, npt.NDArray[Any]], ties: TieRule) -> Modal:
    return modal(population[schema.PREDICTION], population.get(schema.CONFIDENCE), ties=ties)


def _mean_confidence(population: dict[str, npt.NDArray[Any]], n: int) -> FloatArray:
    confidence = population.get(schema.CONFIDENCE)
    if confidence is None:
        return np.full(n, np.nan)
    known = ~np.isnan(confidence)
    if known.all():
        return confidence.mean(axis=0, dtype=np.float64)
    total = np.where(known, confidence, 0).sum(axis=0, dtype=np.float64)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def sort_pies(images: pd.DataFrame) -> pd.DataFrame:
    """PIEs alone, by falling vote distance, equal ones in order of ``image_id``.

    Parameters
    ----------
    images : DataFrame
        Rows of the images table.
    """
    pies = images[images["is_pie"]]
    return pies.sort_values(
        ["vote_distance", schema.IMAGE_ID], ascending=[False, True], kind="stable"
    )


def breaking_point(sparsity: Sequence[float], pie: BoolArray) -> FloatArray:
    """Breaking point per image, a sparsity 0..1, shape (N,).

    The smallest sparsity of a method from which on the image is a PIE at every larger one tested;
    NaN where it is none at the largest. Variants of one sparsity count as one: the image is a PIE
    there where it is one in all of them.

    Parameters
    ----------
    sparsity : sequence of L floats
        Sparsities tested, in any order.
    pie : bool array, shape (L, N)
        Whether each image is a PIE at that sparsity.

    Raises
    ------
    ValueError
        There is no sparsity, or their number is not that of the rows.
    """
    if not len(sparsity) or len(sparsity) != len(pie):
        raise ValueError("expected one row of flags for every sparsity")
    tested = np.asarray(sparsity, np.float64)
    levels = np.unique(tested)[::-1]
    flags = np.stack([pie[tested == level].all(axis=0) for level in levels])
    held = np.logical_and.accumulate(flags, axis=0).sum(axis=0)
    # The largest sparsities without a gap: the smallest of them is the breaking point.
    return np.append(levels, np.nan)[held - 1]


def pie_overlap(variant_ids: list[str], pie: BoolArray) -> pd.DataFrame:
    """Jaccard overlap of the PIE sets of every two variants, 0..1: ``|A and B| / |A or B|``.

    Parameters
    ----------
    variant_ids : list of T names
    pie : bool array, shape (T, N)

    Returns
    -------
    DataFrame
        T * T rows, a variant with itself among them (1). ``n_both`` and ``n_either`` count
        images; ``jaccard`` is null where neither variant has a PIE: there is nothing to overlap.

    Notes
    -----
    PIE sets overlap without any common cause, because the same images are hard for both.
    """
    flags = pie.astype(np.float64)
    both = flags @ flags.T
    size = flags.sum(axis=1)
    either = size[:, None] + size[None, :] - both
    jaccard = np.divide(both, either, out=np.full_like(both, np.nan), where=either > 0)
    t = len(variant_ids)
    return pd.DataFrame(
        {
            schema.VARIANT_ID: np.repeat(np.asarray(variant_ids, object), t),
            "other_variant_id": np.tile(np.asarray(variant_ids, object), t),
            "n_both": both.ravel().astype(np.int64),
            "n_either": either.ravel().astype(np.int64),
            "jaccard": jaccard.ravel(),
        },
        columns=list(schema.OVERLAP_COLUMNS),
    )


RESAMPLES = 200
_RANDOM_SEED = 20191113
_CHUNK = 8_192

Population = tuple[IntArray, FloatArray | None]


def pie_stability(
    dense: Population,
    variant: Population,
    *,
    dense_seeds: tuple[int, ...],
    variant_seeds: tuple[int, ...],
    paired: bool,
    ties: TieRule = "confidence",
    n_resamples: int = RESAMPLES,
) -> FloatArray:
    """PIE stability per image, 0..1, shape (N,): the share of bootstrap resamples with a PIE.

    The seeds of each population are drawn with replacement B times, from a fixed random seed, and
    the modal labels of the drawn populations compared. The draws do not depend on the order of
    runs or images.

    Parameters
    ----------
    dense, variant : (prediction, confidence), arrays of shapes (K_dense, N) and (K_t, N)
        Confidences may be None, or NaN if unknown.
    paired : bool
        Whether equal seeds tie the runs: then a seed that both populations have is drawn for both
        together, and the others on their own.
    n_resamples : int
        B.
    dense_seeds : sequence of int
        Seeds of the dense rows, in order.
    variant_seeds : sequence of int
        Seeds of the variant's rows, in order.
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.

    Returns
    -------
    float array, shape (N,)
        NaN everywhere where a population has fewer than two runs: there is nothing to resample.
    """
    n = dense[0].shape[1]
    if len(dense[0]) < 2 or len(variant[0]) < 2:
        return np.full(n, np.nan)
    draws = _draws(dense_seeds, variant_seeds, paired, n_resamples)
    stability = (dense[0][0] != variant[0][0]).astype(np.float64)
    (unsettled,) = np.nonzero(is_contested(dense[0]) | is_contested(variant[0]))
    for start in range(0, len(unsettled), _CHUNK):
        images = unsettled[start : start + _CHUNK]
        before, after = (
            drawn_modal(
                prediction[:, images],
                None if confidence is None else confidence[:, images],
                drawn,
                ties=ties,
            )
            for (prediction, confidence), drawn in zip((dense, variant), draws, strict=True)
        )
        stability[images] = before.differs(after, ties).mean(axis=1)
    return stability


def _draws(
    dense_seeds: tuple[int, ...], variant_seeds: tuple[int, ...], paired: bool, n_resamples: int
) -> tuple[FloatArray, FloatArray]:
    """How often each run is drawn in each resample, shapes (K, B)."""
    common = sorted(set(dense_seeds) & set(variant_seeds)) if paired else []
    generator = np.random.default_rng([_RANDOM_SEED, len(dense_seeds), len(variant_seeds)])
    together = _counts(generator, len(common), n_resamples)
    drawn = []
    for seeds in (dense_seeds, variant_seeds):
        own = [seed for seed in sorted(seeds) if seed not in common]
        alone = _counts(generator, len(own), n_resamples)
        row = {seed: i for i, seed in enumerate([*common, *own])}
        drawn.append(np.concatenate([together, alone])[[row[seed] for seed in seeds]])
    return drawn[0], drawn[1]


def _counts(generator: np.random.Generator, k: int, n_resamples: int) -> FloatArray:
    if not k:
        return np.zeros((0, n_resamples))
    return generator.multinomial(k, np.full(k, 1 / k), n_resamples).T.astype(np.float64)
