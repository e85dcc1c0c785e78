"""Removal of private details from a report: names of people, times, paths of a machine."""

import re
from typing import Any

import pandas as pd

# At least two folders deep, since shorter paths reveal nothing; not within URLs.
_POSIX = re.compile(r"(?<![\w./~-])~?(?:/[^\s/:;,'\"<>|]+){2,}/?")
_WINDOWS = re.compile(r"(?<!\w)[A-Za-z]:\\(?:[^\\\s:;,'\"<>|]+\\?)+")
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?"
)
_PEOPLE = ("rater", "other_rater")
_PRIVATE = ("time", "comment")


def without_paths(text: str) -> str:
    """Shorten paths in a text to their last part, and times to dates.

    Parameters
    ----------
    text : str
        An option, a command or an error message of a sweep.
    """

    def last(match: re.Match[str]) -> str:
        return "…/" + re.split(r"[/\\]", match[0].rstrip("/\\"))[-1]

    return _TIME.sub(r"\1", _WINDOWS.sub(last, _POSIX.sub(last, text)))


def discreet(value: Any) -> Any:
    """Apply :func:`without_paths` to all texts of nested lists and mappings."""
    if isinstance(value, str):
        return without_paths(value)
    if isinstance(value, dict):
        return {key: discreet(item) for key, item in value.items()}
    if isinstance(value, list):
        return [discreet(item) for item in value]
    return value


def without_people(table: pd.DataFrame) -> pd.DataFrame:
    """Number the raters of a table by study, and drop times and comments.

    A person has the same number in every table of a study: raters are numbered in the order of
    their names.

    Parameters
    ----------
    table : DataFrame
        Any table of a sweep; one without raters is returned unchanged.
    """
    people = [name for name in _PEOPLE if name in table]
    if not people:
        return table
    shown = table.drop(columns=[name for name in _PRIVATE if name in table])
    for _, rows in table.groupby("study", sort=False):
        named = sorted({str(one) for name in people for one in rows[name].dropna()})
        numbers = {name: f"rater {number}" for number, name in enumerate(named, start=1)}
        for name in people:
            shown.loc[rows.index, name] = rows[name].map(numbers)
    return shown
