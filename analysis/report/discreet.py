"""What a report leaves out unless it is asked for: names of people, times, paths of a machine."""

import re
from typing import Any

import pandas as pd

# At least two folders deep: what is shorter says nothing of a machine. No part of an address.
_POSIX = re.compile(r"(?<![\w./~-])~?(?:/[^\s/:;,'\"<>|]+){2,}/?")
_WINDOWS = re.compile(r"(?<!\w)[A-Za-z]:\\(?:[^\\\s:;,'\"<>|]+\\?)+")
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?"
)
_PEOPLE = ("rater", "other_rater")
_PRIVATE = ("time", "comment")


def without_paths(text: str) -> str:
    """Return a text whose paths are cut to their last part, and whose times are dates.

    Parameters
    ----------
    text : str
        What is written of a sweep: an option, a command, the message of an error.
    """

    def last(found: re.Match[str]) -> str:
        return "…/" + re.split(r"[/\\]", found[0].rstrip("/\\"))[-1]

    return _TIME.sub(r"\1", _WINDOWS.sub(last, _POSIX.sub(last, text)))


def discreet(given: Any) -> Any:
    """Return texts, and lists and mappings of them, as :func:`without_paths` has each."""
    if isinstance(given, str):
        return without_paths(given)
    if isinstance(given, dict):
        return {key: discreet(value) for key, value in given.items()}
    if isinstance(given, list):
        return [discreet(value) for value in given]
    return given


def without_people(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose raters are numbered by study, without times and comments.

    The same person has the same number in every table of a study: raters count in the order of
    their names.

    Parameters
    ----------
    table : DataFrame
        Any table of a sweep; one without raters is returned as it is.
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
