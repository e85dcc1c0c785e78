"""Options of the runtime that runs a model, ``--session-option KEY=VALUE``, checked with words."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from analysis.errors import UserError

Parse = Callable[[str], Any]
_HIGHEST_THREADS = 1_024


def one_of(values: Mapping[str, Any]) -> Parse:
    """Take one of some words."""

    def parse(text: str) -> Any:
        if text.lower() not in values:
            raise ValueError(f"expected {', '.join(values)}")
        return values[text.lower()]

    return parse


def threads(text: str) -> int:
    """Take a number of threads, from 1."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _HIGHEST_THREADS):
        raise ValueError(f"expected a number of threads, 1 to {_HIGHEST_THREADS:,}")
    return int(text)


switch = one_of({"true": True, "false": False, "1": True, "0": False, "on": True, "off": False})


def session_options(
    given: Iterable[tuple[str, str]], known: Mapping[str, Parse], runtime: str
) -> dict[str, Any]:
    """Read the options that are given to a runtime.

    Parameters
    ----------
    given : iterable of (str, str)
        Keys and values as they were typed.
    known : mapping
        What the runtime has, and how each value is read; empty where it has none.
    runtime : str
        What messages call it.

    Raises
    ------
    UserError
        The runtime has no such option, an option has no such value, or is given twice.
    """
    found: dict[str, Any] = {}
    for key, value in given:
        if not known:
            raise UserError(f"--session-option {key}={value}: {runtime} has no such options")
        if key not in known:
            raise UserError(
                f"--session-option {key:.60}: {runtime} has no such option here; expected one of "
                f"{', '.join(known)}"
            )
        if key in found:
            raise UserError(f"--session-option {key} is given twice for one model")
        try:
            found[key] = known[key](value)
        except ValueError as error:
            raise UserError(f"--session-option {key}={value:.60}: {error}") from None
    return found
