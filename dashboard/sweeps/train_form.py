"""The form of a sweep that is trained here: the demo, the fields with usual values, the command."""

import os
import subprocess
import sys
from concurrent.futures import Future
from functools import cache
from threading import Thread
from typing import Any

import streamlit as st

from analysis.config import SCHEDULES, Sweep, Training
from dashboard import data, state
from dashboard.sweeps import command_panel, fields, launch
from dashboard.sweeps.command_panel import Trial
from dashboard.sweeps.fields import (
    LIST,
    PART,
    corruptions,
    dataset,
    has_tail,
    number,
    tick,
    workers,
)
from dashboard.sweeps.process import python_path
from dashboard.text import plain

# What is offered while the list is being made, and where it cannot be.
USUAL = ("tiny_cnn", "resnet18", "resnet50", "mobilenetv3_small_100", "efficientnet_b0",
         "convnext_tiny", "vit_tiny_patch16_224")  # fmt: skip
_PATIENCE = 120.0


def model_names() -> list[str]:
    """Return the usual models first, then every other name once the list has been made."""
    names = _names()
    found = names.result() if names.done() else []
    return [*USUAL, *(name for name in found if name not in USUAL)]


@cache
def _names() -> "Future[list[str]]":
    future: Future[list[str]] = Future()
    Thread(target=_ask, args=(future,), daemon=True).start()
    return future


def _ask(future: "Future[list[str]]") -> None:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "analysis.models"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": python_path()},
            timeout=_PATIENCE,
            check=False,
        )
        future.set_result(done.stdout.decode("utf-8", "replace").split())
    except (OSError, subprocess.TimeoutExpired):
        future.set_result([])


_FORM = "new-sweep"
_USUAL = Training()
_SCHEDULES = {
    "gradual": "gradual: pruned while it is trained",
    "finetune": "finetune: from the dense run, in steps, trained on after each",
    "oneshot": "oneshot: from the dense run, once, not trained on",
}
_FIELDS = (
    "kind", "place", "rotate_tail", "model", "pretrained", "pruning", "levels", "quantization",
    "more", "seeds", "epochs", "batch_size", "lr", "schedule", "paired", "distill",
    "corruptions", "severity", "name", "workers", "train_limit", "test_limit", "image_size",
)  # fmt: skip


def filled_fields() -> dict[str, Any]:
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
    kind = state.filled(_FORM, ("kind",))["kind"]
    tick(_FORM, Sweep, "rotate_tail", "Rotate the long tail", disabled=not has_tail(kind))


def _model() -> None:
    st.header("Model", anchor=False)
    known = model_names()
    held = st.session_state[state.field(_FORM, "model", USUAL[0])]
    options = known if held is None or held in known else [held, *known]
    st.selectbox(
        "Model",
        options,
        **state.choice(_FORM, "model", options, USUAL[0]),
        accept_new_options=True,
        help="tiny_cnn is for images of 8 to 32 pixels; any model of timm can be searched for by "
        "its name.",
    )
    tick(_FORM, Sweep, "pretrained", "Start from timm's own weights")


def _training() -> None:
    st.header("Training", anchor=False)
    with st.container(horizontal=True):
        number(_FORM, Training, "epochs", "Epochs")
        number(_FORM, Training, "batch_size", "Batch size")
        number(_FORM, Training, "lr", "Learning rate")
    st.selectbox(
        "Schedule",
        SCHEDULES,
        format_func=lambda one: _SCHEDULES.get(one, one),
        **state.choice(_FORM, "schedule", SCHEDULES, _USUAL.schedule),
        help="When pruning happens. Quantization always comes after training.",
    )
    tick(_FORM, Training, "paired", "Paired")
    number(_FORM, Training, "distill", "Distillation")


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
        **state.choices(_FORM, "pruning", pruning, ["magnitude"]),
        help="Methods that remove weights or channels: " + "; ".join(map(described, pruning)),
    )
    st.text_input(
        "Sparsities",
        **state.text(_FORM, "levels", "0.5, 0.7, 0.9"),
        help="Shares that are removed, from 0 to 1, each a variant of every pruning method above.",
    )
    st.multiselect(
        "Quantization",
        quantization,
        **state.choices(_FORM, "quantization", quantization, ["int8-static"]),
        help="Methods that store weights in fewer bits: " + "; ".join(map(described, quantization)),
    )
    typed = st.session_state[state.field(_FORM, "more", [])]
    written = list(dict.fromkeys(["magnitude=0.9+int8-static", *typed]))
    st.multiselect(
        "More, as on the command line",
        written,
        **state.choices(_FORM, "more", written),
        accept_new_options=True,
        placeholder="Such as gradient=0.8, or magnitude=0.9+int8-static",
        help="METHOD=LEVEL,LEVEL; A=0.9+B prunes first and quantizes then.",
    )


def _runs() -> None:
    st.header("Runs", anchor=False)
    with st.container(horizontal=True):
        st.number_input(
            "Seeds per variant",
            min_value=1,
            **state.amount(_FORM, "seeds", 10),
            help="Models that are trained of every variant. Ten tell compression from seed noise "
            "well; with fewer than four no test can.",
        )
        workers(_FORM)
    st.text_input(
        "Name",
        **state.text(_FORM, "name"),
        placeholder="After dataset and model",
        help="Folder of the sweep in the cache. The name of one that is there, with the same "
        "options, extends it.",
    )


def _more() -> None:
    with st.expander("Corruptions, and fewer or smaller images", icon=":material/tune:"):
        corruptions(_FORM)
        with st.container(horizontal=True):
            number(_FORM, Sweep, "train_limit", "Train images", nothing="All")
            number(_FORM, Sweep, "test_limit", "Test images", nothing="All")
            number(_FORM, Sweep, "image_size", "Input pixels", nothing="The model's own")


_THERE = (
    "With the same options it gets the seeds and variants it lacks; with others it is left alone, "
    "and another name is needed."
)
_TRIAL = Trial(
    "Estimate",
    "Try the model out for some seconds and say what the sweep takes: the same as --dry-run. "
    "Nothing is written.",
)


def show() -> None:
    """Draw the form, and beneath it the command and what can be done with it."""
    st.caption(
        "One sweep runs at a time, as a process beside this server: it goes on while you look "
        "elsewhere or close the browser, and ends with the server. What it has finished stays."
    )
    _demo()
    options = fields.options(filled_fields())
    command = command_panel.checked(fields.words(options), lambda: fields.checked(options).name)
    command_panel.show(command, there=_THERE, trials=(_TRIAL,))


def _demo() -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            "**The demo**: 80 runs on handwritten digits, about a minute on two cores.",
            width="stretch",
        )
        states = {one.name: one for one in data.sweep_states()}
        is_made = launch.DEMO in states and states[launch.DEMO].is_complete
        st.button(
            "Made already" if is_made else "Start the demo",
            icon=":material/check:" if is_made else ":material/play_arrow:",
            disabled=is_made or launch.state().is_running,
            on_click=_start_demo,
            key="start-demo",
        )


def _start_demo() -> None:
    if command_panel.tried(lambda: launch.start_demo(data.cache_root())):
        state.put_local(PART, LIST)
