"""What this dashboard may do: the one place that knows whether it is read-only, and who comes."""

import os

from analysis.errors import UserError
from dashboard import hosts

_READ_ONLY = "LETHE_READ_ONLY"
_ALONE = "LETHE_ALONE"


def declare(*, read_only: bool, alone: bool = False) -> None:
    """Say for the whole server whether it is read-only, and whether only this machine reaches it.

    A server for which the latter is not configured is taken for one that others reach.
    """
    os.environ[_READ_ONLY] = "1" if read_only else ""
    os.environ[_ALONE] = "1" if alone else ""


def is_read_only() -> bool:
    """Whether the dashboard writes nothing to the cache and starts nothing."""
    return bool(os.environ.get(_READ_ONLY))


def may_run_code() -> bool:
    """Whether who looks may name code of this machine to be run: only where nobody else comes."""
    return bool(os.environ.get(_ALONE)) and not is_read_only()


def visit() -> str | None:
    """Tell one visit from another: a browser's tab until it is loaded again.

    None where nobody visits: what the server starts by itself has no page.
    """
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx(suppress_warning=True)
    return None if context is None else context.session_id


def _comes_by_known_name() -> bool:
    """Whether the visitor's page has a name that the server knows; True where nobody visits."""
    import streamlit as st

    if visit() is None:
        return True
    host = st.context.headers.get("host")
    # A page that is run without a browser has no headers at all.
    return host is None or hosts.is_known(host)


def check(what: str) -> None:
    """Refuse what a read-only dashboard does not do; every function that writes asks here first.

    Raises
    ------
    UserError
        The dashboard is read-only, or the page has a name that the server does not know; ``what``
        says what is not done, such as "start a study".
    """
    if not _comes_by_known_name():
        raise UserError(
            f"this dashboard does not {what} under this name; whoever runs it can add the name "
            "with --allow-host (docs/serving.md)"
        )
    if is_read_only():
        raise UserError(f"this dashboard was started with --read-only and does not {what}")


def check_file(what: str) -> None:
    """Refuse to read a text file of this machine where others may come; ``what`` names it.

    Its lines would become names that they see.

    Raises
    ------
    UserError
        The dashboard is read-only, or may be reached from elsewhere.
    """
    _check_alone(f"{what}: this reads a file of the server's machine, which a dashboard does only")


def check_code(what: str) -> None:
    """Refuse to run code of this machine where others may come; ``what`` names it.

    Raises
    ------
    UserError
        The dashboard is read-only, or may be reached from elsewhere.
    """
    _check_alone(
        f"{what}: this may run code of the server's machine, which a dashboard starts only"
    )


def _check_alone(refusal: str) -> None:
    if not may_run_code() or not _comes_by_known_name():
        raise UserError(
            f"{refusal} where nobody but this machine reaches it; run the command there "
            "(docs/serving.md)"
        )
