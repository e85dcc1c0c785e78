"""What people keep of a sweep in the gallery: tags, each step of which can be undone, and views."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from analysis.errors import LetheError
from analysis.presentation.formatting import many
from analysis.store.tags import LONGEST, checked_name
from dashboard import data, permissions, state
from dashboard.context import Context
from dashboard.gallery import selected
from dashboard.selection import to_params
from dashboard.text import plain

_TROUBLE = "marks-trouble"
_DONE = "tags-done"
_USED = "view-used"
_OF_TODAY = ("sweep", "page", "image")


def show_outcome(context: Context) -> None:
    """Say what went wrong, or what was done last and how it is undone."""
    trouble = state.recall(_TROUBLE) or data.marks_problem(context.results.folder)
    if trouble:
        st.error(plain(trouble))
        state.remember(_TROUBLE, None)
    done = _done(context)
    if done is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="tags-done"):
        st.caption(plain(done["words"]), width="content")
        st.button("Undo", icon=":material/undo:", key="tag-undo", on_click=_undo, args=(context,))
        st.button(
            "", icon=":material/close:", key="tag-undo-close", help="Leave it so",
            on_click=state.remember, args=(_DONE, None),
        )  # fmt: skip


def tags(context: Context, meant: selected.Ids) -> None:
    """Draw what gives images tags and takes them."""
    marked = data.marks(context.results.folder)
    st.text_input("Tag", max_chars=LONGEST, placeholder="For example: mislabelled", key="tag-name")
    st.button(
        f"Tag {many(len(meant), 'image')}",
        disabled=not len(meant),
        on_click=_tag,
        args=(context, meant),
        key="tag-give",
    )
    if not marked.tags:
        st.caption("Tags are kept beside the sweep, for everybody who opens it.")
        return
    st.caption("Kept beside the sweep. Add to these images, or take from them:")
    for tag, ids in marked.tags.items():
        n_here = int(np.isin(meant, ids).sum())
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{plain(tag)} ({len(ids):,})", width="stretch")
            for icon, step, disabled in (
                ("add", _add, n_here == len(meant)),
                ("remove", _take, not n_here),
            ):
                st.button(
                    "",
                    icon=f":material/{icon}:",
                    help="Tag these images" if icon == "add" else "Take the tag from these images",
                    disabled=disabled,
                    on_click=step,
                    args=(context, tag, meant),
                    key=f"tag-{icon}-{tag}",
                )


def _tag(context: Context, meant: selected.Ids) -> None:
    if _added(context, str(st.session_state.get("tag-name", "")), meant):
        st.session_state["tag-name"] = ""


def _add(context: Context, tag: str, meant: selected.Ids) -> None:
    _added(context, tag, meant)


def _added(context: Context, tag: str, meant: selected.Ids) -> bool:
    """Give images a tag; those that have it already are not among what is undone."""
    marks = context.results.folder.marks

    def change() -> None:
        before = marks.read().tags.get(checked_name(tag, "tag"), [])
        name = marks.tag(tag, meant)
        new = np.setdiff1d(meant, before)
        _remember(context, f"Tagged {many(len(new), 'image')} {name}.", "take", name, new)

    return _tried(change)


def _take(context: Context, tag: str, meant: selected.Ids) -> None:
    marks = context.results.folder.marks

    def change() -> None:
        had = np.intersect1d(meant, marks.read().tags.get(tag, []))
        marks.untag(tag, meant)
        _remember(context, f"Took {tag} from {many(len(had), 'image')}.", "give", tag, had)

    _tried(change)


def _remember(context: Context, words: str, undone_by: str, tag: str, ids: selected.Ids) -> None:
    of = context.manifest.name
    step = {"of": of, "words": words, "by": undone_by, "tag": tag, "ids": ids}
    state.remember(_DONE, step if len(ids) else None)


def _done(context: Context) -> dict[str, Any] | None:
    found: dict[str, Any] | None = state.recall(_DONE)
    is_here = found is not None and found["of"] == context.manifest.name
    return found if is_here and not permissions.is_read_only() else None


def _undo(context: Context) -> None:
    done, marks = _done(context), context.results.folder.marks
    if done is None:
        return
    step: Callable[..., Any] = marks.untag if done["by"] == "take" else marks.tag
    if _tried(lambda: step(done["tag"], done["ids"])):
        state.remember(_DONE, None)


def views(context: Context, is_writable: bool) -> None:
    """Draw the saved views, and what saves this one; a name that is used is asked about."""
    kept = data.marks(context.results.folder).views
    if not kept:
        st.caption("A view keeps the rule, filters and order, not the images of today.")
    for name, rule in kept.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                plain(name),
                on_click=_show,
                args=(context, rule),
                key=f"view-{name}",
                width="stretch",
            )
            if is_writable:
                st.button(
                    "",
                    icon=":material/delete:",
                    help="Forget this view",
                    on_click=_forget,
                    args=(context, name),
                    key=f"view-forget-{name}",
                )
    if not is_writable:
        return
    st.text_input("Name", max_chars=LONGEST, placeholder="Name of this view", key="view-name")
    st.button("Keep this view", on_click=_keep, args=(context,), key="view-keep")
    used = state.recall(_USED)
    if used in kept:
        st.warning(
            plain(f"A view is called {used} already. Replace it by this one, or choose a name."),
            icon=":material/help:",
        )
        with st.container(horizontal=True):
            st.button("Replace", on_click=_replace, args=(context, used), key="view-replace")
            st.button(
                "Leave it", on_click=state.remember, args=(_USED, None), key="view-leave"
            )  # fmt: skip


def _keep(context: Context) -> None:
    """Save the view, or ask first where another one has the name."""
    name = str(st.session_state.get("view-name", ""))
    rule = _rule(context)

    def change() -> None:
        called = checked_name(name, "view")
        there = context.results.folder.marks.read().views.get(called)
        if there not in (None, rule):
            state.remember(_USED, called)
            return
        context.results.folder.marks.save_view(called, rule)
        st.session_state["view-name"] = ""
        state.remember(_USED, None)

    _tried(change)


def _replace(context: Context, name: str) -> None:
    if _tried(lambda: context.results.folder.marks.save_view(name, _rule(context))):
        st.session_state["view-name"] = ""
        state.remember(_USED, None)


def _rule(context: Context) -> dict[str, list[str]]:
    rule = to_params(context.selection, default_variant=None)
    return {one: rule[one] for one in rule if one not in _OF_TODAY}


def _forget(context: Context, name: str) -> None:
    _tried(lambda: context.results.folder.marks.forget_view(name))


def _show(context: Context, rule: dict[str, list[str]]) -> None:
    st.query_params.from_dict({"sweep": [context.manifest.name], **rule})


def _tried(change: Callable[[], Any]) -> bool:
    try:
        permissions.check("keep tags or views")
        change()
    except LetheError as error:
        state.remember(_TROUBLE, str(error))
        return False
    return True
