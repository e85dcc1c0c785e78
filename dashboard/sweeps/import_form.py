"""The form of an import: predictions made elsewhere, from this browser or from the server."""

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from analysis.config import check_sweep_name
from analysis.importing.request import COLUMNS, MEMBERS, ImportConfig, parse_map
from analysis.importing.sources import SUFFIXES
from analysis.sweep.command import option_words
from dashboard import data, state
from dashboard.sweeps import command_panel, fields, launch, uploads
from dashboard.sweeps.fields import dataset, number, tick
from dashboard.sweeps.uploads import Uploaded
from dashboard.text import plain

_USUAL = ("path", "label", "variant_id", "prediction", "seed", "confidence")
# Every name that can be mapped, those first that nearly every table has.
OURS = (*_USUAL, *(one for one in (*COLUMNS, *MEMBERS) if one not in _USUAL))
_SWITCHES = ("paired", "allow_missing", "overwrite")


def words(filled: dict[str, Any], files: Sequence[str], *, are_uploaded: bool) -> list[str]:
    """Words of the command, verb first.

    Uploaded files lie in a folder where the command works, so a relative place of the images is
    made an absolute one.
    """
    given = {
        "name": fields.text(filled["name"]),
        "images": _images(filled["kind"], filled["place"], is_absolute=are_uploaded),
        "map": mapped(filled),
        "classes": filled["classes"],
    } | {name: bool(filled[name]) for name in _SWITCHES}
    # No option, whatever it begins with.
    paths = [f"./{one}" if one.startswith("-") else one for one in files]
    return ["import", *paths, *option_words(given)[1:]]


def checked(filled: dict[str, Any], files: Sequence[str], *, are_uploaded: bool) -> str:
    """Return the name of the sweep.

    Raises
    ------
    UserError
        What the command line would say before it looks at the files; or of an uploaded one, that
        its name cannot be used.
    """
    if are_uploaded:
        uploads.check_names(files)
    columns = parse_map(mapped(filled))
    name = check_sweep_name(fields.text(filled["name"]))
    return ImportConfig(
        tuple(files), name, columns=columns, classes=filled["classes"] and f"{filled['classes']}"
    ).name


def lacking(filled: dict[str, Any], files: Sequence[str]) -> str | None:
    """Say what is not filled in yet; None where all is."""
    if not files:
        return "The files are still missing."
    if not fields.text(filled["name"]):
        return "The name of the sweep is still missing."
    if fields.lacks_place(filled["kind"], filled["place"]):
        return "The place of the images is still missing."
    return None


def mapped(filled: dict[str, Any]) -> list[str]:
    """Write ``OURS=THEIRS`` for every column that is called otherwise in the files."""
    theirs = {ours: fields.text(filled[f"column-{ours}"]) for ours in OURS}
    return [f"{ours}={name}" for ours, name in theirs.items() if name and name != ours]


def _images(kind: str | None, place: str | None, *, is_absolute: bool) -> str | None:
    where = fields.text(place)
    if not kind:
        return None
    if is_absolute and where and kind != "hf" and "://" not in where:
        where = os.path.abspath(where)
    return fields.spec(kind, where)


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


FORM = "import"
_UPLOAD, _SERVER = "From this computer", "On the server"
_FIELDS = (
    "source", "paths", "name", "kind", "place", "classes", "paired", "allow_missing", "overwrite",
    *(f"column-{ours}" for ours in OURS),
)  # fmt: skip
_THERE = (
    "One that was imported gets the variants and seeds of these files, of the same images and "
    "labels; a run that it has already is refused, or replaced with 'Overwrite'. One that was made "
    "here takes no import."
)


def show() -> None:
    """Draw the form, and beneath it the command and its start."""
    st.caption(
        "One row an image and run, with the columns path or image_id, label, prediction and "
        "variant_id, of which one is dense, the uncompressed model; or .npz files of logits, named "
        "dense__seed-0.npz. All runs come in, or none."
    )
    left, right = st.columns(2, gap="large")
    with left:
        files = _files()
        _columns()
    with right:
        _sweep()
        _pictures()
    filled = state.filled(FORM, _FIELDS)
    is_upload = filled["source"] == _UPLOAD
    names = [one.name for one in files] if is_upload else _lines(filled["paths"])
    command = command_panel.checked(
        words(filled, names, are_uploaded=is_upload),
        partial(checked, filled, names, are_uploaded=is_upload),
        lacking(filled, names),
    )
    start = partial(_start_on_uploads, files) if is_upload else None
    command_panel.show(command, there=_THERE, start=start)


def _files() -> Sequence[uploads.Uploaded]:
    st.header("Predictions", anchor=False)
    source = st.radio(
        "Files",
        (_UPLOAD, _SERVER),
        horizontal=True,
        key=state.field(FORM, "source", _UPLOAD),
    )
    if source == _UPLOAD:
        return files()
    st.text_area(
        "Paths, one a line",
        key=state.field(FORM, "paths", ""),
        placeholder="/path/on/the/server/*.parquet",
        help="Files on the machine that this dashboard runs on; patterns are expanded there.",
    )
    return []


def _columns() -> None:
    # Where an import failed for want of a column, this is where it is mended.
    is_asked = "--map" in (launch.state().failure or "")
    with st.expander("Columns of another name", is_asked, icon=":material/edit_note:"):
        st.caption(
            "What a column is called in the files, where it is not called so: the same as --map. "
            "A column that is not there stays empty."
        )
        fields = st.columns(2)
        for place, ours in enumerate(OURS):
            fields[place % 2].text_input(
                ours, key=state.field(FORM, f"column-{ours}", ""), placeholder=ours
            )


def _sweep() -> None:
    st.header("Sweep", anchor=False)
    st.text_input(
        "Name",
        key=state.field(FORM, "name", ""),
        placeholder="Such as cifar10-int8",
        help="Folder of the sweep in the cache, new or imported before.",
    )
    number(FORM, ImportConfig, "classes", "Number of classes", nothing="As the files say")
    tick(FORM, ImportConfig, "paired", "Paired")
    tick(FORM, ImportConfig, "allow_missing", "Allow missing")
    tick(FORM, ImportConfig, "overwrite", "Overwrite")


def _pictures() -> None:
    st.header("Pictures", anchor=False)
    dataset(
        FORM,
        "",
        label="Images",
        tip="All images of a dataset, matched by path, else by place. Without them tables and "
        "figures are the same, and tiles show a placeholder.",
        nothing="No pictures",
    )


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def _start_on_uploads(files: Sequence[uploads.Uploaded], name: str, words: list[str]) -> None:
    launch.start_on_uploads(data.cache_root(), name, words, files)
    note_started(words)
