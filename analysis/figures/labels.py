"""Data text as labels: shown literally, cut where it is long, measured before it is placed."""

import html
import unicodedata

from analysis import visible


def escape(text: object) -> str:
    """Return data text as plotly shows it literally: no tag, entity, TeX or hover template."""
    plain = one_line(text)
    return html.escape(plain, quote=False).replace("$", "&#36;").replace("%{", "&#37;{")


def short(text: object, width: int = 24) -> str:
    """Return data text escaped and, where it is long, cut in the middle for an axis."""
    return escape(cut(text, width))


def cut(text: object, width: int) -> str:
    """Return data text as one line, where it is long cut in the middle: names differ at the end."""
    plain = one_line(text)
    if len(plain) > width:
        head = (width - 1) * 2 // 3
        plain = f"{plain[:head]}…{plain[len(plain) - (width - 1 - head) :]}"
    return plain


def one_line(text: object) -> str:
    """Return data text as one line without control characters; never empty."""
    return visible.one_line(text) or "(blank)"


def text_width(labels: list[str]) -> int:
    """Estimate the width of the longest of some escaped labels at 12 px, pixels."""
    return round(max((sum(map(_width, html.unescape(label))) for label in labels), default=0.0))


def label_width(labels: list[str]) -> int:
    """Estimate the width of tick labels and an axis title beside them, pixels."""
    return 44 + text_width(labels)


def _width(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 12.5
    if character in "ilj.,:;|'! ()[]tfr-I":
        return 4.2
    return 9.0 if character.isupper() or character in "mw@%#&_" else 7.0
