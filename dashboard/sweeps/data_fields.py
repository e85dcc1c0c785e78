"""The fields that several forms have: a dataset and its place, corruptions, numbers."""

import streamlit as st

from analysis.shift import SEVERITIES
from dashboard import state
from dashboard.sweeps import asked
from dashboard.text import plain

_KINDS = {
    "digits": "1,797 real handwritten digits, embedded",
    "digits-longtail": "the digits, long-tailed in training, with planted difficulties; embedded",
    "fashion-mnist": "the publisher's four idx files; downloaded where no folder is given",
    "cifar10": "Parquet in Hugging Face's image layout, or the publisher's binary version",
    "folder": "a folder of class folders, with train/ and test/, or split 70 : 30",
    "parquet": "Parquet in Hugging Face's image layout",
    "hf": "a dataset of the Hugging Face hub, by its name",
}


def dataset(form: str, usual: str, *, label: str, tip: str, nothing: str = "") -> None:
    """Draw the fields ``kind`` and ``place`` of a form.

    Parameters
    ----------
    usual
        The kind chosen at first; empty for none.
    nothing
        What is offered where no dataset may be chosen too.
    """
    from analysis.datasets import dataset_kinds

    known = sorted(
        dataset_kinds(), key=lambda one: list(_KINDS).index(one) if one in _KINDS else 99
    )
    kind = st.selectbox(
        label,
        ["", *known] if nothing else known,
        format_func=lambda one: one or nothing,
        key=state.field(form, "kind", usual),
        help=tip,
    )
    if kind:
        st.caption(plain(_KINDS.get(kind, "")))
    is_needed = bool(kind) and not asked.is_embedded(kind)
    st.text_input(
        "Place",
        key=state.field(form, "place", ""),
        disabled=not is_needed,
        placeholder="/path/on/the/server, or a name of the hub" if is_needed else "Not needed",
        help="Folder or file on the machine that this dashboard runs on, not on yours.",
    )


def corruptions(form: str) -> None:
    """Draw the fields ``corruptions`` and ``severity``."""
    from analysis.shifts.corruptions.registry import corruptions as known

    st.multiselect(
        "Corruptions",
        ["all", *known()],
        key=state.field(form, "corruptions", []),
        help="Also predict on the test images made worse, to see what compression costs there.",
    )
    st.select_slider(
        "Severity",
        SEVERITIES,
        key=state.field(form, "severity", 3),
        help="How much worse, from 1 to 5.",
    )


def workers(form: str, tip: str) -> None:
    """Draw the field ``workers``."""
    number(form, "workers", "Workers", nothing="One a core", tip=tip)


def number(form: str, name: str, label: str, *, nothing: str, tip: str) -> None:
    """Draw a field of a whole number that may stay empty; ``nothing`` says what that means."""
    st.number_input(
        label,
        min_value=1,
        value=None,
        placeholder=nothing,
        key=state.field(form, name, None),
        help=tip,
    )
