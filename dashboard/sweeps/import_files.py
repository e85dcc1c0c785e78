"""Files of an import on the screen: chosen, looked at once, and what each of them is for."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from analysis.errors import LetheError
from analysis.importing.peek import Peek, peek
from analysis.importing.sources import SUFFIXES
from dashboard import permissions, state
from dashboard.sweeps import launch, uploads
from dashboard.sweeps.uploads import Uploaded
from dashboard.text import plain

UPLOAD, SERVER = "From this computer", "On the server"
# Options whose value is one of the files, and what each is called.
ROLES = {
    "labels": "True labels",
    "class_file": "Class names",
    "paths_file": "Paths of the images",
    "features": "Features",
}
_CHOSEN, _ROUND, _STARTED = "uploads-chosen", "uploads-round", "uploads-started"
_PEEKED = "import-peeked"
_NOTHING = Peek()


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
        f"CSV, TSV, JSON lines, Parquet, .npz or .npy, text gzipped or not, at most {limit} MB "
        "each; larger ones are named on the server. Files of labels, class names and paths too."
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
    if child.failure is None and not child.was_stopped and "--check" not in started:
        _forget()
    state.remember(_STARTED, None)


def looked_at(names: Sequence[str], uploaded: Sequence[Uploaded]) -> Peek:
    """Columns of the first file that has any, read once while it stays the same."""
    by_name = {one.name: one for one in uploaded}
    for name in names:
        found = _peeked(name, by_name.get(name))
        if found.columns:
            return found
    return _NOTHING


def _peeked(name: str, uploaded: Uploaded | None) -> Peek:
    known: dict[tuple[object, ...], Peek] = state.recall(_PEEKED, {})
    try:
        if uploaded is None:
            permissions.check("import predictions")
            status = Path(name).stat()
            key: tuple[object, ...] = (name, status.st_size, status.st_mtime_ns)
        else:
            key = (name, len(uploaded.getbuffer()), getattr(uploaded, "file_id", ""))
        if key not in known:
            found = peek(Path(name)) if uploaded is None else _of_upload(uploaded)
            known = dict([*known.items()][-8:]) | {key: found}
    except (LetheError, OSError, ValueError):
        return _NOTHING  # the import reports what is wrong with it
    state.remember(_PEEKED, known)
    return known[key]


def _of_upload(uploaded: Uploaded) -> Peek:
    uploads.check_names([uploaded.name])
    with tempfile.TemporaryDirectory(dir=uploads.own_folder()) as folder:
        path = Path(folder) / uploaded.name
        path.write_bytes(uploaded.getbuffer())
        return peek(path)


def roles(form: str, names: Sequence[str]) -> None:
    """Draw what each file is for that holds no predictions."""
    used = [one for one in ROLES if st.session_state[state.field(form, one, "")]]
    with st.expander("Files beside the predictions", bool(used), icon=":material/attach_file:"):
        st.caption("Choose or name them above, with the others; then say here what they hold.")
        columns = st.columns(2)
        for place, (role, label) in enumerate(ROLES.items()):
            key = state.field(form, role, "")
            if st.session_state[key] not in ("", *names):
                st.session_state[key] = ""
            options = ["", *names]
            held = state.choice(form, role, options, "")
            columns[place % 2].selectbox(
                label, options, format_func=lambda one: one or "None", **held
            )
