"""Ranges of values as an address writes them, ``COLUMN:LOW..HIGH``, and the scale of a slider."""

import math
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.schema import META_PREFIX
from dashboard.gallery.sort_keys import SORTS, Sort, sort_of

Values = npt.NDArray[np.float64]
# What a range is of in the address, and the sort that has its values.
COLUMNS = {
    "breaking_point": "breaking_point",
    "stability": "stability",
    "kl": "kl",
    "dense_confidence": "dense_confidence",
    "confidence_lost": "confidence_lost",
    "margin": "margin",
    "entropy": "dense_vote_entropy",
}
BINS = 24
_STEPS = 100
_NUMBER = r"-?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,3})?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})", re.ASCII)


@dataclass(frozen=True)
class Range:
    """Values of a column from ``low`` to ``high``, ends included."""

    column: str
    low: float
    high: float

    @property
    def spelled(self) -> str:
        """The range as an address writes it."""
        return f"{self.column}:{self.low:.12g}..{self.high:.12g}"

    def holds(self, values: Values) -> npt.NDArray[np.bool_]:
        """Mark the values inside; an unknown one (NaN) is not."""
        return np.asarray((values >= self.low) & (values <= self.high))


def sort_of_range(column: str) -> Sort:
    """Return the sort that has the values of a range's column."""
    return sort_of(COLUMNS.get(column, column))


def read_range(text: str, numbers: frozenset[str]) -> Range | None:
    """Read a range; None where its column is unknown, or an end no number, or both are crossed.

    Parameters
    ----------
    numbers
        The numeric ``meta_*`` columns there are.
    """
    column, _, ends = text.rpartition(":")
    found = _RANGE.fullmatch(ends)
    if found is None or (column not in COLUMNS and column not in numbers):
        return None
    low, high = float(found[1]), float(found[2])
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        return None
    return Range(column, low, high)


@dataclass(frozen=True)
class Scale:
    """The round ends of a slider and its step, so that its values have few digits."""

    low: float
    high: float
    step: float

    @property
    def digits(self) -> int:
        """Digits after the point that a value of the scale has."""
        return max(0, -math.floor(math.log10(self.step) + 1e-9))

    @property
    def format(self) -> str:
        """How the slider writes a value."""
        return f"%.{self.digits}f"

    def clipped(self, low: float, high: float) -> tuple[float, float]:
        """Bring the ends of a range into the scale."""
        ends = (min(max(one, self.low), self.high) for one in (low, high))
        first, last = ends
        return first, last

    def is_whole(self, low: float, high: float) -> bool:
        """Whether a range leaves nothing of the scale out."""
        return low <= self.low and high >= self.high


def scale_of(values: Values) -> Scale | None:
    """Return the scale of known values; None where fewer than two differ."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    if low == high:
        return None
    rough = (high - low) / _STEPS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return Scale(
        round(math.floor(low / step + 1e-9) * step, digits),
        round(math.ceil(high / step - 1e-9) * step, digits),
        round(step, digits),
    )


def histogram(values: Values, scale: Scale) -> list[int]:
    """Count the values in bins of equal width over a scale."""
    counts, _ = np.histogram(values[np.isfinite(values)], BINS, (scale.low, scale.high))
    return [int(n) for n in counts]


def is_metadata(column: str) -> bool:
    """Whether a column comes with the images."""
    return column.startswith(META_PREFIX) and column not in SORTS
