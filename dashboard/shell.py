"""What stands around every page.

Sweep and tie rule, progress, notes, and failures in one message.
"""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from analysis.errors import LetheError
from analysis.presentation.formatting import duration
from analysis.presentation.glossary import TERMS
from analysis.stats.votes import TIE_RULES
from analysis.store.manifest import Manifest
from analysis.sweep.command import naming_cache
from dashboard import context, data, first_visit, sign_in, state
from dashboard.commands import cache_name, typed
from dashboard.context import EmptyCacheError, NothingYetError
from dashboard.selection import Selection
from dashboard.sweeps import launch, outcome
from dashboard.text import plain

_LOG = logging.getLogger("lethe.dashboard")


def guarded(show: Callable[[], None]) -> Callable[[], None]:
    """Make a page, or a fragment of one, tell its failures in words."""

    @functools.wraps(show)
    def safely() -> None:
        try:
            show()
        except NothingYetError as nothing:
            _nothing_yet(nothing)
        except LetheError as problem:
            tell(str(problem))
        except Exception as error:
            _LOG.exception("a page could not be shown")
            tell(
                f"This sweep could not be read ({type(error).__name__}). "
                f"'{typed(('verify', 'SWEEP'))}' with its name lists what is wrong; the same sweep "
                "started again makes missing runs again."
            )

    return safely


def _nothing_yet(nothing: NothingYetError) -> None:
    child = launch.state()
    if child.failure is not None:
        return  # Told above the page already.
    is_empty = isinstance(nothing, EmptyCacheError)
    if child.is_running and is_empty:
        what = (
            "The demo sweep is starting: 10 dense and 70 compressed digit classifiers."
            if child.name == launch.DEMO
            else f"{outcome.under_way(child)}."
        )
        st.info(
            plain(f"{what} Results appear here as they are written."),
            icon=":material/hourglass_top:",
        )
        first_visit.show(with_demo=False)
        return
    st.info(plain(nothing), icon=":material/inbox:")
    if is_empty:
        _how_to_begin()


def _how_to_begin() -> None:
    st.markdown("Make the demo sweep with this command; this page fills as it runs.")
    st.code(typed(("demo",)), language="bash", wrap_lines=True)
    first_visit.show(with_demo=False)


def tell(message: str) -> None:
    """Show one failure, in words; commands in it name the cache they mean."""
    st.error(plain(naming_cache(message, cache_name())), icon=":material/error:")


EVERY = 2.0
_REST = 4.0
_REST_PER_SECOND = 15.0
_COMPARE_EVERY = 2.0


def show_progress() -> None:
    """Show how far the running sweeps are; nothing where none is running."""
    child = launch.state()
    if child.failure is not None:
        tell(outcome.failed(child))
    if _is_live():
        st.fragment(_live, run_every=EVERY)()
    state.remember("shown", _signature())


def took(seconds: float) -> None:
    """Note how long the page took to compute."""
    state.remember("took", seconds)


def _is_live() -> bool:
    return launch.state().is_running or any(
        data.folder_of(one.name).is_running for one in data.sweep_states() if not one.is_complete
    )


def _live() -> None:
    """Draw the progress, and run the page again where there is something new on it."""
    child, states = launch.state(), data.sweep_states()
    drawn = set()
    for one in states:
        if one.problem is None and data.folder_of(one.name).is_running:
            try:
                _draw(data.manifest(data.folder_of(one.name)), is_stopping=_is_stopping(one.name))
                drawn.add(one.name)
            except LetheError:
                continue
    if child.is_running and states and child.name not in drawn:
        st.progress(0.0, text=plain(outcome.under_way(child)))
    changed = _signature() != state.recall("shown")
    # A page that takes long to compute must not take the processor from the sweep it shows.
    rest = max(_REST, _REST_PER_SECOND * state.recall("took", 0.0))
    rested = time.monotonic() - state.recall("rerun-at", 0.0) > rest
    if changed and (rested or not _is_live()):
        state.remember("rerun-at", time.monotonic())
        st.rerun()


def _signature() -> tuple[object, ...]:
    """Tell one state of what can be shown from another.

    Overview and Sweeps follow every run; elsewhere, where somebody reads, only a finished variant
    counts.
    """
    done = tuple(
        (one.name, one.problem is None, one.n_done if state.follows_runs() else one.variants_done)
        for one in data.sweep_states()
    )
    return (done, launch.state(), _is_live())


def _is_stopping(name: str) -> bool:
    child = launch.state()
    return child.name == name and child.is_stopping


def _draw(manifest: Manifest, *, is_stopping: bool) -> None:
    n_done, n_runs = manifest.n_done, max(manifest.n_runs, 1)
    how = "stopping" if is_stopping else "running"
    after = "; what is finished stays" if is_stopping else _left(manifest)
    st.progress(
        n_done / n_runs,
        text=plain(f"Sweep {manifest.name} is {how}: {n_done} of {n_runs} runs{after}"),
    )
    with st.expander("Progress of each variant"):
        for variant in manifest.variants:
            done = len(manifest.done_seeds(variant.variant_id))
            requested = max(len(manifest.seeds), 1)
            st.progress(
                min(done / requested, 1.0),
                text=plain(f"{variant.variant_id}: {done} of {requested}"),
            )


def _left(manifest: Manifest) -> str:
    """Estimate what is left from the pace since this session first saw the sweep."""
    now = (time.monotonic(), manifest.n_done)
    first = state.recall(f"pace-{manifest.name}")
    if first is None or first[1] > now[1]:
        state.remember(f"pace-{manifest.name}", now)
        return ""
    done, elapsed = now[1] - first[1], now[0] - first[0]
    if done < 2 or elapsed < 2:
        return ""
    return f", about {duration((manifest.n_runs - now[1]) * elapsed / done)} left"


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
    show_progress()
    if is_of_one_sweep:
        guarded(_notes)()
        guarded(_comparing)()
    start = time.monotonic()
    guarded(view)()
    took(time.monotonic() - start)


def _controls() -> None:
    states = {one.name: one for one in data.sweep_states()}
    if not states:
        return
    values = state.params().get("sweep", [])
    name = (
        values[-1] if values and values[-1] in states else context.default_sweep([*states.values()])
    )
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
            help=f"{TERMS['Tie']} The last rule counts images tied in either population as "
            "non-PIEs.",
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


def _comparing() -> None:
    """Say which files are still checked against what was written, for as long as they are."""
    here = _context_or_none()
    if here is not None and here.results.folder.unhashed():
        st.fragment(_still_comparing, run_every=_COMPARE_EVERY)()


def _still_comparing() -> None:
    """Draw the note, and run the page again once there is nothing to say, or damage to tell."""
    here = _context_or_none()
    names = here.results.folder.unhashed() if here is not None else []
    if not names:
        st.rerun()
    st.caption(
        plain(
            f"Comparing {', '.join(names)} with what was written; until this note is gone, "
            "what the page shows of it is not checked."
        )
    )


def _context_or_none() -> context.Context | None:
    """Open the sweep; the page reports once what is wrong with it."""
    try:
        return context.current()
    except Exception:
        return None
