"""Sweeps: what the cache holds, and, unless it is read-only, starting, stopping and resuming."""

import streamlit as st

from analysis.errors import LetheError
from dashboard import data, permissions, state
from dashboard.context import EmptyCacheError
from dashboard.sweeps import form, given_form, import_form, launch, listing, outcome, parts, saying
from dashboard.sweeps.child import State
from dashboard.text import plain

_TOLD = "failure-told"
_FORMS = {parts.TRAIN: form.show, parts.IMPORT: import_form.show, parts.MODELS: given_form.show}
_PART_OF = {"train": parts.TRAIN, "import": parts.IMPORT, "models": parts.MODELS}


def show() -> None:
    """Show the sweeps of the cache, or the form of a new one."""
    outcome.show()
    states, child = data.sweep_states(), launch.state()
    names = {one.name for one in states}
    if _never_began(child, names) and state.recall(_TOLD) != child.words:
        # What cannot be done is mended where it was asked: once, and not again while it stands.
        state.remember(_TOLD, child.words)
        state.put_local(parts.PART, _PART_OF[saying.kind(child.words)])
    if permissions.is_read_only():
        st.caption(
            "The dashboard was started with --read-only: sweeps can be looked at, and are started "
            "elsewhere."
        )
        part = parts.LIST
    else:
        is_fresh = not states and not child.is_running
        part = st.segmented_control(
            "Part",
            list(parts.PARTS),
            format_func=lambda one: parts.PARTS[one],
            required=True,
            label_visibility="collapsed",
            **state.local(parts.PART, parts.TRAIN if is_fresh else parts.LIST, list(parts.PARTS)),
        )
    if part in _FORMS:
        _FORMS[part]()
        return
    if child.is_running and child.name not in names:
        _starting(child)
    elif not states:
        raise EmptyCacheError(f"The cache {data.cache_root()} holds no sweep yet.")
    listing.show()


def _never_began(child: State, names: set[str]) -> bool:
    """Whether what was asked failed without a trace; of an import all runs come in, or none."""
    if child.failure is None:
        return False
    return child.name not in names or saying.kind(child.words) == "import"


def _starting(child: State) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(plain(f"{saying.under_way(child)}."), width="stretch")
        st.button(
            "Stop",
            icon=":material/stop:",
            disabled=child.is_stopping,
            on_click=_stop,
            key="stop-starting",
        )


def _stop() -> None:
    try:
        launch.stop()
    except LetheError as problem:
        st.toast(plain(problem))
