"""The study as a rater sees it who came by a link: one study, one rater, and nothing else."""

from urllib.parse import urlencode

import streamlit as st

from analysis.errors import LetheError
from analysis.store.study import Study
from dashboard import context as contexts
from dashboard import data
from dashboard.annotate import asking, drawing, introduction
from dashboard.context import Context
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
    context = contexts.current()
    found = _found(context, token)
    if found is None:
        tell("This link leads to no study. Ask whoever sent it for a new one.")
        return
    study, rater = found
    if drawing.why_not_writable(context) is not None:
        tell("This study takes no answers at the moment. Tell whoever sent you the link.")
        return
    if not introduction.is_over(context, study, rater) and not study.design.protocol.instructions:
        introduction.in_general(study)
    asking.go_on(context, study, rater, is_alone=True)


def _found(context: Context, token: str) -> tuple[Study, str] | None:
    for name in context.results.folder.annotations.names():
        try:
            study = data.study(context.results, name)
        except LetheError:
            continue  # Damaged: told where studies are looked at.
        rater = study.invited(token)
        if rater is not None:
            return study, rater
    return None
