"""PIE stability: whether an image would be a PIE with other seeds."""

import numpy as np
import numpy.typing as npt

from analysis.stats.modal import BoolArray, FloatArray, IntArray, TieRule

RESAMPLES = 200
_RANDOM_SEED = 20191113
_CELLS = 4_000_000
_EQUAL = 1e-6

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
        Confidences may be None, or NaN where they are not known.
    paired : bool
        Whether equal seeds tie the runs: then a seed that both populations have is drawn for both
        together, and the others on their own.
    n_resamples : int
        B.

    Returns
    -------
    float array, shape (N,)
        NaN everywhere where a population has fewer than two runs: there is nothing to resample.
    """
    n = dense[0].shape[1]
    if len(dense[0]) < 2 or len(variant[0]) < 2:
        return np.full(n, np.nan)
    draws = _draws(dense_seeds, variant_seeds, paired, n_resamples)
    unanimous = (dense[0] == dense[0][0]).all(axis=0) & (variant[0] == variant[0][0]).all(axis=0)
    stability = (dense[0][0] != variant[0][0]).astype(np.float64)
    (unsettled,) = np.nonzero(~unanimous)
    if not len(unsettled):
        return stability
    code = _class_codes(np.concatenate([dense[0][:, unsettled], variant[0][:, unsettled]]).T)
    # Images with few classes go together, so that few cells of the arrays are empty.
    order = np.argsort(code.max(axis=1), kind="stable")
    start = 0
    while start < len(order):
        n_classes = int(code[order[start]].max()) + 1
        chunk = order[start : start + max(1, _CELLS // (n_resamples * (n_classes + 1)))]
        n_classes = int(code[chunk[-1]].max()) + 1
        images = unsettled[chunk]
        sides = (
            (code[chunk, : len(dense[0])], dense[1], draws[0]),
            (code[chunk, len(dense[0]) :], variant[1], draws[1]),
        )
        (one, tied), (other, also_tied) = (
            _modal_codes(c, None if conf is None else conf[:, images].T, weight, n_classes, ties)
            for c, conf, weight in sides
        )
        pie = one != other
        if ties == "exclude":
            pie &= ~(tied | also_tied)
        stability[images] = pie.mean(axis=1)
        start += len(chunk)
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


def _class_codes(votes: IntArray) -> npt.NDArray[np.intp]:
    """Number the classes that occur on an image from 0, ascending, shape (n, K)."""
    order = np.argsort(votes, axis=1, kind="stable")
    ordered = np.take_along_axis(votes, order, axis=1)
    rank = np.zeros(votes.shape, np.intp)
    rank[:, 1:] = (ordered[:, 1:] != ordered[:, :-1]).cumsum(axis=1)
    code = np.empty_like(rank)
    np.put_along_axis(code, order, rank, axis=1)
    return code


def _modal_codes(
    code: npt.NDArray[np.intp],
    confidence: FloatArray | None,
    weight: FloatArray,
    n_classes: int,
    ties: TieRule,
) -> tuple[npt.NDArray[np.intp], BoolArray]:
    """Modal class code and whether it is tied, of every image and resample, shapes (n, B)."""
    voted = (code[:, None, :] == np.arange(n_classes)[:, None]).astype(np.float64)
    votes = voted @ weight
    reaches = votes == votes.max(axis=1, keepdims=True)
    tied = reaches.sum(axis=1) > 1
    if ties == "reference":
        return n_classes - 1 - reaches[:, ::-1].argmax(axis=1), tied
    (rows,) = np.nonzero(tied.any(axis=1))
    if confidence is not None and len(rows):
        known = np.nan_to_num(confidence[rows].astype(np.float64))
        total = (voted[rows] * known[:, None, :]) @ weight
        total[~reaches[rows]] = -np.inf
        largest = total.max(axis=1, keepdims=True)
        reaches[rows] = total >= largest - _EQUAL * np.abs(largest)
    return reaches.argmax(axis=1), tied
