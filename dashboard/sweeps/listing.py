"""The sweeps of the cache, each with how it stands and what can be done about it."""

from collections.abc import Sequence

import streamlit as st
from msgspec.structs import replace

from analysis.config import DENSE_ID
from analysis.errors import LetheError
from analysis.presentation.formatting import count
from analysis.store.manifest import Manifest
from dashboard import data, pages, permissions, state
from dashboard.commands import typed
from dashboard.shell import tell
from dashboard.sweeps import external_form, external_options, fields, import_form, launch, manage
from dashboard.text import html_text, plain

_AT_MOST = 50
_REFUSED = "resume-refused"


def show() -> None:
    """Draw a box a sweep."""
    refused = state.recall(_REFUSED)
    if refused:
        tell(refused)
        state.remember(_REFUSED, None)
    manage.show_outcome()
    states = data.sweep_states()
    shown = states
    if len(states) > _AT_MOST:
        sought = st.text_input("Find a sweep by its name", key="sweeps-find").strip().lower()
        shown = [one for one in states if sought in one.name.lower()]
    readable = [one.name for one in states if one.problem is None]
    for one in shown[:_AT_MOST]:
        _box(one, readable)
    if len(shown) > _AT_MOST:
        st.caption(f"{count(len(shown) - _AT_MOST)} more; a part of the name finds them.")


def _box(one: data.SweepState, names: Sequence[str]) -> None:
    with st.container(border=True, key=f"sweep-{one.name}"):
        if one.problem is not None:
            _heading(one.name, "damaged", ":material/broken_image:", "red")
            html_text(one.problem, role="lethe-note")
            if not permissions.is_read_only():
                manage.show(one.name, None, names)
            return
        folder = data.folder_of(one.name)
        try:
            # A folder that was copied or renamed by hand is what its folder is called.
            manifest = replace(data.manifest(folder), name=one.name)
        except LetheError as problem:
            tell(str(problem))
            return
        child = launch.state()
        is_own = child.is_running and child.name == one.name
        is_running = is_own or folder.is_running
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(width="stretch", gap="small"):
                _heading(one.name, *_standing(manifest, is_running=is_running))
            _actions(manifest, names, is_running=is_running, is_own=is_own)
        with st.container(gap="xxsmall"):
            # How far a running one is stands above the page, where it moves.
            for line in facts(manifest, data.size(folder), with_runs=not is_running):
                html_text(line, role="lethe-note")
        if not is_running and launch.lacks_something(manifest):
            _how_to_resume(manifest)


def _heading(name: str, standing: str, icon: str, color: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(name)}**", width="content")
        st.badge(standing, icon=icon, color=color)  # type: ignore[arg-type]


def _standing(manifest: Manifest, *, is_running: bool) -> tuple[str, str, str]:
    if is_running:
        return "running", ":material/directions_run:", "blue"
    if launch.lacks_something(manifest):
        return "unfinished", ":material/pause_circle:", "orange"
    return "complete", ":material/check_circle:", "green"


def facts(manifest: Manifest, n_bytes: int, *, with_runs: bool = True) -> list[str]:
    """Say what a sweep is: two lines of plain text."""
    dataset = manifest.dataset.spec or "unknown data"
    model = manifest.model.name or manifest.config.options.get("model")
    runs = f"{count(manifest.n_done)} of {count(manifest.n_runs)} runs"
    unknown = "imported" if manifest.origin == "imported" else "unknown model"
    first = [f"{dataset}", f"{model or unknown}"]
    first += [f"K = {count(len(manifest.seeds))}", *([runs] if with_runs else [])]
    if manifest.shifts and with_runs:
        first.append(
            f"{count(manifest.n_shifted_done)} of {count(manifest.n_shifted)} predictions on "
            f"{count(len(manifest.shifts))} shifts"
        )
    first += [f"{n_bytes / 1e6:,.1f} MB", f"made {manifest.created[:16].replace('T', ' ')}"]
    failed = sum(run.state == "failed" for _, _, run in manifest.all_runs())
    if failed:
        first.append(f"{count(failed)} failed")
    names = [one.variant_id for one in manifest.variants if one.variant_id != DENSE_ID]
    return [
        " · ".join(first),
        f"{count(len(manifest.variants))} variants: dense, {', '.join(names)}",
    ]


def _actions(manifest: Manifest, names: Sequence[str], *, is_running: bool, is_own: bool) -> None:
    if permissions.is_read_only():
        pass
    elif is_own:
        st.button(
            "Stopping" if launch.state().is_stopping else "Stop",
            icon=":material/stop:",
            disabled=launch.state().is_stopping,
            help="Runs that are finished stay; the sweep can be resumed.",
            on_click=_stop,
            key=f"stop-{manifest.name}",
        )
    elif is_running:
        st.caption("Run by another process", width="content")
    elif launch.lacks_something(manifest) and launch.why_not_resumable(manifest) is None:
        st.button(
            "Resume",
            type="primary",
            icon=":material/resume:",
            disabled=launch.state().is_running,
            help="Make what is missing, with the options it was started with."
            if not launch.state().is_running
            else "Another sweep is under way; there is one at a time.",
            on_click=_resume,
            args=(manifest,),
            key=f"resume-{manifest.name}",
        )
    if not is_running and not permissions.is_read_only():
        _adding(manifest)
        manage.show(manifest.name, manifest, names)
    with st.container(width="content"):
        st.page_link(
            pages.page("overview"),
            label="Open",
            icon=":material/arrow_forward:",
            query_params={"sweep": manifest.name},
        )


def _how_to_resume(manifest: Manifest) -> None:
    why_not = launch.why_not_resumable(manifest)
    if why_not is not None:
        st.caption(plain(why_not))
    if "dataset" in manifest.config.options:
        with st.expander("The command that makes what is missing"):
            st.code(typed(launch.resuming(manifest)), language="bash", wrap_lines=True)


def _adding(manifest: Manifest) -> None:
    """Offer to bring more into a sweep that was not trained here."""
    if manifest.origin == "imported":
        label, add = "Add predictions", _add_predictions
        tip = "Import more variants or seeds of the same images into this sweep."
    elif manifest.origin == "external":
        label, add = "Add models", _add_models
        tip = "Fill the form in with the models of this sweep, to run more beside them."
    else:
        return
    st.button(
        label,
        icon=":material/add:",
        help=tip,
        on_click=add,
        args=(manifest,),
        key=f"add-{manifest.name}",
    )


def _add_predictions(manifest: Manifest) -> None:
    state.fill(import_form.FORM, "name", manifest.name)
    state.put_local(fields.PART, fields.IMPORT)


def _add_models(manifest: Manifest) -> None:
    def add() -> None:
        for name, value in external_options.filled_from(manifest).items():
            state.fill(external_form.FORM, name, value)
        state.put_local(fields.PART, fields.MODELS)

    _tried(add)


def _stop() -> None:
    _tried(launch.stop)


def _resume(manifest: Manifest) -> None:
    _tried(lambda: launch.resume(data.cache_root(), manifest))


def _tried(act: object) -> None:
    try:
        act()  # type: ignore[operator]
    except LetheError as problem:
        state.remember(_REFUSED, str(problem))
