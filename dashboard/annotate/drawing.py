"""Starting a study: how many images of which variant."""

import streamlit as st

from analysis.errors import LetheError
from analysis.presentation.formatting import count
from analysis.results.studies import MOST_PRACTICE, SIZES, start_study, supply
from analysis.store.protocol import MAX_TEXT, Protocol, categories_from
from dashboard import permissions, state
from dashboard.context import Context, NothingYetError
from dashboard.gallery.variant_control import variant_filter
from dashboard.shell import tell
from dashboard.text import plain

_DEFAULT_SIZE = 60
_SIZE, _REFUSED = "annotate-size", "annotate-study-refused"
CHOSEN = "annotate-chosen-study"


def form(context: Context) -> None:
    """Say what a study of the chosen variant would hold, and start it."""
    variant = context.variant
    with st.container(horizontal=True, vertical_alignment="bottom"):
        variant_filter(context)
        with st.container(width=190):
            st.number_input(
                "Images a group",
                *SIZES,
                _DEFAULT_SIZE,
                10,
                key=_SIZE,
                help="PIEs, A/A PIEs and non-PIEs each; all there are where there are fewer.",
            )
    there = supply(context.results, variant)
    if not there.n_pies:
        raise NothingYetError(
            f"No PIE at all: the modal label of {variant} is that of the dense models everywhere, "
            "so there is nothing to ask people about."
        )
    if not there.has_pictures:
        raise NothingYetError(
            "This sweep has no pictures of its images, so there is nothing to show to people. "
            "Import the predictions with --images SPEC to annotate them."
        )
    st.markdown(
        f"Drawn at random and mixed:\n- {_of(there.n_pies)} PIEs of {plain(variant)},\n"
        f"- {_about_aa(there.n_aa_pies)},\n- for every PIE a non-PIE with the same true label."
    )
    st.caption(
        "An image in two of the groups is rated once and counts in both. The images, the tie "
        "rule and each rater's order are written down now and stay as they are."
    )
    _what_raters_read()
    st.button(
        "Start the study",
        type="primary",
        icon=":material/play_arrow:",
        on_click=_start,
        args=(context, variant),
    )
    refused = state.recall(_REFUSED)
    if refused:
        tell(refused)
        state.remember(_REFUSED, None)


_FORM = "study"
_TEXTS = ("instructions", "consent", "categories", "practice")
_USUAL_PRACTICE = 3


def _what_raters_read() -> None:
    with st.expander("Texts and questions for raters", icon=":material/description:"):
        st.text_area(
            "Instructions",
            **state.text(_FORM, "instructions"),
            placeholder="Plain text, shown before the first image and kept within reach.",
            max_chars=MAX_TEXT,
        )
        st.text_area(
            "Consent text",
            **state.text(_FORM, "consent"),
            placeholder="Whoever takes part agrees to it first; when is written down.",
            max_chars=MAX_TEXT,
        )
        st.text_area(
            "Categories of your own",
            **state.text(_FORM, "categories"),
            placeholder="blurred = Blurred | Too blurred to tell\nclear = Clear",
            help="KEY = NAME | MEANING, one per line, 2 to 10; KEY is how the answer is stored, "
            "its meaning may be left out. Without any, the eight of Hooker et al. 2019.",
        )
        st.number_input(
            "Images of practice",
            0,
            MOST_PRACTICE,
            **state.amount(_FORM, "practice", _USUAL_PRACTICE),
            help="Judged first by everybody; they are none of the study's and count for nothing.",
        )
    state.filled(_FORM, _TEXTS)


def _start(context: Context, variant: str) -> None:
    size = int(state.widget(_SIZE) or _DEFAULT_SIZE)
    texts = state.filled(_FORM, _TEXTS)
    try:
        permissions.check("start a study")
        protocol = Protocol(
            str(texts["instructions"] or ""),
            str(texts["consent"] or ""),
            categories_from(str(texts["categories"] or "")),
        )
        name = start_study(
            context.results,
            variant,
            size=size,
            protocol=protocol,
            practice=int(texts["practice"] or 0),
        )
        state.remember(CHOSEN, (context.manifest.name, name))
    except LetheError as problem:
        state.remember(_REFUSED, str(problem))


def _of(n: int) -> str:
    size = int(state.widget(_SIZE) or _DEFAULT_SIZE)
    return f"{count(size)} of the {count(n)}" if size < n else f"all {count(n)}"


def _about_aa(n: int | None) -> str:
    if n is None:
        return (
            "no A/A PIEs, since a single dense run cannot be split into halves: answers on "
            "PIEs cannot be compared with answers on images that seeds alone change"
        )
    if n == 0:
        return "no A/A PIEs, since two halves of the dense runs agree on every image"
    return f"{_of(n)} A/A PIEs, on which two halves of the dense runs differ: what seeds alone make"


def why_not_writable(context: Context) -> str | None:
    """Say why nobody can annotate here; None where one can."""
    if permissions.is_read_only():
        return "The dashboard was started with --read-only: studies can be looked at, not added to."
    return context.results.folder.annotations.why_not_writable
