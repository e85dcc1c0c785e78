"""The form of external models: files and names on the server's machine, run over a dataset."""

from typing import Any

import streamlit as st

from analysis.cli.external_models import asked_from
from analysis.config import Sweep
from analysis.external.options import NORMALIZATIONS, FeedingOptions
from analysis.store.manifest import Manifest
from analysis.sweep.command import option_words
from dashboard import permissions, state
from dashboard.sweeps import command_panel, fields, trust
from dashboard.sweeps.command_panel import Trial
from dashboard.sweeps.fields import corruptions, dataset, number, workers

OWN_NUMBERS = "own"
_SIZES = ("input_size", "train_limit", "test_limit")
_LISTS = ("mean", "std")


def options(filled: dict[str, Any]) -> dict[str, Any]:
    """Options of the command from the fields of the form, what is left out left out."""
    normalize = filled["normalize"]
    given = {
        "name": fields.text(filled["name"]),
        "dataset": fields.spec(filled["kind"], filled["place"]),
        "normalize": None if normalize == OWN_NUMBERS else normalize,
        **{name: filled[name] for name in (*_SIZES, "paired", "workers")},
        "corruptions": [f"{name}={filled['severity']}" for name in filled["corruptions"]],
    }
    if normalize == OWN_NUMBERS:
        given |= {name: _numbers(filled[name]) for name in _LISTS}
    given["models"] = [line.strip() for line in (filled["models"] or "").splitlines()]
    given["models"] = [line for line in given["models"] if line]
    return {name: value for name, value in given.items() if not fields.is_left_out(value)}


def words(given: dict[str, Any]) -> list[str]:
    """Words of the command with these options, verb first."""
    plain = {name: value for name, value in given.items() if name not in (*_LISTS, "models")}
    found = option_words(plain)
    for name in (*_LISTS, "models"):
        if name in given:
            found += [f"--{name}", *map(str, given[name])]
    return found


def checked(given: dict[str, Any]) -> str:
    """Return the name of the sweep.

    Raises
    ------
    UserError
        What the command line would say before it looks at data and models; or a model is code,
        which this dashboard does not run.
    """
    name = asked_from(given).name
    trust.check(words(given))
    return name


def lacking(filled: dict[str, Any], given: dict[str, Any]) -> str | None:
    """Say what is not filled in yet; None where all is."""
    if "models" not in given:
        return "The models are still missing."
    if fields.lacks_place(filled["kind"], filled["place"]):
        return "The place of the dataset is still missing."
    return None


def filled_from(manifest: Manifest) -> dict[str, Any]:
    """Return what the form says of a sweep of external models, to be started again or added to.

    What the form cannot hold, as a damaged manifest may say it, is left at its default.

    Raises
    ------
    UserError
        What the manifest says of its models cannot be read.
    """
    from analysis.datasets import dataset_kinds

    said = manifest.config.options
    kind, _, place = str(said.get("dataset", "")).partition(":")
    numbers = {name: said.get(name) for name in _LISTS}
    has_numbers = all(isinstance(values, list) for values in numbers.values())
    normalize = OWN_NUMBERS if has_numbers else said.get("normalize")
    return {
        "name": manifest.name,
        "kind": kind if kind in dataset_kinds() else "folder",
        "place": place,
        "normalize": normalize if normalize in (*NORMALIZATIONS, OWN_NUMBERS) else "",
        **{name: " ".join(map(str, numbers[name] or [])) if has_numbers else "" for name in _LISTS},
        **{name: _size(said.get(name)) for name in _SIZES},
        "paired": said.get("paired") is True,
        "models": "\n".join(trust.models_of(manifest)),
    }


def _size(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def _numbers(text: str | None) -> list[float | str]:
    return [_number(one) for one in fields.text(text).replace(",", " ").split()]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


FORM = "given"
_FIELDS = (
    "models", "kind", "place", "normalize", "mean", "std", "input_size", "name", "paired",
    "train_limit", "test_limit", "corruptions", "severity", "workers",
)  # fmt: skip
_NORMALIZATIONS = {
    "": "What the model says, else as the training pixels",
    "imagenet": "imagenet: mean and standard deviation of ImageNet",
    "none": "none: pixels from 0 to 1",
    "dataset": "dataset: mean and standard deviation of the training pixels",
    "0.5": "0.5: minus 0.5 over 0.5",
    OWN_NUMBERS: "Mean and standard deviation as written below",
}
_THERE = (
    "With the same dataset and options it gets the models that it lacks, named beside its dense "
    "one; with others it is left alone."
)
_TRIAL = Trial(
    "Try the models",
    "Say of each model what it takes and gives, on some images: the same as --dry-run. Nothing is "
    "written.",
)
_CODE = "module:function and .pt2 can run code on the server's machine: name only what you trust."
_NO_CODE = (
    "Others may reach this dashboard, so module:function and .pt2, which can run code on the "
    "server's machine, are given on the command line alone."
)


def show() -> None:
    """Draw the form, and beneath it the command, its trial and its start."""
    st.caption(
        "Models that are there already are run over the test images of a dataset: a file .onnx, "
        "timm:NAME or timm:NAME:CHECKPOINT, a file .pt2, or module:function. They lie on the "
        "server's machine; nothing is uploaded, since a model can be code."
    )
    left, right = st.columns(2, gap="large")
    with left:
        _models()
        _data()
    with right:
        _sweep()
        _input()
        with st.expander("Corruptions, and fewer images", icon=":material/tune:"):
            corruptions(FORM)
            _limits()
    filled = state.filled(FORM, _FIELDS)
    given = options(filled)
    command = command_panel.checked(
        words(given),
        lambda: checked(given),
        lacking(filled, given),
    )
    command_panel.show(command, there=_THERE, trial=_TRIAL)


def _models() -> None:
    st.header("Models", anchor=False)
    st.text_area(
        "VARIANT=MODEL, one a line",
        key=state.field(FORM, "models", ""),
        placeholder="dense=/models/net.onnx\nint8=/models/net-int8.onnx",
        help="dense is the uncompressed model and must be there. Several runs of a variant take a "
        "seed each: dense@0=a.onnx, dense@1=b.onnx.",
    )
    st.caption(_CODE if permissions.may_run_code() else _NO_CODE)


def _data() -> None:
    st.header("Data", anchor=False)
    dataset(
        FORM,
        "folder",
        label="Dataset",
        tip="Its test images are what the models see. Its classes, in its order (of a folder "
        "sorted names), must be those of the models.",
    )


def _input() -> None:
    st.header("Input", anchor=False)
    chosen = st.selectbox(
        "Normalization",
        ["", *NORMALIZATIONS, OWN_NUMBERS],
        format_func=lambda one: _NORMALIZATIONS.get(one, one),
        key=state.field(FORM, "normalize", ""),
        help="What the models were trained with; it stands in no ONNX file.",
    )
    with st.container(horizontal=True):
        for name, label in (("mean", "Mean"), ("std", "Standard deviation")):
            st.text_input(
                label,
                key=state.field(FORM, name, ""),
                disabled=chosen != OWN_NUMBERS,
                placeholder="Such as 0.49 0.48 0.45" if chosen == OWN_NUMBERS else "Not needed",
                help="One number or three, of pixels from 0 to 1.",
            )
        number(FORM, FeedingOptions, "input_size", "Input pixels", nothing="As the model says")


def _sweep() -> None:
    st.header("Sweep", anchor=False)
    with st.container(horizontal=True):
        st.text_input(
            "Name",
            key=state.field(FORM, "name", ""),
            placeholder="After the dataset",
            help="Folder of the sweep in the cache. The name of one that is there, "
            "with the same options, extends it.",
        )
        workers(FORM)
    st.checkbox(
        "Paired",
        key=state.field(FORM, "paired", False),
        help="Seed k of every variant was made from seed k of dense, as a quantized copy is.",
    )


def _limits() -> None:
    with st.container(horizontal=True):
        number(FORM, Sweep, "train_limit", "Train images", nothing="All")
        number(FORM, Sweep, "test_limit", "Test images", nothing="All")
