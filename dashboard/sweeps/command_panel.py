"""The command that a form stands for, with its estimate and its start: for every form."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from analysis.errors import LetheError
from analysis.sweep.command import written
from dashboard import data, state
from dashboard.shell import tell
from dashboard.sweeps import launch
from dashboard.sweeps.fields import LIST, PART
from dashboard.text import plain

_REFUSED = "sweep-refused"


@dataclass(frozen=True)
class Command:
    """Words of a command and the sweep they make, or what keeps them from being started.

    ``lacking`` says what is not filled in yet, ``problem`` what cannot be.
    """

    words: list[str]
    name: str | None = None
    problem: str | None = None
    lacking: str | None = None


@dataclass(frozen=True)
class Trial:
    """The button that tries the command out without writing anything."""

    label: str
    tip: str


def checked(words: list[str], name_of: Callable[[], str], lacking: str | None = None) -> Command:
    """Return a command, checked by what names its sweep unless something is lacking."""
    if lacking is not None:
        return Command(words, lacking=lacking)
    try:
        return Command(words, name_of())
    except LetheError as problem:
        return Command(words, problem=str(problem))


def show(
    command: Command,
    *,
    there: str,
    trial: Trial | None = None,
    start: Callable[[str, list[str]], None] | None = None,
) -> None:
    """Draw the command and its buttons.

    Parameters
    ----------
    there
        What is said where a sweep of this name is in the cache.
    trial
        The estimate, where there is one.
    start
        Starts the sweep of a name by these words; :func:`launch.start` by default.
    """
    words, name = command.words, command.name
    st.header("The command", anchor=False)
    st.code(written(words), language="bash", wrap_lines=True)
    if command.problem is not None:
        tell(command.problem)
    refused = state.recall(_REFUSED)
    if refused:
        tell(refused)
        state.remember(_REFUSED, None)
    if name is not None and name in {one.name for one in data.sweep_states()}:
        st.info(plain(f"A sweep {name} is there already. {there}"), icon=":material/info:")
    child, is_trying = launch.state(), launch.estimate()[0].is_running
    with st.container(horizontal=True, vertical_alignment="center"):
        if trial is not None:
            st.button(
                trial.label,
                icon=":material/timer:",
                disabled=name is None or is_trying,
                help=trial.tip,
                on_click=_try_out,
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
            args=(start or _plainly, name, words),
            key="start",
        )
        if child.is_running:
            st.caption(plain(f"Sweep {child.name} is under way; there is one at a time."))
        elif command.lacking is not None:
            st.caption(plain(command.lacking))
    if trial is not None:
        st.fragment(_tried_out, run_every=1.0 if is_trying else None)(words)


def _tried_out(words: list[str]) -> None:
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


def _try_out(name: str, words: list[str]) -> None:
    tried(lambda: launch.start_estimate(data.cache_root(), name, words))


def _plainly(name: str, words: list[str]) -> None:
    launch.start(data.cache_root(), name, words)


def _start(start: Callable[[str, list[str]], None], name: str, words: list[str]) -> None:
    if tried(lambda: start(name, words)):
        state.put_local(PART, LIST)


def tried(act: Callable[[], Any]) -> bool:
    """Do something; where it is refused, keep the reason to be told by the form."""
    try:
        act()
    except LetheError as problem:
        state.remember(_REFUSED, str(problem))
        return False
    return True
