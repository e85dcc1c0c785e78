"""Links for raters: made, and how far whoever has one is."""

import streamlit as st

from analysis.errors import LetheError
from analysis.presentation.formatting import NOTHING
from analysis.store.study import Study
from dashboard import data, permissions, state
from dashboard.annotate import invited
from dashboard.context import Context
from dashboard.frames import frame
from dashboard.shell import tell

_NAMES, _REFUSED = "annotate-invited", "annotate-invited-refused"
_WHOSE = "annotate-withdrawn"


def show(context: Context, study: Study) -> None:
    """Make links, and list those of this study."""
    st.markdown(
        "A link leads one rater to this study and to nothing else: no navigation, no results, no "
        "other rater. Whoever has it rates under that name, on any device, and goes on where it "
        "stopped."
    )
    with st.form("annotate-invite", width=520, border=False, clear_on_submit=True):
        st.text_area("Raters, a name a line", key=_NAMES, height=100)
        st.form_submit_button(
            "Make links", type="primary", on_click=_invite, args=(context, study.name)
        )
    refused = state.recall(_REFUSED)
    if refused:
        tell(refused)
        state.remember(_REFUSED, None)
    study = data.study(context.results, study.name)
    if study.invitations:
        _list(context, study)


def _list(context: Context, study: Study) -> None:
    total = len(study.design.labels)
    frame(
        [
            {
                "Rater": rater,
                "Rated": f"{len(study.answers(rater))} of {total}",
                "Consent": _time(study.consents.get(rater)),
                "Link": invited.link(context, token),
            }
            for rater, token in study.invitations.items()
        ],
        column_config={"Link": st.column_config.TextColumn(width="large")},
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key="annotate-withdraw"):
        whose = st.selectbox("Link of", list(study.invitations), width=330, key=_WHOSE)
        st.button(
            "Withdraw",
            icon=":material/link_off:",
            help="It stops working at once, on open pages too. Answers given through it stay, and "
            "the rater can be given another link.",
            on_click=_withdraw,
            args=(context, study.name, whose),
        )
    st.caption(
        "Choose a cell to copy it. A link is as good as a key: send it to its rater alone. It "
        "hides the other pages and does not lock them; docs/serving.md says how to keep raters "
        "out of the rest. It stays good when the sweep is renamed."
    )


def _time(written: str | None) -> str:
    return NOTHING if written is None else written[:16].replace("T", " ")


def _invite(context: Context, name: str) -> None:
    lines = str(state.widget(_NAMES) or "").splitlines()
    try:
        permissions.check("make links for raters")
        for one in filter(None, map(str.strip, lines)):
            context.results.folder.annotations.invite(name, one)
    except LetheError as problem:
        state.remember(_REFUSED, str(problem))


def _withdraw(context: Context, name: str, rater: str) -> None:
    try:
        permissions.check("withdraw links")
        context.results.folder.annotations.withdraw(name, rater)
    except LetheError as problem:
        state.remember(_REFUSED, str(problem))
