"""What can be done with a sweep that is there: rename, verify, merge, extend, remove."""

from collections.abc import Callable, Sequence

import streamlit as st

from analysis.config import check_sweep_name, parse_variants
from analysis.errors import LetheError, UserError
from analysis.presentation.formatting import count
from analysis.store import Cache
from analysis.store.manifest import Manifest
from analysis.sweep.command import extending
from dashboard import data, permissions, state
from dashboard.sweeps import launch
from dashboard.text import plain

_OUTCOME = "managed"
_SHOWN = 20


def show_outcome() -> None:
    """Show once how the last action ended."""
    outcome = state.recall(_OUTCOME)
    if outcome is None:
        return
    state.remember(_OUTCOME, None)
    is_good, text = outcome
    (st.success if is_good else st.error)(
        plain(text), icon=":material/check_circle:" if is_good else ":material/error:"
    )


def show(name: str, manifest: Manifest | None, names: Sequence[str]) -> None:
    """Offer what can be done with one sweep, behind a button.

    Parameters
    ----------
    name : str
        The sweep.
    manifest : Manifest, optional
        None where it is damaged: then it can be verified and removed.
    names : sequence of str
        The sweeps of the cache that can be read: what it can be merged with.
    """
    with st.popover("More", icon=":material/more_horiz:", key=f"more-{name}"):
        if st.button(
            "Verify", icon=":material/fact_check:", key=f"verify-{name}",
            help="Read every file and compare it with the manifest.",
        ):  # fmt: skip
            with st.spinner("Reading every file"):
                _tried(lambda: _verify(name))
        if manifest is not None:
            _rename(name)
            _merge(name, [one for one in names if one != name])
            if manifest.origin == "trained" and launch.why_not_resumable(manifest) is None:
                _extend(manifest)
        _remove(name)


def _rename(name: str) -> None:
    st.divider()
    new = st.text_input("New name", key=f"new-name-{name}").strip()
    if st.button("Rename", icon=":material/edit:", disabled=not new, key=f"rename-{name}"):
        _tried(lambda: _renamed(name, new))


def _renamed(name: str, new: str) -> str:
    permissions.check("rename sweeps")
    check_sweep_name(new)
    Cache(data.cache_root()).rename(name, new)
    return f"{name} is called {new} now."


def _merge(name: str, others: Sequence[str]) -> None:
    if not others:
        return
    st.divider()
    other = st.selectbox(
        "Merge with", others, index=None, placeholder="Another sweep", key=f"merge-with-{name}",
        help="The runs of one sweep that were made on two machines become one new sweep; both stay "
        "as they are.",
    )  # fmt: skip
    new = st.text_input("Name of the merged sweep", key=f"merge-name-{name}").strip()
    if st.button(
        "Merge", icon=":material/merge:", disabled=not (other and new), key=f"merge-{name}"
    ):
        with st.spinner("Merging"):
            _tried(lambda: _merged(name, str(other), new))


def _merged(name: str, other: str, new: str) -> str:
    from analysis.sweep.merge import merge

    permissions.check("merge sweeps")
    check_sweep_name(new)
    made = merge(Cache(data.cache_root()), name, other, new)
    return f"{new}: {count(made.n_done)} of {count(made.n_runs)} runs done."


def _extend(manifest: Manifest) -> None:
    name, n_seeds = manifest.name, len(manifest.seeds)
    st.divider()
    seeds = st.number_input(
        "Seeds", n_seeds, max(n_seeds, 1000), n_seeds, key=f"more-seeds-{name}",
        help="More seeds make intervals narrower. They are a further look at the results: p and q "
        "are then compared with a lower level.",
    )  # fmt: skip
    variants = st.text_input(
        "More variants", placeholder="magnitude=0.8 int8-static", key=f"more-variants-{name}"
    ).split()
    corruptions = st.text_input(
        "Corruptions", placeholder="fog=3,5 gaussian_noise=3", key=f"more-corruptions-{name}"
    ).split()
    is_more = bool(seeds > n_seeds or variants or corruptions)
    is_busy = launch.state().is_running
    if st.button(
        "Make them", icon=":material/add:", disabled=is_busy or not is_more, key=f"extend-{name}",
        help="Another sweep is under way; there is one at a time." if is_busy else
        "What is finished stays; what is new is made with the options of this sweep.",
    ):  # fmt: skip
        _tried(lambda: _extended(manifest, int(seeds), variants, corruptions))


def _extended(
    manifest: Manifest, seeds: int, variants: list[str], corruptions: list[str]
) -> str | None:
    from analysis.compression.registry import check_variant
    from analysis.shifts.parse import parse_corruptions

    for variant in parse_variants(variants):
        check_variant(variant)
    parse_corruptions(corruptions)
    words = extending(manifest, seeds, variants, corruptions)
    launch.start(data.cache_root(), manifest.name, words)
    return None


def _verify(name: str) -> str:
    problems = Cache(data.cache_root()).existing(name).verify()
    if problems:
        more = "" if len(problems) <= _SHOWN else f"; and {count(len(problems) - _SHOWN)} more"
        raise UserError(f"{name}: {'; '.join(problems[:_SHOWN])}{more}")
    return f"{name}: every file is as the manifest says."


def _remove(name: str) -> None:
    st.divider()
    typed = st.text_input(
        "To remove it, type its name", key=f"remove-name-{name}",
        help="Its runs and tables are deleted; what people annotated stays.",
    ).strip()  # fmt: skip
    if st.button("Remove", icon=":material/delete:", disabled=typed != name, key=f"remove-{name}"):
        _tried(lambda: _removed(name))


def _removed(name: str) -> str:
    permissions.check("remove sweeps")
    kept = Cache(data.cache_root()).remove(name)
    return f"{name} was removed." + (f" What people annotated is in {kept}." if kept else "")


def _tried(act: Callable[[], str | None]) -> None:
    """Run an action and draw the page again, which shows how it ended."""
    try:
        message = act()
    except LetheError as problem:
        state.remember(_OUTCOME, (False, str(problem)))
    else:
        state.remember(_OUTCOME, None if message is None else (True, message))
    st.rerun()
