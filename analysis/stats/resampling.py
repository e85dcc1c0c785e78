"""Modal labels of many weighted draws from one population: its halves, its bootstrap resamples."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.stats.modal import EQUAL, BoolArray, FloatArray, IntArray, TieRule, is_contested

_CELLS = 2_000_000


@dataclass(frozen=True)
class DrawnModal:
    """Modal labels [n, R] of R draws on n images, and whether another class had as many votes."""

    label: npt.NDArray[np.int32]
    tied: BoolArray

    def differs(self, other: "DrawnModal", ties: TieRule) -> BoolArray:
        """PIE flags [n, R] between the draws of two populations."""
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
        Confidences may be None, or NaN where they are not known.
    drawn : float array, shape (K, R)
        How often each run is in each draw, whole numbers: 0 or 1 for halves, counts for resamples
        with replacement.
    ties : {"confidence", "reference", "exclude"}
        As in :func:`analysis.stats.modal.modal`; a run counts with its confidence as often as it
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
    best, tied = np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
    winner = np.zeros(shape, np.int16)
    for number, of_image in enumerate(classes):
        votes = (prediction == of_image).T.astype(np.float32) @ weight
        more, equal = votes > best, votes == best
        tied = (tied & ~more) | (equal & (votes > 0))
        winner[more | equal if ties == "reference" else more] = number
        np.maximum(best, votes, out=best)
    if ties != "reference" and confidence is not None:
        (rows,) = np.nonzero(tied.any(axis=1))
        winner[rows] = _most_confident(
            prediction[:, rows], confidence[:, rows], classes[:, rows], drawn
        )
    return np.take_along_axis(classes.T, winner, axis=1), tied


def _most_confident(
    prediction: IntArray, confidence: FloatArray, classes: IntArray, drawn: FloatArray
) -> npt.NDArray[np.int16]:
    """Number of the winning class, [m, R]: votes, then summed confidence, then the smallest."""
    known = np.nan_to_num(confidence.astype(np.float64))
    voted = prediction == classes[:, None]
    votes = voted.transpose(0, 2, 1).astype(np.float64) @ drawn
    total = (voted * known).transpose(0, 2, 1) @ drawn
    total[votes < votes.max(axis=0)] = -np.inf
    largest = total.max(axis=0)
    equal = total >= largest - EQUAL * np.abs(largest)
    return equal.argmax(axis=0).astype(np.int16)
