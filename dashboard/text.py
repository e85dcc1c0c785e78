"""Words and numbers for the screen; names that came from outside are never read as markup."""

import math
import re
from html import escape
from typing import Any

import streamlit as st

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_SHORTCODE = re.compile(r":(?=[\w+/-]+:)")
NOTHING = "–"


def plain(text: object) -> str:
    """Write text so that Streamlit's Markdown shows it as it is.

    Every ASCII punctuation mark is escaped. Emoji short codes are replaced after Markdown was
    parsed, so a word joiner keeps ``:name:`` from being one.
    """
    joined = _SHORTCODE.sub(":\u2060", str(text))
    return _PUNCTUATION.sub(r"\\\1", joined).replace("\n", " ")


def html_text(text: object, *, tag: str = "p", role: str = "", testid: str = "") -> None:
    """Show text as one HTML element, escaped."""
    attributes = "".join(
        f' {name}="{escape(value)}"'
        for name, value in (("class", role), ("data-testid", testid))
        if value
    )
    st.html(f"<{tag}{attributes}>{escape(str(text))}</{tag}>")


def is_missing(value: Any) -> bool:
    """Whether a number is not known: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def count(value: Any) -> str:
    """Write a whole number with thousands separators."""
    return NOTHING if is_missing(value) else f"{int(value):,}"


def percent(value: Any, digits: int = 1) -> str:
    """Write a fraction as percent."""
    return NOTHING if is_missing(value) else f"{100 * value:.{digits}f} %"


def points(value: Any) -> str:
    """Write a difference of fractions in percentage points, with its sign."""
    return NOTHING if is_missing(value) else f"{round(100 * value, 1) + 0.0:+.1f}"


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
