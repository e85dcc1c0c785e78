"""Parse and check runtime options, ``--session-option KEY=VALUE``."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from analysis.errors import UserError

Parse = Callable[[str], Any]
_HIGHEST_THREADS = 1_024


def one_of(values: Mapping[str, Any]) -> Parse:
    """Return a parser that accepts one of some words."""

    def parse(text: str) -> Any:
        if text.lower() not in values:
            raise ValueError(f"expected {', '.join(values)}")
        return values[text.lower()]

    return parse


def threads(text: str) -> int:
    """Parse a number of threads, from 1."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _HIGHEST_THREADS):
        raise ValueError(f"expected a number of threads, 1 to {_HIGHEST_THREADS:,}")
    return int(text)


switch = one_of({"true": True, "false": False, "1": True, "0": False, "on": True, "off": False})


def session_options(
    options: Iterable[tuple[str, str]], known: Mapping[str, Parse], runtime: str
) -> dict[str, Any]:
    """Parse the options of a runtime.

    Parameters
    ----------
    options : iterable of (str, str)
        Typed keys and values.
    known : mapping
        Parsers of the runtime's options by key; empty if it has none.
    runtime : str
        Name of the runtime in messages.

    Raises
    ------
    UserError
        An option is unknown, has an invalid value, or occurs twice.
    """
    parsed: dict[str, Any] = {}
    for key, value in options:
        if not known:
            raise UserError(f"--session-option {key}={value}: {runtime} has no such options")
        if key not in known:
            raise UserError(
                f"--session-option {key:.60}: {runtime} has no such option here; expected one of "
                f"{', '.join(known)}"
            )
        if key in parsed:
            raise UserError(f"--session-option {key} occurs twice for one model")
        try:
            parsed[key] = known[key](value)
        except ValueError as error:
            raise UserError(f"--session-option {key}={value:.60}: {error}") from None
    return parsed
