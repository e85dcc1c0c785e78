"""The form of an import: predictions made elsewhere, from this browser or from the server."""

import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from analysis import schema
from analysis.cli.import_predictions import import_config
from analysis.config import DENSE_ID, check_sweep_name
from analysis.importing.peek import Peek, understood
from analysis.importing.request import COLUMNS, MEMBERS, OPTIONAL, SPLITS, ImportConfig
from analysis.options import option_named
from analysis.outputs.scores import KINDS
from analysis.sweep.command import option_words
from dashboard import data, state
from dashboard.sweeps import command_panel, fields, import_files, launch, uploads
from dashboard.sweeps.fields import dataset, tick
from dashboard.sweeps.import_files import ROLES, SERVER, UPLOAD
from dashboard.sweeps.uploads import Uploaded

_USUAL = ("path", "label", "variant_id", "prediction", "seed", "confidence")
# Every name that can be mapped, those first that nearly every table has.
OURS = (*_USUAL, *(one for one in (*COLUMNS, *MEMBERS) if one not in _USUAL))
ROWS, WIDE, FILES = "rows", "wide", "files"
LAYOUTS = {
    ROWS: "One row per image and run",
    WIDE: "One column per model",
    FILES: "One file per model",
}
_SWITCHES = ("paired", "allow_missing", "overwrite", "accept_classes", "check")
_OF_RUN = re.compile(r"(.+)__seed-(\d{1,9})")
_NO_VARIANT = re.compile(r"[^A-Za-z0-9._+-]+")


def words(filled: dict[str, Any], files: Sequence[str], *, are_uploaded: bool) -> list[str]:
    """Words of the command, verb first.

    Uploaded files lie in a folder where the command works, so a relative place of the images is
    made an absolute one.
    """
    beside = {role: filled[role] for role in ROLES if filled[role] in files}
    paths = [one for one in files if one not in beside.values()]
    layout = filled["layout"]
    options = {
        "name": fields.text(filled["name"]),
        "variant": _files_of(filled["dense_file"], paths) if layout == FILES else [],
        "wide": _columns_of(filled) if layout == WIDE else [],
        "dense": _dense(filled) if layout == ROWS else None,
        "images": _images(filled["kind"], filled["place"], is_absolute=are_uploaded),
        "split": filled["split"] if filled["kind"] else None,
        "map": mapped(filled),
        "classes": beside.get("class_file") or filled["classes"],
        "labels": beside.get("labels"),
        "paths": beside.get("paths_file"),
        "features": beside.get("features"),
        "label_offset": filled["label_offset"] or None,
        "scores": None if filled["scores"] in (None, "auto") else filled["scores"],
    } | {name: bool(filled[name]) for name in _SWITCHES}
    # No option, whatever it begins with.
    named = [] if layout == FILES else [f"./{one}" if one.startswith("-") else one for one in paths]
    return ["import", *named, *option_words(options)[1:]]


def _files_of(dense: str | None, paths: Sequence[str]) -> list[str]:
    """Write ``VARIANT[@SEED]=FILE`` for every file, that of the dense model first."""
    found: dict[str, str] = {}
    for path in sorted(paths, key=lambda one: one != dense):
        stem = Path(path).name.partition(".")[0] if ".npz" not in path else Path(path).stem
        named = _OF_RUN.fullmatch(stem)
        name, seed = (named[1], f"@{int(named[2])}") if named else (stem, "")
        is_dense = path == dense or (named is not None and name == DENSE_ID)
        found[_free(DENSE_ID if is_dense else variant_of(name), seed, found)] = path
    return [f"{run}={path}" for run, path in found.items()]


def _columns_of(filled: dict[str, Any]) -> list[str]:
    dense = filled["dense_column"]
    found: dict[str, str] = {DENSE_ID: dense} if dense else {}
    for column in filled["compressed_columns"] or []:
        if column != dense:
            found[_free(variant_of(column), "", found)] = column
    return [f"{run}={column}" for run, column in found.items()]


def variant_of(name: str) -> str:
    """Write the name of a file or column as that of a variant, which is not the dense one."""
    found = _NO_VARIANT.sub("-", name).strip("-.+_")[:100] or "model"
    return "compressed" if found == DENSE_ID else found


def _free(variant: str, seed: str, taken: dict[str, str]) -> str:
    run, n = f"{variant}{seed}", 2
    while run in taken:
        run, n = f"{variant}-{n}{seed}", n + 1
    return run


def _dense(filled: dict[str, Any]) -> str | None:
    name = fields.text(filled["dense"])
    return None if name in ("", DENSE_ID) else name


def checked(filled: dict[str, Any], files: Sequence[str], *, are_uploaded: bool) -> str:
    """Return the name of the sweep.

    Raises
    ------
    UserError
        What the command line would say before it looks at the files; or of an uploaded one, that
        its name cannot be used.
    """
    from analysis.cli.main import build_parser

    if are_uploaded:
        uploads.check_names(files)
    check_sweep_name(fields.text(filled["name"]))
    options = build_parser().parse_args(words(filled, files, are_uploaded=are_uploaded))
    return import_config(tuple(options.files), vars(options)).name


def lacking(filled: dict[str, Any], files: Sequence[str]) -> str | None:
    """Say what is not filled in yet; None where all is."""
    beside = {filled[role] for role in ROLES}
    if not [one for one in files if one not in beside]:
        return "The files are still missing."
    if filled["layout"] == FILES and not filled["dense_file"]:
        return "Which file is of the dense model is still missing."
    if filled["layout"] == WIDE and not filled["dense_column"]:
        return "Which column is of the dense model is still missing."
    if not fields.text(filled["name"]):
        return "The name of the sweep is still missing."
    if fields.lacks_place(filled["kind"], filled["place"]):
        return "The place of the images is still missing."
    return None


def mapped(filled: dict[str, Any]) -> list[str]:
    """Write ``OURS=THEIRS`` for every column that is called otherwise in the files.

    A usual column that is not to be read, where it can be left out, is ``OURS=``.
    """
    theirs = {ours: fields.text(filled[f"column-{ours}"]) for ours in OURS}
    left_out = [one for one in OPTIONAL if one in (filled["understood"] or ()) and not theirs[one]]
    unwanted = _unwanted(filled["layout"])
    return [
        *(
            f"{ours}={name}"
            for ours, name in theirs.items()
            if name and name != ours and ours not in unwanted
        ),
        *(f"{ours}=" for ours in left_out if ours not in unwanted),
    ]


def _unwanted(layout: str) -> tuple[str, ...]:
    """Columns of ours that files of a layout have none of."""
    of_run = (schema.VARIANT_ID, schema.METHOD, schema.TARGET_SPARSITY)
    return {ROWS: (), FILES: of_run, WIDE: (*of_run, schema.PREDICTION, *OPTIONAL)}[layout]


def _images(kind: str | None, place: str | None, *, is_absolute: bool) -> str | None:
    where = fields.text(place)
    if not kind:
        return None
    if is_absolute and where and kind != "hf" and "://" not in where:
        where = os.path.abspath(where)
    return fields.spec(kind, where)


FORM = "import"
_FIELDS = (
    "source", "paths", "name", "layout", "dense", "dense_file", "dense_column",
    "compressed_columns", "kind", "place", "split", "classes", "label_offset", "scores",
    "understood", *ROLES, *_SWITCHES, *(f"column-{ours}" for ours in OURS),
)  # fmt: skip
_THERE = (
    "One that was imported gets the variants and seeds of these files, of the same images and "
    "labels; a run that it has already is refused, or replaced with 'Overwrite'. One that was made "
    "here takes no import."
)


def show() -> None:
    """Draw the form, and beneath it the command and its start."""
    st.caption(
        "A table with one row per image and run, one column or one file per model; or arrays of "
        "scores, .npz named dense__seed-0.npz or .npy. One model is the dense one, which was not "
        "compressed. All runs come in, or none."
    )
    left, right = st.columns(2, gap="large")
    with left:
        files, names = _files()
        beside = {_held(role) for role in ROLES}
        predicted = [one for one in names if one not in beside]
        found = import_files.looked_at(predicted, files)
        _layout(predicted, found)
        _columns(found)
        import_files.roles(FORM, names)
    with right:
        _sweep()
        _pictures()
    filled = state.filled(FORM, _FIELDS)
    is_upload = filled["source"] == UPLOAD
    command = command_panel.checked(
        words(filled, names, are_uploaded=is_upload),
        partial(checked, filled, names, are_uploaded=is_upload),
        lacking(filled, names),
    )
    start = partial(_start_on_uploads, files) if is_upload else None
    command_panel.show(command, there=_THERE, start=start)


def _files() -> tuple[Sequence[Uploaded], list[str]]:
    st.header("Predictions", anchor=False)
    source = st.radio(
        "Files",
        (UPLOAD, SERVER),
        horizontal=True,
        **state.choice(FORM, "source", (UPLOAD, SERVER), UPLOAD),
    )
    if source == UPLOAD:
        files = import_files.files()
        return files, [one.name for one in files]
    text = st.text_area(
        "Paths, one per line",
        **state.text(FORM, "paths"),
        placeholder="/path/on/the/server/*.parquet",
        help="Files on the machine that this dashboard runs on; patterns are expanded there.",
    )
    return [], _lines(text)


def _layout(predicted: Sequence[str], found: Peek) -> None:
    """Draw how the runs lie in the files, and which of them is dense."""
    layout = st.radio(
        "The files have",
        tuple(LAYOUTS),
        format_func=LAYOUTS.get,
        horizontal=True,
        **state.choice(FORM, "layout", tuple(LAYOUTS), ROWS),
    )
    if layout == FILES:
        _choice("dense_file", "File of the dense model", predicted, "Not chosen")
        st.caption("The other files are the compressed models, called as the files are.")
    elif layout == WIDE:
        known = set(understood(found.columns).values())
        models = [c for c in found.columns if c not in known and not c.endswith("_conf")]
        _choice("dense_column", "Column of the dense model", models, "Not chosen")
        key = state.field(FORM, "compressed_columns", [])
        st.session_state[key] = [one for one in st.session_state[key] or [] if one in models]
        held = state.choices(FORM, "compressed_columns", models)
        st.multiselect("Columns of compressed models", models, **held)
    elif variants := _variants(found):
        usual = DENSE_ID if DENSE_ID in variants else ""
        _choice("dense", "The dense model is called", variants, "Not chosen", usual)


def _variants(found: Peek) -> tuple[str, ...]:
    usual = understood(found.columns).get(schema.VARIANT_ID, "")
    return found.values.get(_held(f"column-{schema.VARIANT_ID}") or usual, ())


def _held(name: str) -> str:
    """Return what a field of text holds before it is drawn."""
    return st.session_state[state.field(FORM, name, "")] or ""


def _choice(
    name: str, label: str, options: Sequence[str], nothing: str, usual: str = "", where: Any = st
) -> None:
    """Draw a choice among what the files hold; what is not there any more is let go."""
    key = state.field(FORM, name, usual)
    if st.session_state[key] not in options:
        st.session_state[key] = usual if usual in options else ""
    listed = ["", *options]
    held = state.choice(FORM, name, listed, usual)
    where.selectbox(label, listed, format_func=lambda one: one or nothing, **held)


def _columns(found: Peek) -> None:
    """Draw what each column of ours is called in the files, as far as they can be looked at."""
    guessed = understood(found.columns)
    if state.recall(f"{FORM}-seen") != found.columns:
        state.remember(f"{FORM}-seen", found.columns)
        for ours in OURS if found.columns else ():
            state.fill(FORM, f"column-{ours}", guessed.get(ours, ""))
    state.fill(FORM, "understood", tuple(guessed))
    # Where an import failed for want of a column, this is where it is mended.
    is_asked = bool(found.columns) or "--map" in (launch.state().failure or "")
    with st.expander("Columns", is_asked, icon=":material/edit_note:"):
        st.caption(
            "Which column of the files is which: the same as --map. One that is not there stays "
            "empty."
        )
        places = st.columns(2)
        unwanted = (*_unwanted(_held("layout")), *(MEMBERS if found.columns else ()))
        for place, ours in enumerate(one for one in OURS if one not in unwanted):
            if found.columns:
                _choice(
                    f"column-{ours}", ours, found.columns, "Not in the files",
                    where=places[place % 2],
                )  # fmt: skip
            else:
                places[place % 2].text_input(
                    ours, placeholder=ours, **state.text(FORM, f"column-{ours}")
                )


def _sweep() -> None:
    st.header("Sweep", anchor=False)
    st.text_input(
        "Name",
        **state.text(FORM, "name"),
        placeholder="Such as cifar10-int8",
        help="Folder of the sweep in the cache, new or imported before.",
    )
    tick(FORM, ImportConfig, "paired", "Paired")
    tick(FORM, ImportConfig, "allow_missing", "Allow missing")
    tick(FORM, ImportConfig, "overwrite", "Overwrite")
    tick(FORM, ImportConfig, "check", "Only check")
    with st.expander("Classes and scores", icon=":material/tune:"):
        st.number_input(
            "Number of classes",
            min_value=1,
            step=1,
            placeholder="As the files say",
            **state.amount(FORM, "classes", None),
            help="How many there are, where neither names nor scores nor images say it.",
        )
        st.number_input(
            "Outputs before the first class",
            min_value=0,
            step=1,
            **state.amount(FORM, "label_offset", 0),
            help=option_named(ImportConfig, "label_offset").tip,
        )
        kinds = ("auto", *KINDS)
        st.selectbox(
            "Scores are",
            kinds,
            **state.choice(FORM, "scores", kinds, "auto"),
            help=option_named(ImportConfig, "scores").tip,
        )
        tick(FORM, ImportConfig, "accept_classes", "Accept classes")


def _pictures() -> None:
    st.header("Pictures", anchor=False)
    dataset(
        FORM,
        "",
        label="Images",
        tip="All images of a dataset, matched by path, else by index. Without them tables and "
        "figures are the same, and tiles show a placeholder.",
        nothing="No pictures",
    )
    if _held("kind"):
        splits = (None, *SPLITS)
        st.selectbox(
            "Split",
            splits,
            format_func=lambda one: one or "As the files name them",
            **state.choice(FORM, "split", splits, None),
            help=option_named(ImportConfig, "split").tip,
        )


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def _start_on_uploads(files: Sequence[Uploaded], name: str, words: list[str]) -> None:
    launch.start_on_uploads(data.cache_root(), name, words, files)
    import_files.note_started(words)
