"""Ask one rater about one image after the other; every answer is written down at once."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.errors import LetheError
from analysis.results.studies import is_of
from analysis.stats.raters import rater_order
from analysis.store.study import Study, comment_text, rater_name
from dashboard import data, permissions, state
from dashboard.annotate import introduction
from dashboard.context import Context, NothingYetError
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
    """Show the image to judge and the categories; the answer arrives as ``act``."""
    _rater(key=KEY, data=data, on_act_change=on_act)


_AHEAD = 10
_RATER, _NAME, _REFUSED = "annotate-rater-name", "annotate-name", "annotate-name-refused"


def rater_of(study: Study) -> str | None:
    """Return the rater of this session, spelled as in the study; None before a name is typed."""
    typed = state.recall(_RATER)
    return None if typed is None else rater_name(typed, study.known_raters())


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
    go_on(context, study, rater)


def go_on(context: Context, study: Study, rater: str, *, token: str | None = None) -> None:
    """Introduce the study where it is new to a rater, then ask about its images.

    Parameters
    ----------
    token
        Token of the link that the rater came by: other raters, results and files are not mentioned,
        and no answer is taken once it is withdrawn.
    """
    check_same_images(context, study)
    if not introduction.is_over(context, study, rater):
        introduction.show(context, study, rater, token)
        return
    introduction.again(study)
    guard = guarded if token is None else quietly
    st.fragment(guard(lambda: _images(context, study.name, rater, token)))()


NO_LINK = "This link leads to no study. Ask whoever sent it for a new one."


def check_same_images(context: Context, study: Study) -> None:
    """Check that the images of the study are those of the sweep.

    Raises
    ------
    NothingYetError
        They are others.
    """
    if not is_of(context.results, study):
        raise NothingYetError(
            f"{study.name} was drawn from other images than this sweep has now: nobody can go on "
            "rating it. Its answers stay under Results; a new study can be started."
        )


_LOG = logging.getLogger("lethe.dashboard")


def quietly(show: Callable[[], None]) -> Callable[[], None]:
    """Make a page for raters tell no more of its failures than that it cannot be shown."""

    def safely() -> None:
        try:
            show()
        except Exception:
            _LOG.exception("a rater's page could not be shown")
            tell("The study cannot be shown at the moment. Tell whoever sent you the link.")

    return safely


def _ask_name(study: Study) -> None:
    introduction.in_general(study)
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
        state.remember(_RATER, rater_name(str(state.widget(_NAME) or ""), study.known_raters()))
        state.remember(_REFUSED, None)
    except LetheError as problem:
        state.remember(_REFUSED, str(problem))


def _forget_rater() -> None:
    state.remember(_RATER, None)


def _images(context: Context, name: str, rater: str, token: str | None) -> None:
    who = f"{context.manifest.name}/{name}/{rater}"
    study = data.study(context.results, name)
    if not introduction.is_let_in(study, rater, token):
        tell(NO_LINK)
        return
    shown = _shown(context, study, rater, who)
    if token is not None and shown["problem"]:
        shown["problem"] = _NOT_SAVED
    sent = shown | {"isAlone": token is not None}
    _show_rater(sent, lambda: _act(context, name, rater, who, token))


_NOT_SAVED = "Not saved yet, trying again. Should this stay, tell whoever sent you the link."


def _shown(context: Context, study: Study, rater: str, who: str) -> dict[str, Any]:
    """Collect what the browser is sent: nothing that tells one group from another."""
    names, protocol = context.results.class_names, study.design.protocol
    practised = study.practice_of(rater)
    is_practice = len(practised) < len(protocol.practice) and not study.answers(rater)
    answers = practised if is_practice else study.answers(rater)
    labels = protocol.practice if is_practice else study.design.labels
    later = state.recall(_later(who), [])
    order = rater_order(sorted(labels), seed=study.design.seed, rater=rater).tolist()
    left = [image for image in order if image not in answers]
    postponed = [image for image in later if image in labels and image not in answers]
    upcoming = [image for image in left if image not in postponed] + postponed
    shown = upcoming[:_AHEAD]
    uris = data.thumbnail_uris(context.results, shown) if shown else []
    return {
        "who": who,
        "isPractice": is_practice,
        "done": len(answers),
        "total": len(order),
        "upcoming": [
            {"id": image, "src": uri, "label": names[labels[image]]}
            for image, uri in zip(shown, uris, strict=True)
        ],
        "categories": [vars(category) for category in protocol.categories],
        "acknowledged": state.recall(_acknowledged(who), {"token": "", "sequence": 0}),
        "problem": state.recall(_problem(who), ""),
    }


def _act(context: Context, name: str, rater: str, who: str, token_of_link: str | None) -> None:
    """Do what the browser asks, in order, each once; stop at what cannot be written."""
    event = state.event(KEY, "act")
    match event:
        case {"who": str(whose), "token": str(token), "actions": list(actions)} if whose == who:
            pass
        case _:
            return
    if not introduction.is_let_in(data.study(context.results, name), rater, token_of_link):
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
    protocol = study.design.protocol
    images = {**study.design.labels, **protocol.practice}
    match action:
        case {"type": "rate", "image": int(image), "category": str(category)}:
            before = {**study.answers(rater), **study.practice_of(rater)}.get(image)
            comment = comment_text(str(action.get("comment", "")))
            is_known = image in images and category in protocol.keys
            # Sent again after the server was started again: it stands already.
            stands = before is not None and (before.category, before.comment) == (category, comment)
            if is_known and not stands:
                kept.annotate(name, rater, image, category, comment)
            state.remember(_later(who), later)
        case {"type": "skip", "image": int(image)} if image in images:
            state.remember(_later(who), [*later, image])
        case {"type": "undo"}:
            kept.undo(name, rater)


def _later(who: str) -> str:
    return f"annotate-later-{who}"


def _acknowledged(who: str) -> str:
    return f"annotate-acknowledged-{who}"


def _problem(who: str) -> str:
    return f"annotate-problem-{who}"
