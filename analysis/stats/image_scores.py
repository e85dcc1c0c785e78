"""Scores of how doubtful an image is, from dense runs alone.

All are larger for harder images: less certain, less typical, with a less likely label or a class
that is rarer in training.
"""

from dataclasses import dataclass

import numpy as np

from analysis.stats.votes import FloatArray, IntArray, vote_entropy

NEIGHBOUR = 10


@dataclass(frozen=True)
class Score:
    """A score: its name in tables, and an adjective for images with a large one."""

    name: str
    word: str
    about: str


SCORES = (
    Score("low_confidence", "unsure", "1 - mean confidence of dense runs"),
    Score("low_margin", "near a tie", "1 - mean margin of the two largest scores of dense runs"),
    Score("vote_entropy", "disputed", "entropy of the dense runs' votes, nats"),
    Score("el2n", "far from their labels", "mean EL2N of dense runs"),
    Score(
        "atypicality",
        "atypical",
        "distance to the 10th nearest image of its own class over that of any other class",
    ),
    Score(
        "label_suspicion",
        "suspected to be mislabelled",
        "share of dense runs that predict another class more surely than they usually are of it",
    ),
    Score("class_rarity", "of a rare class", "- log2 of the training images of its class"),
)


def runs_scores(
    prediction: IntArray,
    confidence: FloatArray,
    true_confidence: FloatArray,
    margin: FloatArray,
    el2n: FloatArray,
    label: IntArray,
) -> dict[str, FloatArray]:
    """Scores of every image from some dense runs, arrays (N,) by name.

    Confidence, margin and EL2N are means over the runs; ``vote_entropy`` is that of their votes in
    nats; ``label_suspicion`` the share of the runs that suspect the label, see
    :func:`label_suspicion`.

    Parameters
    ----------
    prediction, confidence, true_confidence, margin, el2n : arrays, shape (T, N)
        Of T dense runs; NaN where a run does not tell.
    label : integer array, shape (N,)
    """
    suspects = [
        label_suspicion(*run, label)
        for run in zip(prediction, confidence, true_confidence, strict=True)
    ]
    return {
        "low_confidence": 1 - confidence.mean(axis=0, dtype=np.float64),
        "low_margin": 1 - margin.mean(axis=0, dtype=np.float64),
        "vote_entropy": vote_entropy(prediction),
        "el2n": el2n.mean(axis=0, dtype=np.float64),
        "label_suspicion": np.mean(suspects, axis=0),
    }


def label_suspicion(
    prediction: IntArray, confidence: FloatArray, true_confidence: FloatArray, label: IntArray
) -> FloatArray:
    """Label suspicion by one run, 0 or 1, shape (N,): confident learning.

    With ``t_j`` the mean confidence in class j over the images labelled j: 1 where another class
    than the label is predicted with a confidence above its own t. NaN if unknown.

    Parameters
    ----------
    prediction, confidence, true_confidence : arrays, shape (N,)
    label : integer array, shape (N,)

    Notes
    -----
    Source: Northcutt, Jiang and Chuang 2021. Of the scores that are stored, those of the predicted
    and of the true class are known, which is what the rule needs where it is about the prediction.
    """
    if np.isnan(true_confidence).any() or np.isnan(confidence[prediction >= 0]).any():
        return np.full(len(label), np.nan)
    n_classes = max(int(label.max(initial=0)), int(prediction.max(initial=0))) + 1
    n = np.bincount(label, minlength=n_classes)
    total = np.bincount(label, weights=true_confidence, minlength=n_classes)
    # A class without images has no usual confidence, and nothing is surer than it.
    usual = np.where(n > 0, total / np.maximum(n, 1), np.inf)
    other = (prediction != label) & (prediction >= 0)
    return np.where(other, confidence > usual[np.maximum(prediction, 0)], False).astype(np.float64)


def atypicality(features: FloatArray, label: IntArray) -> FloatArray:
    """How far an image is from its own class, compared with the nearest other one, shape (N,).

    Distance to the 10th nearest image of its own class over that to the 10th nearest of all other
    classes (Euclidean; itself left out; of a class of fewer, to the farthest). 1 where it is
    as near to the others; NaN where its class or the others have no other image.

    Parameters
    ----------
    features : float array, shape (N, d)
    label : integer array, shape (N,)

    Notes
    -----
    Source: the inverse of the trust score of Jiang et al. 2018, of the label instead of the
    prediction.
    """
    from sklearn.neighbors import NearestNeighbors  # takes long to import

    ratio = np.full(len(label), np.nan)
    values = np.asarray(features, np.float32)
    n_all = len(label)
    for one in np.unique(label):
        (own,) = np.nonzero(label == one)
        (others,) = np.nonzero(label != one)
        if len(own) < 2 or not len(others):
            continue
        k = min(NEIGHBOUR, len(own) - 1)
        within = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(values[own])
        near = within.kneighbors(values[own])[0][:, -1]
        k = min(NEIGHBOUR, n_all - len(own))
        outside = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(values[others])
        far = outside.kneighbors(values[own])[0][:, -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio[own] = np.where(far > 0, near / far, np.where(near > 0, np.inf, 1.0))
    largest = ratio[np.isfinite(ratio)].max(initial=1.0)
    return np.where(np.isinf(ratio), largest, ratio)
