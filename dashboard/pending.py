"""What is shown while intervals and tests for other seeds are being computed beside the pages."""

from collections.abc import Callable

import streamlit as st

from analysis.errors import LetheError
from dashboard import data
from dashboard.context import Context

_EVERY = 1.0
_COMPUTING = (
    "Intervals and tests for other seeds are being computed, once for this sweep; until they are "
    "there, what rests on them is left out."
)
_UNFINISHED = (
    "Intervals and tests for other seeds are computed once the sweep is complete; until then, what "
    "rests on them is left out."
)


def is_pending(context: Context) -> bool:
    """Whether what holds for other seeds is not known yet; then say so, and wait for it."""
    if data.has_inference(context.results):
        return False
    if context.manifest.is_complete:
        st.fragment(_waiting, run_every=_EVERY)(context)
    elif len(context.manifest.seeds) > 1:
        st.caption(_UNFINISHED)
    return True


def is_over(is_there: Callable[[], bool]) -> bool:
    """Whether what a fragment waits for is there, or has failed: then the page tells it, not it."""
    try:
        return is_there()
    except LetheError:
        return True


def _waiting(context: Context) -> None:
    if is_over(lambda: data.has_inference(context.results)):
        st.rerun()
    st.caption(_COMPUTING)
