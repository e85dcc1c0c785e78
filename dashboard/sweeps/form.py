"""The form of a new sweep: its fields, the command, what it would take, and its start."""

from typing import Any

import streamlit as st

from analysis.command import written
from analysis.errors import LetheError
from dashboard import data, state
from dashboard.problems import tell
from dashboard.sweeps import asked, launch
from dashboard.sweeps.fields import fields
from dashboard.text import plain

PART, LIST, NEW = "part", "cache", "new"
_REFUSED = "sweep-refused"


def show() -> None:
    """Draw the form, and beneath it the command and what can be done with it."""
    st.caption(
        "One sweep runs at a time, as a process beside this server: it goes on while you look "
        "elsewhere or close the browser, and ends with the server. What it has finished stays."
    )
    _demo()
    _command(asked.options(fields()))


def _demo() -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            "**The demo**: 80 runs on handwritten digits, about a minute on two cores.",
            width="stretch",
        )
        states = {one.name: one for one in data.sweep_states()}
        is_made = launch.DEMO in states and states[launch.DEMO].is_complete
        st.button(
            "It is made already" if is_made else "Start the demo",
            icon=":material/check:" if is_made else ":material/play_arrow:",
            disabled=is_made or launch.state().is_running,
            on_click=_start_demo,
            key="start-demo",
        )


def _command(given: dict[str, Any]) -> None:
    words = asked.words(given)
    st.header("The command", anchor=False)
    st.code(written(words), language="bash", wrap_lines=True)
    name = None
    try:
        name = asked.checked(given).name
    except LetheError as problem:
        tell(str(problem))
    refused = state.recall(_REFUSED)
    if refused:
        tell(refused)
        state.remember(_REFUSED, None)
    child = launch.state()
    if name is not None and name in {one.name for one in data.sweep_states()}:
        st.info(
            plain(
                f"A sweep {name} is there already. With the same options it gets the seeds and "
                "variants it lacks; with others it is left alone, and a name is asked for."
            ),
            icon=":material/info:",
        )
    is_estimating = launch.estimate()[0].is_running
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Estimate",
            icon=":material/timer:",
            disabled=name is None or is_estimating,
            help="Try the model out for some seconds and say what the sweep takes: the same as "
            "--dry-run. Nothing is written.",
            on_click=_estimate,
            args=(name, words),
            key="estimate",
        )
        st.button(
            "Start",
            type="primary",
            icon=":material/play_arrow:",
            disabled=name is None or child.is_running,
            help="Run the command above beside this server.",
            on_click=_start,
            args=(name, words),
            key="start",
        )
        if child.is_running:
            st.caption(plain(f"Sweep {child.name} is under way; there is one at a time."))
    st.fragment(_estimated, run_every=1.0 if is_estimating else None)(words)


def _estimated(words: list[str]) -> None:
    """Say what the estimate said, where it is of these options."""
    estimate, said = launch.estimate()
    if estimate.is_running:
        state.remember("was-estimating", True)
        box = st.status(
            plain(f"Trying out sweep {estimate.name} for some seconds"),
            state="running",
            expanded=True,
        )
        box.button(
            "Stopping" if estimate.is_stopping else "Give up",
            disabled=estimate.is_stopping,
            on_click=launch.stop_estimate,
            key="estimate-stop",
        )
        return
    if state.recall("was-estimating"):
        state.remember("was-estimating", False)
        st.rerun()
    if list(estimate.words[: len(words)]) != words:
        return
    if estimate.failure is not None:
        tell(estimate.failure)
    elif estimate.was_stopped:
        st.caption("The estimate was given up, by hand or after three minutes.")
    else:
        st.code(said.strip(), language=None, wrap_lines=True)


def _estimate(name: str, words: list[str]) -> None:
    _tried(lambda: launch.start_estimate(data.cache_root(), name, words))


def _start(name: str, words: list[str]) -> None:
    if _tried(lambda: launch.start(data.cache_root(), name, words)):
        state.put_local(PART, LIST)


def _start_demo() -> None:
    if _tried(lambda: launch.start_demo(data.cache_root())):
        state.put_local(PART, LIST)


def _tried(act: Any) -> bool:
    try:
        act()
    except LetheError as problem:
        state.remember(_REFUSED, str(problem))
        return False
    return True
