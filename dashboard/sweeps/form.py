"""The form of a sweep that is trained here: the demo, its fields, and its command."""

import streamlit as st

from dashboard import data, state
from dashboard.sweeps import asked, command_panel, launch
from dashboard.sweeps.command_panel import Trial
from dashboard.sweeps.fields import fields
from dashboard.sweeps.parts import LIST, PART

_THERE = (
    "With the same options it gets the seeds and variants it lacks; with others it is left alone, "
    "and a name is asked for."
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
    given = asked.options(fields())
    command = command_panel.checked(asked.words(given), lambda: asked.checked(given).name)
    command_panel.show(command, there=_THERE, trial=_TRIAL)


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


def _start_demo() -> None:
    if command_panel.tried(lambda: launch.start_demo(data.cache_root())):
        state.put_local(PART, LIST)
