"""Text in figures: escaped, cut, measured and wrapped."""

import html
import unicodedata

import numpy as np

from analysis.presentation import formatting

LETTER = 12


def escape(text: object) -> str:
    """Escape data text, so that Plotly shows it literally: no tag, entity, TeX or hover template.

    Parameters
    ----------
    text : object
        Text of the data, any object.
    """
    plain = one_line(text)
    return html.escape(plain, quote=False).replace("$", "&#36;").replace("%{", "&#37;{")


def short(text: object, width: int = 24) -> str:
    """Escape data text and cut it in the middle for an axis, if it is long.

    Parameters
    ----------
    text : object
        Text of the data, any object.
    width : int
        Largest number of characters.
    """
    return escape(cut(text, width))


def cut(text: object, width: int) -> str:
    """Return data text as one line, cut in the middle if long, since names differ at the end.

    Parameters
    ----------
    text : object
        Text of the data, any object.
    width : int
        Largest number of characters.
    """
    plain = one_line(text)
    if len(plain) > width:
        head = (width - 1) * 2 // 3
        plain = f"{plain[:head]}…{plain[len(plain) - (width - 1 - head) :]}"
    return plain


def one_line(text: object) -> str:
    """Return data text as one line without control characters; never empty.

    Parameters
    ----------
    text : object
        Text of the data, any object.
    """
    return formatting.one_line(text) or "(blank)"


def points(value: float, digits: int = 2) -> str:
    """Format a difference of fractions in percentage points, with its sign; NaN is unknown.

    Parameters
    ----------
    value : float
        A difference of fractions.
    digits : int
        Digits after the point.
    """
    if np.isnan(value):
        return "unknown"
    return f"{round(100 * value, digits) + 0.0:+.{digits}f} points"


def points_between(low: float, high: float, digits: int = 2) -> str:
    """Format an interval of a difference of fractions in percentage points.

    Parameters
    ----------
    low, high : float
        Its ends.
    digits : int
        Digits after the point.
    """
    if np.isnan(low) or np.isnan(high):
        return "unknown"
    return f"{points(low, digits).removesuffix(' points')} to {points(high, digits)}"


def text_width(labels: list[str]) -> int:
    """Estimate the width of the longest of some escaped labels at 12 px, pixels.

    Parameters
    ----------
    labels : list of str
        Escaped labels.
    """
    return round(max((sum(map(_width, html.unescape(label))) for label in labels), default=0.0))


def label_width(labels: list[str]) -> int:
    """Estimate the width of tick labels and an axis title beside them, pixels.

    Parameters
    ----------
    labels : list of str
        Escaped labels.
    """
    return 44 + text_width(labels)


def _width(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 12.5
    if character in "ilj.,:;|'! ()[]tfr-I":
        return 4.2
    return 9.0 if character.isupper() or character in "mw@%#&_" else 7.0


def wrapped(text: str, width: float, size: int = LETTER) -> list[str]:
    """Wrap plain text into lines of a width in pixels, at blanks.

    Parameters
    ----------
    text : str
        Plain text.
    width : float
        Pixels.
    size : int
        Size of the letters, pixels.
    """
    lines: list[str] = []
    for word in one_line(text).split() if text else []:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and sum(map(_width, longer)) * size / LETTER <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
