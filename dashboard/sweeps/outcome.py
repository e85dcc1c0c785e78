"""How the last command of this server ended: what it wrote, and the way to what it made."""

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from dashboard import pages
from dashboard.sweeps import launch
from dashboard.sweeps.process import State
from dashboard.text import html_text, plain

Kind = Literal["import", "models", "train"]


def kind(words: Sequence[str]) -> Kind:
    """Tell whether the words import predictions, run external models, or train."""
    if words[:1] in (["import"], ("import",)):
        return "import"
    return "models" if "--models" in words else "train"


def under_way(child: State) -> str:
    """Say what the child is about, before its sweep can be seen."""
    doing = "stopping" if child.is_stopping else "starting"
    if kind(child.words) == "import" and not child.is_stopping:
        return f"Predictions are being imported into sweep {child.name}"
    return f"Sweep {child.name} is {doing}"


def failed(child: State) -> str:
    """Say that the child failed, and why."""
    if kind(child.words) == "import":
        return f"Nothing was imported into sweep {child.name}. {child.failure}"
    return f"Sweep {child.name} stopped before its end. {child.failure}"


_DONE = {
    "import": "The predictions are in sweep {}.",
    "models": "The models of sweep {} have been run.",
}
_CHECKED = "The predictions can be imported into sweep {}; nothing was written."
_AT_MOST = 40


def show() -> None:
    """Draw how it ended; nothing while it runs, and of a sweep that was trained."""
    child = launch.state()
    if child.failure is not None:
        _failure()
    elif child.name and not child.is_running and not child.was_stopped:
        done = _CHECKED if "--check" in child.words else _DONE.get(kind(child.words))
        if done is not None:
            _done(done.format(child.name), child.name, is_there=done != _CHECKED)


def _failure() -> None:
    """Show the end of the log; the page shows above what went wrong."""
    with st.container(horizontal=True, vertical_alignment="top"):
        with st.expander("What it wrote last", icon=":material/description:"):
            st.code("\n".join(_lines()), language=None, wrap_lines=True)
        _dismiss()


def _done(what: str, name: str, *, is_there: bool) -> None:
    with st.container(border=True, key="outcome"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/check_circle: **{plain(what)}**", width="stretch")
            if is_there:
                st.page_link(
                    pages.page("overview"),
                    label="Open its Overview",
                    icon=":material/arrow_forward:",
                    query_params={"sweep": name},
                )
            _dismiss()
        with st.container(gap="xxsmall"):
            for line in _lines():
                html_text(line, role="lethe-note")


def _lines() -> list[str]:
    return launch.log().splitlines()[-_AT_MOST:]


def _dismiss() -> None:
    st.button("Dismiss", icon=":material/close:", on_click=launch.forget_ended)
