"""The form of an import: predictions made elsewhere, from this browser or from the server."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard import data, state
from dashboard.sweeps import asked_import, command_panel, launch, upload_field, uploads
from dashboard.sweeps.asked_import import OURS
from dashboard.sweeps.data_fields import dataset, number

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
        asked_import.words(filled, names, are_uploaded=is_upload),
        partial(asked_import.checked, filled, names, are_uploaded=is_upload),
        asked_import.lacking(filled, names),
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
        return upload_field.files()
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
    number(
        FORM,
        "classes",
        "Number of classes",
        nothing="As the files say",
        tip="Where neither names nor logits nor the images say it.",
    )
    for name, label, tip in (
        ("paired", "Paired", "Seed k of every variant was made from seed k of dense, as a "
         "quantized model is from its original."),
        ("allow_missing", "Allow missing", "Leave out of all runs what images a run lacks, and "
         "take uneven seeds as they are."),
        ("overwrite", "Overwrite", "Replace runs that the sweep has already."),
    ):  # fmt: skip
        st.checkbox(label, key=state.field(FORM, name, False), help=tip)


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
    upload_field.note_started(words)
