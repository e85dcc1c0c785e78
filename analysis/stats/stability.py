"""PIE stability: whether an image would be a PIE with other seeds."""

import numpy as np

from analysis.stats.modal import FloatArray, IntArray, TieRule, is_contested
from analysis.stats.resampling import drawn_modal

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
