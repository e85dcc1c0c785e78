"""What stands around every page: sweep and tie rule, progress, notes on the address."""

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from analysis.stats.votes import TIE_RULES
from dashboard import context, data, progress, sign_in, state
from dashboard.problems import guarded
from dashboard.selection import Selection
from dashboard.text import plain

_TIES = {
    "confidence": "More confident class",
    "reference": "Largest class index",
    "exclude": "Leave tied images out",
}


def show(controls: Any, view: Callable[[], None], *, is_of_one_sweep: bool = True) -> None:
    """Draw the controls, the progress of a running sweep, the notes, then the page."""
    with controls.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="bottom"
    ):
        if is_of_one_sweep:
            guarded(_controls)()
        sign_in.account()
    progress.show()
    if is_of_one_sweep:
        guarded(_notes)()
    start = time.monotonic()
    guarded(view)()
    progress.took(time.monotonic() - start)


def _controls() -> None:
    states = {one.name: one for one in data.sweep_states()}
    if not states:
        return
    asked = state.params().get("sweep", [])
    name = asked[-1] if asked and asked[-1] in states else context.default_sweep([*states.values()])
    rule = context.tie_rule(state.params().get("ties", []))
    # Filters name classes and variants of one sweep: another sweep starts without them.
    selection, default = Selection(sweep=name, ties=rule), None
    here = _context_or_none()
    if here is not None:
        selection, default = here.selection, here.default_variant
    with st.container(key="filter-sweep", width=270):
        st.selectbox(
            "Sweep",
            list(states),
            format_func=lambda one: _described(states[one]),
            # The label of a running sweep may say fewer runs than it has by now.
            **state.bound(
                "sweep",
                name,
                Selection(ties=rule),
                None,
                lambda one: {"sweep": one if one in states else str(one).partition(" (")[0]},
            ),
        )
    with st.container(key="filter-ties", width=210):
        st.selectbox(
            "Ties are given to",
            list(TIE_RULES),
            format_func=lambda one: _TIES[one],
            help="Where two classes get equally many votes of a population, which of them is its "
            "modal label. The last rule counts images tied in either population as non-PIEs.",
            **state.bound("ties", rule, selection, default, lambda v: {"ties": v}),
        )


def _described(one: data.SweepState) -> str:
    if one.problem is not None:
        return f"{one.name} (damaged)"
    return one.name if one.is_complete else f"{one.name} ({one.n_done} of {one.n_runs} runs)"


def _notes() -> None:
    here = _context_or_none()
    for note in here.notes if here is not None else ():
        st.info(plain(note), icon=":material/info:")


def _context_or_none() -> context.Context | None:
    """Open the sweep; what is wrong with it is told by the page, once."""
    try:
        return context.current()
    except Exception:
        return None
