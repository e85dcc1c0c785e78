"""The progress of a sweep that is being made, on every page, without disturbing who reads it."""

import time

import streamlit as st

from analysis.errors import LetheError
from analysis.manifest import Manifest
from analysis.wording import duration
from dashboard import data, state
from dashboard.problems import tell
from dashboard.sweeps import launch, saying
from dashboard.text import plain

EVERY = 2.0
_REST = 4.0
_REST_PER_SECOND = 15.0


def show() -> None:
    """Show how far the running sweeps are; nothing where none is running."""
    child = launch.state()
    if child.failure is not None:
        tell(saying.failed(child))
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
        st.progress(0.0, text=plain(saying.under_way(child)))
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
            asked = max(len(manifest.seeds), 1)
            st.progress(
                min(done / asked, 1.0), text=plain(f"{variant.variant_id}: {done} of {asked}")
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
