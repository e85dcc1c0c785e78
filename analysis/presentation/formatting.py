"""Formatting of numbers and of text from the data: percent, sizes, durations, data URIs."""

import base64
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from analysis.schema import NO_ANSWER

_SIGNATURES = {
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpeg",
    b"GIF8": "gif",
    b"RIFF": "webp",
}


def data_uri(content: bytes | None) -> str:
    """Encode a picture as a data URI; empty without one, or of an unknown format."""
    for signature, kind in _SIGNATURES.items():
        if content and content.startswith(signature):
            return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
    return ""


_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_COMMANDS = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    r"\ud800-\udfff]|\r(?!\n)"
)


def one_line(text: object) -> str:
    """Replace each run of control characters by a blank, and strip blanks at either end."""
    return _UNSEEN.sub(" ", str(text)).strip()


def shortened(text: object, most: int) -> str:
    """Format text in one line of at most so many characters, ending in an ellipsis if cut."""
    line = one_line(text)
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def visible(text: str) -> str:
    r"""Escape every character that a terminal obeys, as ``\x1b``.

    Line ends and tabs stay, and so do letters of every script with their joiners.
    """
    return _COMMANDS.sub(lambda one: one[0].encode("unicode_escape").decode(), text)


NOTHING = "–"


def most_common(reasons: Iterable[str], most: int = 3) -> str:
    """Count equal reasons, the most frequent first: ``9 are empty``."""
    counted = Counter(reasons).most_common()
    some = [f"{n:,} {visible(reason)}" for reason, n in counted[:most]]
    rest = sum(n for _, n in counted[most:])
    return "; ".join([*some, *([f"{rest:,} for other reasons"] if rest else [])])


NO_ANSWER_NAME = "no answer"


def class_name(names: Sequence[str], class_id: Any) -> str:
    """Return the name of a class by its id, or ``no answer`` for -1."""
    return NO_ANSWER_NAME if int(class_id) == NO_ANSWER else names[int(class_id)]


def is_missing(value: Any) -> bool:
    """Whether a number is missing: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def count(value: Any) -> str:
    """Format a whole number with thousands separators."""
    return NOTHING if is_missing(value) else f"{int(value):,}"


def many(n: int, noun: str) -> str:
    """Format a number with its noun: 1 run, 2 runs."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def expected(value: float) -> str:
    """Format an expected count: three figures, large numbers in full."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def percent(value: Any, digits: int = 1) -> str:
    """Format a fraction as percent."""
    return NOTHING if is_missing(value) else f"{100 * value:.{digits}f} %"


def points(value: Any, digits: int = 1) -> str:
    """Format a difference of fractions in percentage points, with its sign."""
    return NOTHING if is_missing(value) else f"{round(100 * value, digits) + 0.0:+.{digits}f}"


def size(value: Any) -> str:
    """Format a number of bytes."""
    if is_missing(value):
        return NOTHING
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{int(value)} B"


def duration(seconds: float) -> str:
    """Format a duration in seconds, minutes or hours."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
