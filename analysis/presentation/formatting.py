"""Write numbers and data text: percent, points, sizes, durations, one line, data URIs."""

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
    """Write an encoded picture as a data URI; empty where there is none, or no known one."""
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
    """Return text with a blank for each run of control characters, without blanks around it."""
    return _UNSEEN.sub(" ", str(text)).strip()


def shortened(text: object, most: int) -> str:
    """Write text in one line of at most so many characters, the last an ellipsis if cut."""
    line = one_line(text)
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def visible(text: str) -> str:
    r"""Return text with every character that a terminal obeys written out, as ``\x1b``.

    Line ends and tabs stay. So do letters of every script, and what joins them.
    """
    return _COMMANDS.sub(lambda one: one[0].encode("unicode_escape").decode(), text)


NOTHING = "–"


def most_common(reasons: Iterable[str], most: int = 3) -> str:
    """Reasons with how often each is given, the most frequent first: ``9 are empty``."""
    counted = Counter(reasons).most_common()
    some = [f"{n:,} {visible(reason)}" for reason, n in counted[:most]]
    rest = sum(n for _, n in counted[most:])
    return "; ".join([*some, *([f"{rest:,} for other reasons"] if rest else [])])


NO_ANSWER_NAME = "no answer"


def class_name(names: Sequence[str], class_id: Any) -> str:
    """Name of a class by its id; of -1, no answer."""
    return NO_ANSWER_NAME if int(class_id) == NO_ANSWER else names[int(class_id)]


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
