"""Numbers in words: percent, points, sizes and durations, alike on the screen and in a report."""

import math
from typing import Any

NOTHING = "–"


def is_missing(value: Any) -> bool:
    """Whether a number is not known: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def count(value: Any) -> str:
    """Write a whole number with thousands separators."""
    return NOTHING if is_missing(value) else f"{int(value):,}"


def many(n: int, noun: str) -> str:
    """Write how many there are of what: 1 run, 2 runs."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def expected(value: float) -> str:
    """Write how many are expected: three figures, large numbers in full."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def percent(value: Any, digits: int = 1) -> str:
    """Write a fraction as percent."""
    return NOTHING if is_missing(value) else f"{100 * value:.{digits}f} %"


def points(value: Any, digits: int = 1) -> str:
    """Write a difference of fractions in percentage points, with its sign."""
    return NOTHING if is_missing(value) else f"{round(100 * value, digits) + 0.0:+.{digits}f}"


def size(value: Any) -> str:
    """Write a number of bytes."""
    if is_missing(value):
        return NOTHING
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{int(value)} B"


def duration(seconds: float) -> str:
    """Write a duration in the unit one would say it in."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
