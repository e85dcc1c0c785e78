"""How hard an image is for the dense models, without any compression."""

import numpy as np

from analysis.stats.modal import FloatArray, IntArray, running_length

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
    entropy = np.empty(n)
    for start in range(0, n, _CHUNK):
        part = slice(start, start + _CHUNK)
        ordered = np.sort(prediction[:, part].T, axis=1)
        ends = np.ones(ordered.shape, np.bool_)
        ends[:, :-1] = ordered[:, 1:] != ordered[:, :-1]
        entropy[part] = np.log(k) - (weighed[running_length(ordered)] * ends).sum(axis=1) / k
    # Rounding can leave a unanimous vote a hair below 0.
    return np.maximum(entropy, 0.0)
