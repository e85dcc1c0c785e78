"""Fields that several forms have.

And their values as options of ``sweep``, checked like a command.
"""

from collections.abc import Iterable
from typing import Any

import streamlit as st

from analysis.cli.sweep import sweep_from
from analysis.config import SEVERITIES, Machine, Sweep, Training
from analysis.options import option_named
from analysis.sweep.command import option_words
from analysis.sweep.plan import check_data, requested_variants
from dashboard import state
from dashboard.text import plain

_USUAL = Training()
# What a field is called in the form is what the option is called, except for these.
_TRAINING = ("epochs", "batch_size", "lr", "schedule", "paired", "distill")
_DATA = ("train_limit", "test_limit", "image_size", "workers")


def options(filled: dict[str, Any]) -> dict[str, Any]:
    """Options of ``sweep`` from the fields of the form, those at their default left out."""
    options: dict[str, Any] = {
        "name": text(filled["name"]) or None,
        "dataset": spec(filled["kind"], filled["place"]),
        "model": text(filled["model"]) or None,
        "variants": variants(
            filled["pruning"], filled["levels"], filled["quantization"], filled["more"]
        ),
        "seeds": filled["seeds"],
        "pretrained": filled["pretrained"],
        "rotate_tail": filled["rotate_tail"] and has_tail(filled["kind"]),
    }
    for name in _TRAINING:
        options[name] = filled[name] if filled[name] != getattr(_USUAL, name) else None
    options |= {name: filled[name] for name in _DATA}
    severity = filled["severity"]
    options["corruptions"] = [f"{name}={severity}" for name in filled["corruptions"]]
    return {name: value for name, value in options.items() if not is_left_out(value)}


def words(options: dict[str, Any]) -> list[str]:
    """Words of the command with these options, verb first."""
    return option_words(options)


def checked(options: dict[str, Any]) -> Sweep:
    """Return the sweep that the options ask for.

    Raises
    ------
    UserError
        What the command line would say of them before it looks at the data.
    """
    sweep = sweep_from(options)
    requested_variants(sweep)
    check_data(sweep)
    return sweep


def spec(kind: str, place: str | None) -> str:
    """Write ``KIND[:PLACE]``."""
    where = text(place)
    return f"{kind}:{where}" if where and not is_embedded(kind) else kind


def is_embedded(kind: str) -> bool:
    """Whether a dataset comes with Lethe's libraries, so that it has no place."""
    return kind.startswith("digits")


def has_tail(kind: str | None) -> bool:
    """Whether the train split of a dataset of this kind has a long tail that can be rotated."""
    from analysis.datasets.registry import tailed_kinds

    return kind in tailed_kinds()


def lacks_place(kind: str | None, place: str | None) -> bool:
    """Whether a dataset of this kind is nowhere without a place, and has none."""
    is_needed = bool(kind) and not is_embedded(str(kind)) and kind != "fashion-mnist"
    return is_needed and not text(place)


def variants(
    pruning: Iterable[str], levels: str | None, quantization: Iterable[str], more: Iterable[str]
) -> list[str]:
    """Write ``METHOD=LEVEL,LEVEL`` for every pruning method that takes levels, then the others."""
    from analysis.compression.registry import methods

    known = methods()
    shares = ",".join(part for part in text(levels).replace(",", " ").split())
    pruned = [
        f"{name}={shares}" if shares and known[name].takes_level else name
        for name in pruning
        if name in known
    ]
    return [*pruned, *quantization, *(one for one in map(text, more) if one)]


def is_left_out(value: Any) -> bool:
    """Whether a field was left empty; a nought is a value, to be refused where it cannot be."""
    return value is None or value is False or value in ("", [])


def text(value: str | None) -> str:
    """Return what was typed into a field, without the blanks around it."""
    return (value or "").strip()


_KINDS = {
    "digits": "1,797 real handwritten digits, embedded",
    "digits-longtail": "the digits, long-tailed in training, with planted difficulties; embedded",
    "fashion-mnist": "the publisher's four idx files; downloaded unless a folder is named",
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
    options = ["", *known] if nothing else known
    kind = st.selectbox(
        label,
        options,
        format_func=lambda one: one or nothing,
        **state.choice(form, "kind", options, usual),
        help=tip,
    )
    if kind:
        st.caption(plain(_KINDS.get(kind, "")))
    is_needed = bool(kind) and not is_embedded(kind)
    st.text_input(
        "Place",
        **state.text(form, "place"),
        disabled=not is_needed,
        placeholder="/path/on/the/server, or a name of the hub" if is_needed else "Not needed",
        help="Folder or file on the machine that this dashboard runs on, not on yours.",
    )


def corruptions(form: str) -> None:
    """Draw the fields ``corruptions`` and ``severity``."""
    from analysis.shifts.corruptions.registry import corruptions as known

    names = ["all", *known()]
    st.multiselect(
        "Corruptions",
        names,
        **state.choices(form, "corruptions", names),
        help="Also predict on the test images made worse, to see what compression costs there.",
    )
    st.select_slider(
        "Severity",
        SEVERITIES,
        **state.amount(form, "severity", 3),
        help="How much worse, from 1 to 5.",
    )


def number(form: str, owner: type, name: str, label: str, *, nothing: str | None = None) -> None:
    """Draw the field of a number that is an option of a dataclass.

    Parameters
    ----------
    owner : type
        The dataclass whose field says the tip, the smallest value and the default.
    nothing : str, optional
        What it means to leave it empty, which it is then at first.
    """
    about = option_named(owner, name)
    is_whole = about.kind is int
    least = int(about.about.least or 0) if is_whole else float(about.about.least or 0)
    st.number_input(
        label,
        min_value=least,
        step=1 if is_whole else 0.01,
        format="%d" if is_whole else "%g",
        placeholder=nothing,
        help=about.tip,
        **state.amount(form, name, None if nothing else about.default, least=least),
    )


def tick(form: str, owner: type, name: str, label: str, *, disabled: bool = False) -> None:
    """Draw the field of an option that is on or off."""
    held = state.amount(form, name, False)
    st.checkbox(label, help=option_named(owner, name).tip, disabled=disabled, **held)


def workers(form: str) -> None:
    """Draw the field ``workers``."""
    number(form, Machine, "workers", "Workers", nothing="One per core")


PART = "part"
LIST, TRAIN, IMPORT, MODELS = "cache", "new", "import", "models"
PARTS = {
    LIST: "In the cache",
    TRAIN: "Train a sweep",
    IMPORT: "Import predictions",
    MODELS: "External models",
}
