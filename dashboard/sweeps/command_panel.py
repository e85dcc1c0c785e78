"""The command that a form stands for, with its trials and its start: for every form."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from analysis.errors import LetheError
from dashboard import data, state
from dashboard.commands import typed
from dashboard.shell import tell
from dashboard.sweeps import launch
from dashboard.sweeps.fields import LIST, PART
from dashboard.sweeps.process import State
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
    """A button that tries the command out without writing anything.

    ``words`` are those of its own command, verb first, where it is not the dry run of the command
    itself; exit status 1 of it says that it found something. ``take`` fills the options in that it
    advises.
    """

    label: str
    tip: str
    icon: str = ":material/timer:"
    words: list[str] | None = None
    take: Callable[[list[str]], None] | None = None


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
    trials: Sequence[Trial] = (),
    start: Callable[[str, list[str]], None] | None = None,
) -> None:
    """Draw the command and its buttons.

    Parameters
    ----------
    there
        Message where a sweep of this name is in the cache.
    trials
        What can be tried before; one at a time.
    start
        Starts the sweep of a name by these words; :func:`launch.start` by default.
    """
    words, name = command.words, command.name
    st.header("The command", anchor=False)
    st.code(typed(words), language="bash", wrap_lines=True)
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
        for trial in trials:
            st.button(
                trial.label,
                icon=trial.icon,
                disabled=name is None or is_trying,
                help=trial.tip,
                on_click=_try_out,
                args=(name, trial.words or words, trial.words is None),
                key="estimate" if trial.words is None else f"try-{trial.words[0]}",
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
    if trials:
        of = [(trial.words or words, trial) for trial in trials]
        st.fragment(_tried_out, run_every=1.0 if is_trying else None)(of)


def _tried_out(commands: list[tuple[list[str], Trial]]) -> None:
    """Show the output of the last trial, where it is of one of these commands."""
    estimate, output = launch.estimate()
    if estimate.is_running:
        state.remember("was-estimating", True)
        box = st.status(
            plain(f"{_doing(estimate)}, sweep {estimate.name}"),
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
    of = [trial for words, trial in commands if list(estimate.words[: len(words)]) == words]
    if not of:
        return
    if estimate.failure is not None:
        tell(estimate.failure)
    elif estimate.was_stopped:
        minutes = round(launch.seconds(estimate.words) / 60)
        st.caption(f"It was given up, by hand or after {minutes} minutes.")
    elif estimate.words[:1] == ("doctor",):
        _examined(estimate, output, of[0])
    else:
        st.code(output.strip(), language=None, wrap_lines=True)


def _doing(estimate: State) -> str:
    if estimate.words[:1] == ("doctor",):
        return "Feeding the dense model in other ways"
    return "Trying out for some seconds"


_GIVE = "Give: "


def _examined(check: State, output: str, trial: Trial) -> None:
    """Show the ranking of the feedings, and what to type where another one is better."""
    lines = output.strip().splitlines()
    if check.has_finding and lines[-1].startswith(_GIVE):
        advised = lines.pop().removeprefix(_GIVE)
        st.warning(
            "Another way of feeding is significantly better. Its options:",
            icon=":material/stethoscope:",
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.code(advised, language="bash", wrap_lines=True)
            if trial.take is not None:
                st.button(
                    "Fill them in",
                    icon=":material/edit:",
                    on_click=trial.take,
                    args=(shlex.split(advised),),
                    key="take-advice",
                )
    elif check.has_finding:
        st.warning(
            "The outputs seem to be in another order than the classes, see below.",
            icon=":material/stethoscope:",
        )
    else:
        st.success(
            "No other way of feeding is significantly better.", icon=":material/check_circle:"
        )
    st.code("\n".join(lines), language=None)


def _try_out(name: str, words: list[str], is_dry_run: bool) -> None:
    begin = launch.start_estimate if is_dry_run else launch.start_check
    tried(lambda: begin(data.cache_root(), name, words))


def _plainly(name: str, words: list[str]) -> None:
    launch.start(data.cache_root(), name, words)


def _start(start: Callable[[str, list[str]], None], name: str, words: list[str]) -> None:
    if tried(lambda: start(name, words)):
        state.put_local(PART, LIST)


def tried(act: Callable[[], Any]) -> bool:
    """Run an action; where it is refused, keep the reason for the form to show."""
    try:
        act()
    except LetheError as problem:
        state.remember(_REFUSED, str(problem))
        return False
    return True
