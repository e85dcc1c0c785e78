"""What a rater reads before the first image: instructions, and a consent text to agree to."""

from html import escape

import streamlit as st

from analysis.errors import LetheError
from analysis.store.study import Study
from dashboard import data, permissions, state
from dashboard.context import Context
from dashboard.shell import tell

_AGREES, _REFUSED = "annotate-agrees", "annotate-consent-refused"


def is_over(context: Context, study: Study, rater: str) -> bool:
    """Whether a rater has read the instructions and, where consent is required, agreed."""
    protocol = study.design.protocol
    if protocol.consent:
        return rater in study.consents
    has_begun = bool(study.answers(rater) or study.practice_of(rater))
    return not protocol.instructions or has_begun or state.recall(_read(context, study, rater))


def in_general(study: Study) -> None:
    """Say what every study is about, and nothing of which images were drawn."""
    n = len(study.design.protocol.categories)
    st.markdown(
        f"You see one image after the other with its label, and say with one key which of {n} "
        "categories fits it best. Which images compression changed is not shown: they are mixed "
        "with others. Every answer is saved at once; the last ones can be taken back."
    )


def is_let_in(study: Study, rater: str, token: str | None) -> bool:
    """Whether a rater may answer: by name, or by the link with this token as long as it is good."""
    return token is None or study.invited(token) == rater


def show(context: Context, study: Study, rater: str, token: str | None = None) -> None:
    """Show the instructions and the consent text, and begin once they are read and agreed to."""
    protocol = study.design.protocol
    if protocol.instructions:
        st.header("What to do", anchor=False)
        _text(protocol.instructions, "instructions")
    agrees = True
    if protocol.consent:
        st.header("Consent", anchor=False)
        _text(protocol.consent, "consent")
        agrees = st.checkbox("I have read this and agree to take part", key=_AGREES)
    st.button(
        "Begin",
        type="primary",
        disabled=not agrees,
        on_click=_begin,
        args=(context, study, rater, token),
        key="annotate-begin",
    )
    refused = state.recall(_REFUSED)
    if refused:
        tell(refused)
        state.remember(_REFUSED, None)


def again(study: Study) -> None:
    """Keep the instructions within reach."""
    if study.design.protocol.instructions:
        with st.expander("What to do", icon=":material/description:"):
            _text(study.design.protocol.instructions, "instructions")


def _text(text: str, what: str) -> None:
    st.html(f'<div class="lethe-plain-text" data-testid="annotate-{what}">{escape(text)}</div>')


def _begin(context: Context, study: Study, rater: str, token: str | None) -> None:
    if not is_let_in(data.study(context.results, study.name), rater, token):
        return
    try:
        permissions.check("keep answers")
        if study.design.protocol.consent:
            context.results.folder.annotations.consent(study.name, rater)
        state.remember(_read(context, study, rater), True)
    except LetheError:
        state.remember(_REFUSED, "That could not be saved, so the study cannot begin. Try again.")


def _read(context: Context, study: Study, rater: str) -> str:
    return f"annotate-read-{context.manifest.name}-{study.name}-{rater}"
