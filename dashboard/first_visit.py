"""The page for a first visitor: what Lethe is, and three ways in."""

import streamlit as st

from dashboard import data, pages, permissions
from dashboard.commands import typed
from dashboard.sweeps import fields, launch

_WHAT = (
    "Lethe shows what a compressed vision model forgot: the images and classes on which it now "
    "says something else than the model it was made from. It tells what compression did from what "
    "another random seed would have done anyway."
)
_DEMO = "Below is the demo: small models of handwritten digits, trained and compressed here."
_WAYS = (
    (
        fields.MODELS,
        "Your own models",
        "ONNX, torch.export, timm or a Python function, run on your test images.",
        ("sweep", "--name", "NAME", "--dataset", "folder:DIR",
         "--models", "dense=MODEL", "int8=MODEL"),
    ),
    (
        fields.IMPORT,
        "Predictions made elsewhere",
        "CSV, Parquet, JSON lines or NumPy files; no model is needed.",
        ("import", "FILE", "--name", "NAME"),
    ),
    (
        fields.TRAIN,
        "Train a sweep here",
        "Models of several seeds, pruned and quantized on a dataset of your choice.",
        ("sweep", "--name", "NAME", "--dataset", "folder:DIR", "--model", "resnet18",
         "--variants", "magnitude=0.5,0.9"),
    ),
)  # fmt: skip


def is_first() -> bool:
    """Whether the cache holds the demo alone, or nothing."""
    return {one.name for one in data.sweep_states()} <= {launch.DEMO}


def show(*, with_demo: bool) -> None:
    """Say what Lethe is, and lead to three ways in.

    Parameters
    ----------
    with_demo
        Whether the demo is what the page shows.
    """
    with st.container(border=True, key="first-visit"):
        st.markdown(f"{_WHAT} {_DEMO}" if with_demo else _WHAT)
        with st.container(horizontal=True, gap="medium"):
            for part, label, about, words in _WAYS:
                with st.container(width=340, gap="xxsmall", key=f"way-{part}"):
                    if permissions.is_read_only():
                        st.markdown(f"**{label}**")
                        st.code(typed(words), language="bash", wrap_lines=True)
                    else:
                        st.page_link(
                            pages.page("sweeps"),
                            label=f"**{label}**",
                            icon=":material/arrow_forward:",
                            query_params={fields.PART: part},
                        )
                    st.caption(about)
