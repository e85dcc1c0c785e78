"""How hard an image is for the dense models, without any compression."""

import numpy as np

from analysis.stats.modal import FloatArray, IntArray, is_contested, running_length

_CHUNK = 65_536


def vote_entropy(prediction: IntArray) -> FloatArray:
    r"""Entropy of a population's votes per image, in nats, shape (N,): 0 where all agree.

    ``H[i] = - sum_c (n[i,c] / K) ln(n[i,c] / K)``, at most ``ln K``. The plain estimate from K
    votes: it is biased towards 0, so compare it between populations of one size.

    Parameters
    ----------
    prediction : integer array, shape (K, N)
        Predicted classes.

    Raises
    ------
    ValueError
        The population is empty.
    """
    k, n = prediction.shape
    if not k:
        raise ValueError("the population is empty")
    votes = np.arange(k + 1, dtype=np.float64)
    weighed = votes * np.log(np.maximum(votes, 1))
    entropy = np.zeros(n)
    (contested,) = np.nonzero(is_contested(prediction))
    for start in range(0, len(contested), _CHUNK):
        images = contested[start : start + _CHUNK]
        ordered = np.sort(prediction[:, images], axis=0)
        ends = np.ones(ordered.shape, np.bool_)
        ends[:-1] = ordered[1:] != ordered[:-1]
        counted = (weighed[running_length(ordered)] * ends).sum(axis=0)
        entropy[images] = np.log(k) - counted / k
    return entropy
