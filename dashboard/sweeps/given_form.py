"""The form of given models: files and names on the server's machine, run over a dataset."""

import streamlit as st

from analysis.given.asked import NORMALIZATIONS
from dashboard import permissions, state
from dashboard.sweeps import asked_given, command_panel
from dashboard.sweeps.asked_given import OWN_NUMBERS
from dashboard.sweeps.command_panel import Trial
from dashboard.sweeps.data_fields import corruptions, dataset, number, workers

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
    given = asked_given.options(filled)
    command = command_panel.checked(
        asked_given.words(given),
        lambda: asked_given.checked(given),
        asked_given.lacking(filled, given),
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
        number(
            FORM,
            "input_size",
            "Input pixels",
            nothing="As the model says",
            tip="Side of the pictures, for models that take any size.",
        )


def _sweep() -> None:
    st.header("Sweep", anchor=False)
    with st.container(horizontal=True):
        st.text_input(
            "Name",
            key=state.field(FORM, "name", ""),
            placeholder="After the dataset",
            help="Folder of the sweep in the cache. The name of one of given models that is there, "
            "with the same options, extends it.",
        )
        workers(FORM, "Processes that run models at the same time.")
    st.checkbox(
        "Paired",
        key=state.field(FORM, "paired", False),
        help="Seed k of every variant was made from seed k of dense, as a quantized copy is.",
    )


def _limits() -> None:
    with st.container(horizontal=True):
        for name, label, tip in (
            ("train_limit", "Train images", "Of which the mean and standard deviation are taken."),
            ("test_limit", "Test images", "At most so many, the classes in proportion."),
        ):
            number(FORM, name, label, nothing="All", tip=tip)
