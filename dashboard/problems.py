"""Failures as one plain message on the page; the traceback goes to the log."""

import functools
import logging
from collections.abc import Callable

import streamlit as st

from analysis.errors import LetheError
from dashboard import pages, permissions
from dashboard.context import EmptyCacheError, NothingYetError
from dashboard.sweeps import launch, saying
from dashboard.text import plain

_LOG = logging.getLogger("lethe.dashboard")


def guarded(show: Callable[[], None]) -> Callable[[], None]:
    """Make a page, or a fragment of one, tell its failures in words."""

    @functools.wraps(show)
    def safely() -> None:
        try:
            show()
        except NothingYetError as nothing:
            _nothing_yet(nothing)
        except LetheError as problem:
            tell(str(problem))
        except Exception as error:
            _LOG.exception("a page could not be shown")
            tell(
                f"This sweep could not be read ({type(error).__name__}). 'python -m analysis "
                "verify' with its name lists what is wrong; the same sweep started again makes "
                "missing runs anew."
            )

    return safely


def _nothing_yet(nothing: NothingYetError) -> None:
    child = launch.state()
    if child.failure is not None:
        return  # Told above the page already.
    is_empty = isinstance(nothing, EmptyCacheError)
    if child.is_running and is_empty:
        what = (
            "The demo sweep is starting: 10 dense and 70 compressed digit classifiers."
            if child.name == launch.DEMO
            else f"{saying.under_way(child)}."
        )
        st.info(
            plain(f"{what} Results appear here as they are written."),
            icon=":material/hourglass_top:",
        )
        return
    st.info(plain(nothing), icon=":material/inbox:")
    if is_empty:
        _how_to_begin()


def _how_to_begin() -> None:
    st.markdown("Make the demo sweep with this command; this page fills as it runs.")
    st.code("python -m analysis demo", language="bash")
    if not permissions.is_read_only():
        st.page_link(
            pages.page("sweeps"),
            label="Or start it here, or bring models or predictions of your own",
            icon=":material/play_circle:",
        )


def tell(message: str) -> None:
    """Show one failure, in words."""
    st.error(plain(message), icon=":material/error:")
