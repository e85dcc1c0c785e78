"""Sweeps: what the cache holds, and, unless it is read-only, starting, stopping and resuming."""

import streamlit as st

from analysis.errors import LetheError
from dashboard import data, permissions, state
from dashboard.context import EmptyCacheError
from dashboard.sweeps import (
    external_form,
    fields,
    import_form,
    launch,
    listing,
    outcome,
    train_form,
)
from dashboard.sweeps.process import State
from dashboard.text import plain

_SHOWN = "failure-shown"
_FORMS = {
    fields.TRAIN: train_form.show,
    fields.IMPORT: import_form.show,
    fields.MODELS: external_form.show,
}
_PART_OF = {"train": fields.TRAIN, "import": fields.IMPORT, "models": fields.MODELS}


def show() -> None:
    """Show the sweeps of the cache, or the form of a new one."""
    outcome.show()
    states, child = data.sweep_states(), launch.state()
    names = {one.name for one in states}
    if _never_began(child, names) and state.recall(_SHOWN) != child.words:
        # A failed start leads back to its form: once, and not again while the failure stands.
        state.remember(_SHOWN, child.words)
        state.put_local(fields.PART, _PART_OF[outcome.kind(child.words)])
    if permissions.is_read_only():
        st.caption(
            "The dashboard was started with --read-only: sweeps can be looked at, and are started "
            "elsewhere."
        )
        part = fields.LIST
    else:
        is_fresh = not states and not child.is_running
        part = st.segmented_control(
            "Part",
            list(fields.PARTS),
            format_func=lambda one: fields.PARTS[one],
            required=True,
            label_visibility="collapsed",
            **state.local(
                fields.PART, fields.TRAIN if is_fresh else fields.LIST, list(fields.PARTS)
            ),
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
    """Whether a command failed without a trace; of an import all runs come in, or none."""
    if child.failure is None:
        return False
    return child.name not in names or outcome.kind(child.words) == "import"


def _starting(child: State) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(plain(f"{outcome.under_way(child)}."), width="stretch")
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
