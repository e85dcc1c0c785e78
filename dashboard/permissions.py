"""What this dashboard may do: the one place that knows whether it is read-only."""

import os

from analysis.errors import UserError

_READ_ONLY = "LETHE_READ_ONLY"


def declare(*, read_only: bool) -> None:
    """Say for the whole server whether it is read-only."""
    os.environ[_READ_ONLY] = "1" if read_only else ""


def is_read_only() -> bool:
    """Whether the dashboard writes nothing to the cache and starts nothing."""
    return bool(os.environ.get(_READ_ONLY))


def check(what: str) -> None:
    """Refuse what a read-only dashboard does not do; every function that writes asks here first.

    Raises
    ------
    UserError
        The dashboard is read-only; ``what`` says what is not done, such as "start a study".
    """
    if is_read_only():
        raise UserError(f"this dashboard was started with --read-only and does not {what}")
