"""Kinds of scores: logits, probabilities or labels, decided by one rule over all rows.

``sweep --models``, ``import`` and ``audit`` share the rule, so that a model has the same numbers
whichever is used.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analysis.errors import UserError

Array = npt.NDArray[Any]
Kind = Literal["logits", "probabilities", "labels"]
KINDS: tuple[Kind, ...] = ("logits", "probabilities", "labels")

_OUTSIDE = 1e-2
SUM_SLACK = 0.05
_MEAN_SLACK = 0.25
# Half a step of 8 bits, for scores with too few values to detect steps.
_LARGEST_FLOOR = 1 / 512
_TINY = float(np.finfo(np.float64).tiny)
# Quantized scores have steps of one size; 8 bits make at most 256 of them.
_MOST_STEPS = 1_024


@dataclass
class ScoreSummary:
    """Summary of the scores of one run, updated by blocks of rows.

    Rows with a score that is not finite are no answers and are ignored.
    """

    n: int = 0
    n_unanswered: int = 0
    low: float = np.inf
    high: float = -np.inf
    off: float = 0.0
    total_off: float = 0.0
    n_classes: int = 0
    smallest: float = np.inf
    _values: Array | None = field(default_factory=lambda: np.empty(0))

    def add(self, scores: Array) -> None:
        """Add some rows, (n, C)."""
        answered = np.isfinite(scores).all(axis=1)
        self.n += len(scores)
        self.n_unanswered += int((~answered).sum())
        self.n_classes = scores.shape[1]
        rows = scores if answered.all() else scores[answered]
        if not len(rows):
            return
        self.low, self.high = min(self.low, float(rows.min())), max(self.high, float(rows.max()))
        if not self.is_within_one:
            self._values = None
            return
        positive = rows[rows > 0]
        self.smallest = min(self.smallest, float(positive.min()) if len(positive) else np.inf)
        off = np.abs(rows.sum(axis=1, dtype=np.float64) - 1)
        self.off, self.total_off = max(self.off, float(off.max())), self.total_off + off.sum()
        if self._values is not None:
            # Most scores of an unquantized model differ, which a few rows show.
            few = np.unique(rows[:64])
            if len(few) <= _MOST_STEPS:
                self._values = np.unique(np.concatenate([self._values, np.unique(rows)]))
            if len(few) > _MOST_STEPS or len(self._values) > _MOST_STEPS:
                self._values = None

    @property
    def is_within_one(self) -> bool:
        """Whether all scores lie in 0..1, up to rounding."""
        return self.low >= -_OUTSIDE and self.high <= 1 + _OUTSIDE

    @property
    def step(self) -> float | None:
        """Return the step of scores that all lie on one grid, as quantized ones do, or None."""
        if self._values is None or len(self._values) < 2:
            return None
        step = float(np.diff(self._values).min())
        places = self._values / step
        is_grid = np.abs(places - np.round(places)).max() < 0.05 and step > 1e-6
        return step if is_grid else None

    @property
    def smallest_step(self) -> float:
        """Return the step of the grid, else the smallest positive score."""
        return self.step or (self.smallest if np.isfinite(self.smallest) else 1.0)

    @property
    def floor(self) -> float:
        """Return the value for a probability of 0: half the smallest step, at most 1/512."""
        return min(self.smallest_step / 2, _LARGEST_FLOOR)

    def are_probabilities(self) -> bool:
        """Whether the scores are probabilities: in 0..1, and every row sums to 1.

        A sum may be off by 0.05; for quantized scores by half a step per class, and by at most
        0.25 in the mean over rows.
        """
        n = self.n - self.n_unanswered
        if not n or not self.is_within_one:
            return False
        if self.off <= SUM_SLACK:
            return True
        step = self.step
        is_near = step is not None and self.off <= self.n_classes * step / 2 + 1e-9
        return is_near and self.total_off / n <= _MEAN_SLACK


def kind_of(summary: ScoreSummary, kind: str = "auto", *, name: str = "the scores") -> Kind:
    """Decide the kind of scores.

    Parameters
    ----------
    summary : ScoreSummary
        Of all rows of the run.
    kind : str
        ``auto``, or the declared kind.
    name : str
        Name of the scores in messages.

    Raises
    ------
    UserError
        They lie in 0..1 and do not sum to 1, as those of a multi-label model; or they are declared
        as probabilities and are none.
    """
    if kind == "logits":
        return "logits"
    if summary.are_probabilities():
        return "probabilities"
    if kind == "probabilities":
        off = f" and a row's sum is off 1 by up to {summary.off:.4g}" if summary.off else ""
        raise UserError(
            f"{name} are no probabilities: they go from {summary.low:.4g} to {summary.high:.4g}"
            f"{off}; --scores logits takes them as logits"
        )
    if summary.n > summary.n_unanswered and summary.is_within_one and summary.high > 0:
        raise UserError(
            f"{name} lie in 0..1 and do not sum to 1 (off by up to {summary.off:.4g}), as those of "
            "a multi-label model, a sigmoid a class: Lethe audits single-label classifiers; for "
            "logits of such a classifier, add --scores logits"
        )
    return "logits"


def log_probabilities(scores: Array, summary: ScoreSummary) -> npt.NDArray[np.float64]:
    """Return logarithms of probabilities, normalized to sum to 1, (n, C).

    A probability of 0 counts as the smallest positive number, which leaves all others unchanged;
    for comparisons with another run it counts as ``summary.floor``.
    """
    exact = np.maximum(scores.astype(np.float64), 0)
    has_no_zero = summary.low > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        exact /= exact.sum(axis=1, keepdims=True)
        logarithms = np.log(exact if has_no_zero else np.where(exact == 0, _TINY, exact))
    return np.asarray(logarithms)


def n_zeros(scores: Array, label: npt.NDArray[np.int64]) -> int:
    """Count the images whose true class has a probability of 0."""
    return int((np.take_along_axis(scores, label[:, None], axis=1) == 0).sum())


def as_table(output: Array, n_images: int) -> Array | None:
    """Reshape an output to scores (N, C) or labels (N,); None for other shapes.

    Axes of length 1 are dropped: [N, C, 1, 1], [N, 1, C] and [1, N, C] become [N, C]. For the scale
    of whole numbers see :mod:`analysis.outputs.whole_numbers`.
    """
    if output.ndim >= 3 and output.shape[0] == 1 and output.shape[1] == n_images != 1:
        output = output[0]
    if output.ndim == 0 or len(output) != n_images or output.dtype.kind not in "fiub":
        return None
    sides = [side for side in output.shape[1:] if side != 1]
    if len(sides) > 1:
        return None
    if output.dtype.kind == "f" or sides:
        return output.reshape(n_images, sides[0] if sides else 1)
    return output.reshape(n_images)


def two_classes(scores: Array, kind: str = "auto") -> Array:
    """Return scores of two classes from those of the second: a probability, or its logit.

    Pass all rows of a run, since those of a few images may lie in 0..1 by chance.
    """
    second = scores[:, :1]
    if kind == "logits":
        return np.concatenate([np.zeros_like(second), second], axis=1)
    answered = second[np.isfinite(second)]
    if len(answered) and answered.min() >= -_OUTSIDE and answered.max() <= 1 + _OUTSIDE:
        return np.concatenate([1 - second, second], axis=1)
    return np.concatenate([np.zeros_like(second), second], axis=1)
