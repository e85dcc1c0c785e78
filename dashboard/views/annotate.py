"""Annotate: people say what the PIEs are, without knowing which images are."""

import streamlit as st

from analysis.store.study import Study
from dashboard import context as contexts
from dashboard import data, state
from dashboard.annotate import asking, drawing, invitations, results
from dashboard.context import Context, NothingYetError
from dashboard.shell import guarded
from dashboard.text import plain

_RATE, _RATERS, _RESULTS = "Rate", "Links", "Results"


def show() -> None:
    """Show one study: the next image, or the answers."""
    context = contexts.current()
    names = context.results.folder.annotations.names()
    why_not = drawing.why_not_writable(context)
    if not names:
        if why_not is not None:
            raise NothingYetError(f"There is no study yet. {why_not}")
        st.markdown(
            "What are the images that compression changes its mind about? Let people say it, as in "
            "Hooker et al. 2019: they see PIEs and other images mixed, and do not know which is "
            "which."
        )
        drawing.form(context)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="annotate-controls"):
        study = _chosen(context, names)
        part = _RESULTS
        if why_not is None:
            part = st.segmented_control(
                "Part",
                (_RATE, _RATERS, _RESULTS),
                default=_RATE,
                required=True,
                label_visibility="collapsed",
                key="annotate-part",
            )
            with st.popover("New study", icon=":material/add:", key="annotate-new"):
                guarded(lambda: drawing.form(context))()
    if why_not is not None:
        st.caption(why_not)
    if part == _RESULTS:
        _results(context, study, is_open=why_not is not None)
        return
    if part == _RATERS:
        invitations.show(context, study)
        return
    asking.check_same_images(context, study)
    asking.ask(context, study)


def _chosen(context: Context, names: list[str]) -> Study:
    """Choose a study: the one just started, else the last."""
    sweep, started = state.recall(drawing.CHOSEN, ("", ""))
    default = started if sweep == context.manifest.name and started in names else names[-1]
    with st.container(key="filter-study", width=330):
        name = st.selectbox(
            "Study",
            names,
            index=names.index(default),
            format_func=lambda one: _described(data.study(context.results, one)),
            key=f"annotate-study-{context.manifest.name}-{len(names)}",
        )
    state.remember(drawing.CHOSEN, (context.manifest.name, name))
    return data.study(context.results, name)


def _described(study: Study) -> str:
    design = study.design
    return f"{study.name}: {design.variant_id}, {len(design.labels)} images"


def _results(context: Context, study: Study, *, is_open: bool) -> None:
    """Show the results at once, or behind a click while who looks may still have to rate."""
    seen = f"annotate-unblinded-{context.manifest.name}-{study.name}"
    rater = asking.rater_of(study)
    is_done = rater is not None and study.is_finished_by(rater)
    if not (is_open or is_done or state.recall(seen)):
        st.info(
            plain(
                "The results tell how PIEs and other images were judged. Whoever still rates "
                "should not see them before."
            ),
            icon=":material/visibility_off:",
        )
        st.button(
            "Show results (unblinds)",
            icon=":material/visibility:",
            on_click=state.remember,
            args=(seen, True),
        )
        return
    results.show(context, study)
