"""The field that files are uploaded with; what was chosen stays while pages change."""

from collections.abc import Sequence

import streamlit as st

from analysis.importing.asked import SUFFIXES
from dashboard import state
from dashboard.sweeps import launch
from dashboard.sweeps.uploads import Uploaded
from dashboard.text import plain

_CHOSEN, _ROUND, _STARTED = "uploads-chosen", "uploads-round", "uploads-started"


def files() -> Sequence[Uploaded]:
    """Draw the field; return the files chosen."""
    _forget_imported()
    limit = st.get_option("server.maxUploadSize")
    key = f"import-uploads-{state.recall(_ROUND, 0)}"
    shown = st.file_uploader(
        "Files of predictions",
        type=[*(one.removeprefix(".") for one in SUFFIXES), "gz"],
        accept_multiple_files=True,
        key=key,
        on_change=_changed,
        args=(key,),
        help="They are put aside on the server's machine for the import, and removed after it.",
    )
    st.caption(
        f"CSV, TSV, JSON lines, Parquet or .npz, text gzipped or not, at most {limit} MB each; "
        "larger ones are named on the server."
    )
    chosen: Sequence[Uploaded] = shown or state.recall(_CHOSEN, [])
    if chosen and not shown:
        with st.container(horizontal=True, vertical_alignment="center"):
            names = ", ".join(one.name for one in chosen)
            st.markdown(plain(f"Chosen before: {names}"), width="stretch")
            st.button("Remove", icon=":material/close:", on_click=_forget, key="uploads-remove")
    return chosen


def note_started(words: Sequence[str]) -> None:
    """Note the command that was started on the files, which are let go once it has gone well."""
    state.remember(_STARTED, tuple(words))


def _changed(key: str) -> None:
    state.remember(_CHOSEN, list(state.widget(key) or []))


def _forget() -> None:
    state.remember(_CHOSEN, [])
    state.remember(_ROUND, state.recall(_ROUND, 0) + 1)


def _forget_imported() -> None:
    started, child = state.recall(_STARTED), launch.state()
    if started is None or child.is_running or child.words[: len(started)] != started:
        return
    if child.failure is None and not child.was_stopped:
        _forget()
    state.remember(_STARTED, None)
