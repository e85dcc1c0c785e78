"""Votes of a population: modal labels, ties, vote entropy, and modal labels of many draws.

Every table of PIEs starts here, from predictions [K, N] of the K runs of one variant.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from analysis.schema import NO_ANSWER

TieRule = Literal["confidence", "reference", "exclude"]
TIE_RULES: tuple[TieRule, ...] = get_args(TieRule)

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

_CHUNK = 65_536
_CELLS = 500_000
EQUAL = 1e-6


@dataclass(frozen=True)
class Modal:
    """What a population predicts on each of N images.

    ``label`` [N] is the modal label, ``agreement`` [N] the share of the population that predicts
    it (0..1), ``tied`` [N] whether another class got as many votes.
    """

    label: npt.NDArray[np.int32]
    agreement: npt.NDArray[np.float64]
    tied: BoolArray


def modal(
    prediction: IntArray, confidence: FloatArray | None = None, *, ties: TieRule = "confidence"
) -> Modal:
    r"""Modal label per image: the most frequent prediction of a population.

    ``m[i] = argmax_c n[i, c]`` where ``n[i, c]`` counts the runs that predict c on image i;
    ``agreement[i] = max_c n[i, c] / K``.

    Parameters
    ----------
    prediction : integer array, shape (K, N)
        Predicted class of K runs on N images.
    confidence : float array, shape (K, N), optional
        Softmax probability of the predicted class, 0..1; NaN if unknown.
    ties : {"confidence", "reference", "exclude"}
        Among tied classes, ``confidence`` and ``exclude`` take the one with the larger sum of the
        confidences of the runs that predict it (float64; within 1e-6 relative counts as equal),
        then the smallest class index; without confidences the smallest index. ``reference`` takes
        the largest index.

    Raises
    ------
    ValueError
        The population is empty, the shapes differ, or the rule is unknown.

    Notes
    -----
    A prediction of -1 is no answer and no vote; K stays the denominator. The modal label is -1
    where no run answers, with agreement 0.

    Definition: Hooker et al. 2019 (arXiv 1911.05248). ``reference`` is the rule of the code
    released with the paper, ``predictions.mode().max()``.
    """
    if prediction.ndim != 2 or prediction.shape[0] == 0:
        raise ValueError("prediction must have shape (K, N) with K >= 1")
    if confidence is not None and confidence.shape != prediction.shape:
        raise ValueError("confidence must have the shape of prediction")
    if ties not in TIE_RULES:
        raise ValueError(f"ties must be one of {', '.join(TIE_RULES)}")
    k, n = prediction.shape
    label = prediction[0].astype(np.int32)
    votes = np.where(label == NO_ANSWER, 0, k)
    tied = np.zeros(n, np.bool_)
    (contested,) = np.nonzero(is_contested(prediction))
    for start in range(0, len(contested), _CHUNK):
        images = contested[start : start + _CHUNK]
        part = prediction[:, images]
        chosen, votes[images], tied[images] = _most_frequent(part, largest=ties == "reference")
        if ties != "reference" and confidence is not None:
            (rows,) = np.nonzero(tied[images])
            chosen[rows] = _most_confident(part[:, rows], confidence[:, images[rows]])
        label[images] = chosen
    return Modal(label, votes / k, tied)


def is_contested(*populations: IntArray) -> BoolArray:
    """Whether the runs of populations, arrays [K, N], disagree on an image, shape (N,).

    On most images they do not, and their counts of votes are known without counting.
    """
    first = populations[0][0]
    contested = np.zeros(first.shape, np.bool_)
    for population in populations:
        for row in population:
            contested |= row != first
    return contested


def _most_frequent(
    prediction: IntArray, *, largest: bool
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], BoolArray]:
    """Most frequent class, its votes, and whether it is tied, from one sort and one scan."""
    ordered = np.sort(prediction, axis=0)
    answered = ordered != NO_ANSWER if ordered[0].min() == NO_ANSWER else None
    label, length = ordered[0].copy(), np.ones(ordered.shape[1], np.int16)
    if answered is not None:
        length *= answered[0]
    votes, tied = length.copy(), np.zeros(length.shape, np.bool_)
    for j in range(1, len(ordered)):
        length = length * (ordered[j] == ordered[j - 1]) + np.int16(1)
        if answered is not None:
            length *= answered[j]
        more = length > votes
        equal = (length == votes) & (length > 0) if answered is not None else length == votes
        tied = (tied | equal) & ~more
        np.copyto(label, ordered[j], where=more | equal if largest else more)
        np.maximum(votes, length, out=votes)
    return label.astype(np.int32), votes.astype(np.int64), tied


def running_length(ordered: IntArray) -> npt.NDArray[np.int16]:
    """How often the value at each place of a sorted column [K, n] has occurred so far, from 1.

    Parameters
    ----------
    ordered : integer array
        Sorted values, shape (K, n).
    """
    length = np.ones(ordered.shape, np.int16)
    for j in range(1, len(ordered)):
        same = ordered[j] == ordered[j - 1]
        np.add(length[j], length[j - 1], out=length[j], where=same)
    return length


def _most_confident(prediction: IntArray, confidence: FloatArray) -> npt.NDArray[np.int32]:
    """Break the ties of images that are all tied, by summed confidence, then the smallest class."""
    k, n = prediction.shape
    if not n:
        return np.empty(0, np.int32)
    order = np.argsort(prediction.T, axis=1, kind="stable")
    classes = np.take_along_axis(prediction.T, order, axis=1)
    known = np.nan_to_num(np.take_along_axis(confidence.T, order, axis=1).astype(np.float64))
    starts = np.ones((n, k), np.bool_)
    starts[:, 1:] = classes[:, 1:] != classes[:, :-1]
    first = np.flatnonzero(starts)
    votes = np.diff(first, append=n * k) * (classes.ravel()[first] != NO_ANSWER)
    total = np.add.reduceat(known.ravel(), first)
    image = first // k
    new_image = np.flatnonzero(first % k == 0)
    most = np.maximum.reduceat(votes, new_image)[image]
    total[votes < most] = -np.inf
    largest = np.maximum.reduceat(total, new_image)[image]
    equal = np.flatnonzero(total >= largest - EQUAL * np.abs(largest))
    # Runs of equal classes ascend within an image, so the first of them is the smallest class.
    _, smallest = np.unique(image[equal], return_index=True)
    return classes.ravel()[first[equal[smallest]]].astype(np.int32)


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


@dataclass(frozen=True)
class DrawnModal:
    """Modal labels [n, R] of R draws on n images, and whether another class had as many votes."""

    label: npt.NDArray[np.int32]
    tied: BoolArray

    def differs(self, other: "DrawnModal", ties: TieRule) -> BoolArray:
        """PIE flags [n, R] between the draws of two populations.

        Parameters
        ----------
        other : DrawnModal
            The same draws of the other population.
        ties : {"confidence", "reference", "exclude"}
            How tied modal labels are broken.
        """
        pie = self.label != other.label
        if ties == "exclude":
            pie &= ~(self.tied | other.tied)
        return pie


def drawn_modal(
    prediction: IntArray,
    confidence: FloatArray | None,
    drawn: FloatArray,
    *,
    ties: TieRule = "confidence",
) -> DrawnModal:
    r"""Modal label per image and draw: ``argmax_c sum_k drawn[k, r] [prediction[k, i] = c]``.

    Parameters
    ----------
    prediction, confidence : arrays, shape (K, n)
        Confidences may be None, or NaN if unknown.
    drawn : float array, shape (K, R)
        How often each run is in each draw, whole numbers: 0 or 1 for halves, counts for resamples
        with replacement.
    ties : {"confidence", "reference", "exclude"}
        As in :func:`analysis.stats.votes.modal`; a run counts with its confidence as often as it
        is drawn.

    Notes
    -----
    The votes for one class over all draws are one matrix product. Only images that the population
    disagrees on are counted, those with equally many classes together, so that no product is of
    a class nobody votes for.
    """
    n, n_draws = prediction.shape[1], drawn.shape[1]
    label = np.repeat(prediction[0].astype(np.int32)[:, None], n_draws, axis=1)
    tied = np.zeros((n, n_draws), np.bool_)
    (contested,) = np.nonzero(is_contested(prediction))
    classes, n_classes = _classes_voted_for(prediction[:, contested])
    for number in np.unique(n_classes):
        (alike,) = np.nonzero(n_classes == number)
        for start in range(0, len(alike), size := max(1, _CELLS // (n_draws * int(number)))):
            places = alike[start : start + size]
            images = contested[places]
            label[images], tied[images] = _count(
                prediction[:, images],
                None if confidence is None else confidence[:, images],
                classes[:number, places],
                drawn,
                ties,
            )
    return DrawnModal(label, tied)


def _classes_voted_for(prediction: IntArray) -> tuple[IntArray, npt.NDArray[np.intp]]:
    """Classes that occur on each image, ascending, [L, n], and how many (below them: 0)."""
    ordered = np.sort(prediction, axis=0)
    begins = np.ones(ordered.shape, np.bool_)
    begins[1:] = ordered[1:] != ordered[:-1]
    number = begins.sum(axis=0)
    rank = begins.cumsum(axis=0, dtype=np.int16) - 1
    classes = np.zeros((int(number.max(initial=0)), ordered.shape[1]), prediction.dtype)
    run, image = np.nonzero(begins)
    classes[rank[run, image], image] = ordered[run, image]
    return classes, number


def _count(
    prediction: IntArray,
    confidence: FloatArray | None,
    classes: IntArray,
    drawn: FloatArray,
    ties: TieRule,
) -> tuple[IntArray, BoolArray]:
    """Modal labels and ties, [m, R] each, of images whose classes [L, m] are known."""
    weight = drawn.astype(np.float32)
    shape = (prediction.shape[1], drawn.shape[1])
    # Bytes hold the counts of all but very large populations, and are quick to compare.
    count = np.uint8 if drawn.sum(axis=0).max(initial=0) < 256 else np.float32
    best, tied = np.zeros(shape, count), np.zeros(shape, np.bool_)
    winner = np.zeros(shape, np.int16)
    for number, of_image in enumerate(classes):
        voted = (prediction == of_image) & (of_image != NO_ANSWER)
        votes = (voted.T.astype(np.float32) @ weight).astype(count)
        # If no run of a draw answers, there is no vote, and the label stays -1.
        more, equal = votes > best, (votes == best) & (votes > 0)
        tied = (tied & ~more) | equal
        np.copyto(winner, np.int16(number), where=more | equal if ties == "reference" else more)
        np.maximum(best, votes, out=best)
    if ties != "reference" and confidence is not None:
        (rows,) = np.nonzero(tied.any(axis=1))
        winner[rows] = _most_confident_drawn(
            prediction[:, rows],
            confidence[:, rows],
            classes[:, rows],
            drawn,
            best[rows].astype(np.float32),
        )
    return np.take_along_axis(classes.T, winner, axis=1), tied


def _most_confident_drawn(
    prediction: IntArray,
    confidence: FloatArray,
    classes: IntArray,
    drawn: FloatArray,
    most: npt.NDArray[Any],
) -> npt.NDArray[np.int16]:
    """Number of the winning class, [m, R]: of those with most votes by summed confidence."""
    known = np.nan_to_num(confidence.astype(np.float64))
    weight = drawn.astype(np.float32)
    total = np.empty((len(classes), *most.shape))
    for number, of_image in enumerate(classes):
        voted = (prediction == of_image) & (of_image != NO_ANSWER)
        np.matmul((known * voted).T, drawn, out=total[number])
        votes = voted.T.astype(np.float32) @ weight
        np.copyto(total[number], -np.inf, where=votes < most)
    largest = total.max(axis=0)
    largest -= EQUAL * np.abs(largest)
    winner = np.zeros(most.shape, np.int16)
    # The smallest class last, so that it wins ties.
    for number in reversed(range(len(classes))):
        np.copyto(winner, np.int16(number), where=total[number] >= largest)
    return winner
