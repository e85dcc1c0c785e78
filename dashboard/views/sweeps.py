"""Sweeps: what the cache holds, and, unless it is read-only, starting, stopping and resuming."""

import streamlit as st

from analysis.errors import LetheError
from dashboard import data, permissions, state
from dashboard.context import EmptyCacheError
from dashboard.sweeps import form, launch, listing
from dashboard.sweeps.command_panel import LIST, PART
from dashboard.text import plain

_TOLD = "failure-told"
NEW = "new"
_PARTS = {LIST: "In the cache", NEW: "New sweep"}


def show() -> None:
    """Show the sweeps of the cache, or the form of a new one."""
    _failure()
    states, child = data.sweep_states(), launch.state()
    never_began = child.failure is not None and child.name not in {one.name for one in states}
    if never_began and state.recall(_TOLD) != child.words:
        # What cannot be done is mended where it was asked: once, and not again while it stands.
        state.remember(_TOLD, child.words)
        state.put_local(PART, NEW)
    if permissions.is_read_only():
        st.caption(
            "The dashboard was started with --read-only: sweeps can be looked at, and are started "
            "elsewhere."
        )
        part = LIST
    else:
        is_fresh = not states and not child.is_running
        part = st.segmented_control(
            "Part",
            list(_PARTS),
            format_func=lambda one: _PARTS[one],
            required=True,
            label_visibility="collapsed",
            **state.local(PART, NEW if is_fresh else LIST, list(_PARTS)),
        )
    if part == NEW:
        form.show()
        return
    if child.is_running and child.name not in {one.name for one in states}:
        _starting(child.name, is_stopping=child.is_stopping)
    elif not states:
        raise EmptyCacheError(f"The cache {data.cache_root()} holds no sweep yet.")
    listing.show()


def _failure() -> None:
    """Show the end of the log of a sweep that failed; what went wrong is told above the page."""
    child = launch.state()
    if child.failure is None:
        return
    with st.container(horizontal=True, vertical_alignment="top"):
        with st.expander("What it wrote last", icon=":material/description:"):
            st.code("\n".join(launch.log().splitlines()[-40:]), language=None, wrap_lines=True)
        st.button("Dismiss", icon=":material/close:", on_click=launch.forget_failure)


def _starting(name: str, *, is_stopping: bool) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            plain(f"Sweep {name} is {'stopping' if is_stopping else 'starting'}."), width="stretch"
        )
        st.button(
            "Stop",
            icon=":material/stop:",
            disabled=is_stopping,
            on_click=_stop,
            key="stop-starting",
        )


def _stop() -> None:
    try:
        launch.stop()
    except LetheError as problem:
        st.toast(plain(problem))
