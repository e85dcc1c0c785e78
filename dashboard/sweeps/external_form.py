"""The form of external models: files and names on the server's machine, run over a dataset."""

from collections.abc import Mapping

import streamlit as st

from analysis.config import Sweep
from analysis.external.options import NORMALIZATIONS, ExternalModelsConfig
from analysis.options import option_named
from dashboard import permissions, state
from dashboard.sweeps import command_panel, external_options, fields
from dashboard.sweeps.command_panel import Trial
from dashboard.sweeps.external_options import FEEDING, NUMBERS, OF, OTHERS, OUTPUTS, OWN_NUMBERS
from dashboard.sweeps.fields import corruptions, dataset, number, workers

FORM = "given"
_FIELDS = (
    "models", "kind", "place", "normalize", *NUMBERS, "name", "paired", "train_limit",
    "test_limit", "corruptions", "severity", "workers", "session_option",
    *FEEDING, *OUTPUTS, *OTHERS,
)  # fmt: skip
_NORMALIZATIONS = {
    "": "As the model says, else as the training pixels",
    "imagenet": "imagenet: mean and standard deviation of ImageNet",
    "none": "none: pixels from 0 to 1",
    "dataset": "dataset: mean and standard deviation of the training pixels",
    "0.5": "0.5: minus 0.5 over 0.5",
    OWN_NUMBERS: "Mean and standard deviation as written below",
}
_AS_MODEL = "As the model says"
_RESIZES = {
    "crop": "crop the centre",
    "squash": "squash both sides",
    "pad": "pad with black",
}
_SCORES = {"auto": "As the values look", "labels": "labels: class ids, no scores"}
_SPLITS = {"": "The test split, else all", "all": "All", "test": "Test", "train": "Train"}
_THERE = (
    "With the same dataset and options it gets the models that it lacks, named beside its dense "
    "one; with others it is left alone."
)
_TRIAL = Trial(
    "Try the models",
    "Say of each model what it takes and gives, on some images: the same as --dry-run. Nothing is "
    "written.",
)
_CHECK = "Check how the models are fed"
_CHECK_TIP = (
    "Feed the dense model in every likely other way on the same images, and name a way that is "
    "significantly better, as the options to type: the same as doctor. Nothing is written."
)
_CODE = "module:function and .pt2 can run code on the server's machine: name only what you trust."
_NO_CODE = (
    "Others may reach this dashboard, so module:function and .pt2, which can run code on the "
    "server's machine, are given on the command line alone."
)


def show() -> None:
    """Draw the form, and beneath it the command, its trials and its start."""
    st.caption(
        "Run existing models on the images of a dataset: a file .onnx, .tflite, .xml or .pt2, a "
        "folder of Hugging Face, timm:NAME or timm:NAME:CHECKPOINT, or module:function. They are "
        "on the server's machine; nothing is uploaded, since a model can be code."
    )
    left, right = st.columns(2, gap="large")
    with left:
        _models()
        _images()
        _sweep()
    with right:
        _feeding()
        _outputs()
    filled = state.filled(FORM, _FIELDS)
    options = external_options.options(filled)
    words = external_options.words(options)
    command = command_panel.checked(
        words,
        lambda: external_options.checked(options),
        external_options.lacking(filled, options),
    )
    check = Trial(
        _CHECK,
        _CHECK_TIP,
        icon=":material/stethoscope:",
        words=external_options.doctor_words(options),
        take=_take,
    )
    command_panel.show(command, there=_THERE, trials=(_TRIAL, check))


def _take(advised: list[str]) -> None:
    for name, value in external_options.filled_by(advised).items():
        state.fill(FORM, name, value)


def _models() -> None:
    st.header("Models", anchor=False)
    st.text_area(
        "VARIANT=MODEL, one per line",
        **state.text(FORM, "models"),
        placeholder="dense=/models/net.onnx\nint8=/models/net-int8.onnx",
        help="dense is the uncompressed model and must be there. Several runs of a variant take a "
        "seed each: dense@0=a.onnx, dense@1=b.onnx.",
    )
    st.caption(_CODE if permissions.may_run_code() else _NO_CODE)


def _images() -> None:
    st.header("Images", anchor=False)
    dataset(
        FORM,
        "folder",
        label="Dataset",
        tip="Its test images are what the models see. Its classes, in its order (of a folder "
        "sorted names), must be those of the models, unless their names are given below.",
    )
    with st.container(horizontal=True):
        _choice("split", "Split", _SPLITS)
        number(FORM, ExternalModelsConfig, "max_value", "White of grey images", nothing="Found")
    with st.expander("Corruptions, and fewer images", icon=":material/tune:"):
        corruptions(FORM)
        with st.container(horizontal=True):
            number(FORM, Sweep, "train_limit", "Train images", nothing="All")
            number(FORM, Sweep, "test_limit", "Test images", nothing="All")


def _feeding() -> None:
    st.header("Preprocessing", anchor=False)
    options = ["", *NORMALIZATIONS, OWN_NUMBERS]
    chosen = st.selectbox(
        "Normalization",
        options,
        format_func=lambda one: _NORMALIZATIONS.get(one, one),
        **state.choice(FORM, "normalize", options, ""),
        help="What the models were trained with; it stands in no ONNX file.",
    )
    with st.container(horizontal=True):
        for name, label in (("mean", "Mean"), ("std", "Standard deviation")):
            st.text_input(
                label,
                **state.text(FORM, name),
                disabled=chosen != OWN_NUMBERS,
                placeholder="Such as 0.49 0.48 0.45" if chosen == OWN_NUMBERS else "Not needed",
                help="One number or three, of pixels from 0 to 1.",
            )
    left, right = st.columns(2)
    with left:
        _choice("pixels", "Range of values", {})
    with right:
        _choice("channels", "Order of colours", {"rgb": "RGB", "bgr": "BGR"})
    left, right = st.columns(2)
    with left:
        _choice("resize", "Other sizes", _RESIZES)
    with right:
        number(FORM, OF["crop_pct"], "crop_pct", "Share kept by the crop", nothing=_AS_MODEL)
    left, right = st.columns(2)
    with left:
        _choice("interpolation", "Interpolation", {})
    with right:
        number(FORM, OF["input_size"], "input_size", "Input pixels", nothing=_AS_MODEL)
    _choice("layout", "Order of axes", {})


def _outputs() -> None:
    st.header("Outputs and classes", anchor=False)
    left, right = st.columns(2)
    with left:
        _choice("scores", "Scores are", _SCORES)
    with right:
        _words("output", "Output", "The only one, or the scores")
    left, right = st.columns(2)
    with left:
        _words("classes", "Names of the outputs", "/path/on/the/server")
    with right:
        number(FORM, OF["label_offset"], "label_offset", "Outputs before the first class")
    number(FORM, OF["dense_top1"], "dense_top1", "Known accuracy of dense, %", nothing="Not known")
    fields.tick(FORM, OF["only_labelled"], "only_labelled", "Only classes with images")
    fields.tick(FORM, OF["accept_classes"], "accept_classes", "Accept the order of the classes")


def _choice(name: str, label: str, words: Mapping[str, str]) -> None:
    """Draw the field of an option with choices; empty, as each model says itself."""
    about, first = external_options.about(name), external_options.default(name)
    options = [*([""] if first == "" else []), *about.about.choices]
    st.selectbox(
        label,
        options,
        format_func=lambda one: words.get(one, one or _AS_MODEL),
        **state.choice(FORM, name, options, first),
        help=about.tip,
    )


def _words(name: str, label: str, placeholder: str) -> None:
    st.text_input(
        label,
        **state.text(FORM, name),
        placeholder=placeholder,
        help=external_options.about(name).tip,
    )


def _sweep() -> None:
    st.header("Sweep", anchor=False)
    with st.container(horizontal=True):
        st.text_input(
            "Name",
            **state.text(FORM, "name"),
            placeholder="After the dataset",
            help="Folder of the sweep in the cache. The name of one that is there, "
            "with the same options, extends it.",
        )
        workers(FORM)
    st.checkbox(
        "Paired",
        **state.amount(FORM, "paired", False),
        help="Seed k of every variant was made from seed k of dense, as a quantized copy is.",
    )
    with st.expander("Options of the runtime", icon=":material/settings:"):
        number(FORM, ExternalModelsConfig, "time_limit", "Seconds for an image")
        st.text_area(
            "[VARIANT:]KEY=VALUE, one per line",
            **state.text(FORM, "session_option"),
            placeholder="intra_op_num_threads=1\nint8:graph_optimization_level=disable_all",
            help=option_named(ExternalModelsConfig, "session_option").tip,
        )
