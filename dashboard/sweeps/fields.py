"""The fields of a new sweep: what can be chosen, with the usual values."""

from typing import Any

import streamlit as st

from analysis.config import SCHEDULES, Training
from dashboard import state
from dashboard.sweeps import models
from dashboard.sweeps.data_fields import corruptions, dataset, number, workers
from dashboard.text import plain

_FORM = "new-sweep"
_USUAL = Training()
_SCHEDULES = {
    "gradual": "gradual: pruned while it is trained",
    "finetune": "finetune: from the dense run, in steps, trained on after each",
    "oneshot": "oneshot: from the dense run, once, not trained on",
}
_FIELDS = (
    "kind", "place", "model", "pretrained", "pruning", "levels", "quantization", "more", "seeds",
    "epochs", "batch_size", "lr", "schedule", "paired", "corruptions", "severity", "name",
    "workers", "train_limit", "test_limit", "image_size",
)  # fmt: skip


def fields() -> dict[str, Any]:
    """Draw the fields; return what they hold, by name."""
    left, right = st.columns(2, gap="large")
    with left:
        _data()
        _model()
        _training()
    with right:
        _variants()
        _runs()
        _more()
    return state.filled(_FORM, _FIELDS)


def _data() -> None:
    st.header("Data", anchor=False)
    dataset(
        _FORM,
        "digits-longtail",
        label="Dataset",
        tip="Where the images come from: train and test images, in classes.",
    )


def _model() -> None:
    st.header("Model", anchor=False)
    chosen = state.field(_FORM, "model", models.USUAL[0])
    names = models.names()
    held = st.session_state[chosen]
    st.selectbox(
        "Model",
        names if held is None or held in names else [held, *names],
        key=chosen,
        accept_new_options=True,
        help="tiny_cnn is for images of 8 to 32 pixels; any model of timm can be searched for by "
        "its name.",
    )
    st.checkbox(
        "Start from timm's own weights",
        key=state.field(_FORM, "pretrained", False),
        help="Pretrained weights instead of random ones; they are downloaded where this machine "
        "does not have them.",
    )


def _training() -> None:
    st.header("Training", anchor=False)
    with st.container(horizontal=True):
        st.number_input(
            "Epochs",
            min_value=0,
            key=state.field(_FORM, "epochs", _USUAL.epochs),
            help="Passes over the train images, in every run.",
        )
        st.number_input(
            "Batch size",
            min_value=2,
            key=state.field(_FORM, "batch_size", _USUAL.batch_size),
            help="Images a training step.",
        )
        st.number_input(
            "Learning rate",
            min_value=0.0,
            step=0.01,
            format="%g",
            key=state.field(_FORM, "lr", _USUAL.lr),
            help="The largest one: it rises at first, then falls.",
        )
    st.selectbox(
        "Schedule",
        SCHEDULES,
        format_func=lambda one: _SCHEDULES.get(one, one),
        key=state.field(_FORM, "schedule", _USUAL.schedule),
        help="When pruning happens. Quantization always comes after training.",
    )
    st.checkbox(
        "Paired",
        key=state.field(_FORM, "paired", False),
        help="Runs of one seed share the dense run's random numbers up to the first pruning, so "
        "that less of the difference is seed noise.",
    )


def _variants() -> None:
    from analysis.compression.registry import methods

    known = methods()
    pruning = [name for name, one in known.items() if one.stage == "training"]
    quantization = [name for name, one in known.items() if one.stage != "training"]

    def described(name: str) -> str:
        return plain(f"{name}: {known[name].summary}")

    st.header("Variants", anchor=False)
    st.multiselect(
        "Pruning",
        pruning,
        key=state.field(_FORM, "pruning", ["magnitude"]),
        help="Methods that remove weights or channels: " + "; ".join(map(described, pruning)),
    )
    st.text_input(
        "Sparsities",
        key=state.field(_FORM, "levels", "0.5, 0.7, 0.9"),
        help="Shares that are removed, from 0 to 1, each a variant of every pruning method above.",
    )
    st.multiselect(
        "Quantization",
        quantization,
        key=state.field(_FORM, "quantization", ["int8-static"]),
        help="Methods that store weights in fewer bits: " + "; ".join(map(described, quantization)),
    )
    typed = state.field(_FORM, "more", [])
    st.multiselect(
        "More, as on the command line",
        list(dict.fromkeys(["magnitude=0.9+int8-static", *st.session_state[typed]])),
        key=typed,
        accept_new_options=True,
        placeholder="Such as gradient=0.8, or magnitude=0.9+int8-static",
        help="METHOD=LEVEL,LEVEL; A=0.9+B prunes first and quantizes then.",
    )


def _runs() -> None:
    st.header("Runs", anchor=False)
    with st.container(horizontal=True):
        st.number_input(
            "Seeds a variant",
            min_value=1,
            key=state.field(_FORM, "seeds", 10),
            help="Models that are trained of every variant. Ten tell compression from seed noise "
            "well; with fewer than four no test can.",
        )
        workers(_FORM, "Processes that train at the same time.")
    st.text_input(
        "Name",
        key=state.field(_FORM, "name", ""),
        placeholder="After dataset and model",
        help="Folder of the sweep in the cache. The name of one that is there, with the same "
        "options, extends it.",
    )


def _more() -> None:
    with st.expander("Corruptions, and fewer or smaller images", icon=":material/tune:"):
        corruptions(_FORM)
        with st.container(horizontal=True):
            for name, label, text in (
                ("train_limit", "Train images", "At most so many, the classes in proportion."),
                ("test_limit", "Test images", "At most so many, the classes in proportion."),
                ("image_size", "Input pixels", "Side of the pictures that the model is given."),
            ):
                nothing = "All" if "limit" in name else "The model's own"
                number(_FORM, name, label, nothing=nothing, tip=text)
