"""Ask one rater about one image after the other; every answer is written down at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.errors import LetheError
from analysis.schema import CATEGORIES, KEYS
from analysis.stats.raters import rater_order
from analysis.store.study import Study, rater_name
from dashboard import data, permissions, state
from dashboard.context import Context
from dashboard.shell import guarded, tell
from dashboard.text import plain

_HERE = Path(__file__).resolve().parent
KEY = "annotate-rater"


def _source(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


_rater = st.components.v2.component(
    "lethe.rater",
    html='<div class="lethe-rater"></div>',
    css=_source("rater.css"),
    js=_source("rater.js"),
    isolate_styles=False,
)


def _show_rater(data: dict[str, Any], on_act: Callable[[], None]) -> None:
    """Show the image to judge and the categories; what is said of it arrives as ``act``."""
    _rater(key=KEY, data=data, on_act_change=on_act)


_AHEAD = 10
_RATER, _NAME, _REFUSED = "annotate-rater-name", "annotate-name", "annotate-name-refused"


def rater_of(study: Study) -> str | None:
    """Return who rates in this session, spelled as in the study; None before a name was given."""
    given = state.recall(_RATER)
    return None if given is None else rater_name(given, study.given)


def ask(context: Context, study: Study) -> None:
    """Ask for a name first, then about the images."""
    rater = rater_of(study)
    if rater is None:
        _ask_name(study)
        return
    with st.container(horizontal=True, vertical_alignment="center", key="annotate-who"):
        st.markdown(f"Rating as **{plain(rater)}**", width="content")
        st.button(
            "Another rater", type="tertiary", icon=":material/person:", on_click=_forget_rater
        )
    st.fragment(guarded(lambda: _images(context, study.name, rater)))()


def _ask_name(study: Study) -> None:
    st.markdown(
        "You see one image after the other with its label, and say with one key which of eight "
        "categories fits it best. Which images compression changed is not shown: they are mixed "
        "with others. Every answer is saved at once; the last ones can be taken back."
    )
    with st.form("annotate-who", width=420, border=False):
        st.text_input("Your name", key=_NAME, placeholder="As it shall stand in the results")
        st.form_submit_button("Begin", type="primary", on_click=_take_name, args=(study,))
    refused = state.recall(_REFUSED)
    if refused:
        tell(refused)
    if study.raters:
        total = len(study.design.labels)
        so_far = ", ".join(
            f"{plain(rater)} ({len(study.answers(rater))} of {total})" for rater in study.raters
        )
        st.caption(f"So far: {so_far}. The same name goes on where it stopped.")


def _take_name(study: Study) -> None:
    try:
        state.remember(_RATER, rater_name(str(state.widget(_NAME) or ""), study.given))
        state.remember(_REFUSED, None)
    except LetheError as problem:
        state.remember(_REFUSED, str(problem))


def _forget_rater() -> None:
    state.remember(_RATER, None)


def _images(context: Context, name: str, rater: str) -> None:
    who = f"{context.manifest.name}/{name}/{rater}"
    _show_rater(
        _shown(context, data.study(context.results, name), rater, who),
        lambda: _act(context, name, rater, who),
    )


def _shown(context: Context, study: Study, rater: str, who: str) -> dict[str, Any]:
    """Collect what the browser is sent: nothing that tells one group from another."""
    answers, names = study.answers(rater), context.results.class_names
    later = state.recall(_later(who), [])
    order = rater_order(study.images, seed=study.design.seed, rater=rater).tolist()
    left = [image for image in order if image not in answers]
    postponed = [image for image in later if image not in answers]
    upcoming = [image for image in left if image not in postponed] + postponed
    shown = upcoming[:_AHEAD]
    uris = data.thumbnail_uris(context.results, shown) if shown else []
    return {
        "who": who,
        "done": len(answers),
        "total": len(order),
        "upcoming": [
            {"id": image, "src": uri, "label": names[study.design.labels[image]]}
            for image, uri in zip(shown, uris, strict=True)
        ],
        "categories": [vars(category) for category in CATEGORIES],
        "acknowledged": state.recall(_acknowledged(who), {"token": "", "sequence": 0}),
        "problem": state.recall(_problem(who), ""),
    }


def _act(context: Context, name: str, rater: str, who: str) -> None:
    """Do what the browser asks, in order, each once; stop at what cannot be written."""
    event = state.event(KEY, "act")
    match event:
        case {"who": str(whose), "token": str(token), "actions": list(actions)} if whose == who:
            pass
        case _:
            return
    done = state.recall(_acknowledged(who), {"token": "", "sequence": 0})
    sequence = done["sequence"] if done["token"] == token else 0
    try:
        for action in actions:
            match action:
                case {"sequence": int(number)} if number > sequence:
                    _do(context, name, rater, who, action)
                    sequence = number
        state.remember(_problem(who), "")
    except LetheError as problem:
        state.remember(_problem(who), f"Not saved yet, trying again: {problem}")
    state.remember(_acknowledged(who), {"token": token, "sequence": sequence})


def _do(context: Context, name: str, rater: str, who: str, action: dict[str, Any]) -> None:
    permissions.check("keep answers")
    kept = context.results.folder.annotations
    study = data.study(context.results, name)
    later = [image for image in state.recall(_later(who), []) if image != action.get("image")]
    match action:
        case {"type": "rate", "image": int(image), "category": str(category)}:
            before = study.answers(rater).get(image)
            is_known = image in study.design.labels and category in KEYS
            # Sent again after the server was started anew: it stands already.
            if is_known and (before is None or before.category != category):
                kept.annotate(name, rater, image, category)
            state.remember(_later(who), later)
        case {"type": "skip", "image": int(image)} if image in study.design.labels:
            state.remember(_later(who), [*later, image])
        case {"type": "undo"}:
            kept.undo(name, rater)


def _later(who: str) -> str:
    return f"annotate-later-{who}"


def _acknowledged(who: str) -> str:
    return f"annotate-acknowledged-{who}"


def _problem(who: str) -> str:
    return f"annotate-problem-{who}"
