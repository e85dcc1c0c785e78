"""The study as a rater sees it who came by a link: one study, one rater, and nothing else."""

from urllib.parse import urlencode

import streamlit as st

from analysis.errors import LetheError
from analysis.stats.votes import TIE_RULES
from analysis.store.study import Study
from dashboard import data
from dashboard.annotate import asking, drawing, introduction
from dashboard.context import Context
from dashboard.selection import Selection
from dashboard.shell import tell

PARAMETER = "rater"


def link(context: Context, token: str) -> str:
    """Return the address of a rater's link, as the browser of who asks reaches the dashboard."""
    base = (st.context.url or "").partition("?")[0].rstrip("/").removesuffix("/annotate")
    return f"{base}/annotate?{urlencode({'sweep': context.manifest.name, PARAMETER: token})}"


def show(token: str) -> None:
    """Show the study that a token belongs to."""
    st.title("Image study", anchor=False)
    asking.quietly(lambda: _show(token))()


def _show(token: str) -> None:
    found = _found(token)
    if found is None:
        tell(asking.NO_LINK)
        return
    context, study, rater = found
    if drawing.why_not_writable(context) is not None:
        tell("This study takes no answers at the moment. Tell whoever sent you the link.")
        return
    if not introduction.is_over(context, study, rater) and not study.design.protocol.instructions:
        introduction.in_general(study)
    asking.go_on(context, study, rater, token=token)


def _found(token: str) -> tuple[Context, Study, str] | None:
    """Look in the sweep that the link names first, then in all: it may have been renamed."""
    named = st.query_params.get("sweep")
    sweeps = sorted(
        (one.name for one in data.sweep_states() if one.problem is None),
        key=lambda name: name != named,
    )
    for sweep in sweeps:
        kept = data.folder_of(sweep).annotations
        for name in kept.names():
            try:
                study = data.study_in(kept, name)
            except LetheError:
                continue  # Damaged: reported on the page of studies.
            rater = study.invited(token)
            if rater is not None:
                return _opened(sweep), study, rater
    return None


def _opened(sweep: str) -> Context:
    opened = data.results(sweep, TIE_RULES[0])
    return Context(opened, Selection(sweep=sweep), None, ())
