"""What is done with the images that are selected on the map, and the slices that are kept."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from analysis.errors import LetheError
from analysis.presentation.formatting import count, many
from analysis.store.tags import LONGEST, checked_name
from dashboard import permissions, state
from dashboard.context import Context
from dashboard.gallery import slices
from dashboard.links import open_gallery
from dashboard.selection import changed
from dashboard.text import plain

Ids = npt.NDArray[np.int64]
_TROUBLE = "slices-trouble"
_USED = "slice-used"
_REMOVING = "slice-removing"


def bar(context: Context, chosen: Ids | None) -> None:
    """Draw what can be done with the selected images; None where nothing is selected."""
    trouble = state.recall(_TROUBLE)
    if trouble:
        st.error(plain(trouble))
        state.remember(_TROUBLE, None)
    if chosen is None:
        st.caption(
            "Draw a lasso or a rectangle around images, or choose an entry of the legend, to "
            "select them."
        )
        return
    with st.container(horizontal=True, vertical_alignment="center", key="map-selected"):
        st.markdown(f"**{many(len(chosen), 'image')} selected**", width="content")
        to_gallery = st.button(
            "Open in gallery",
            icon=":material/grid_view:",
            disabled=not len(chosen),
            key="map-gallery",
            type="primary",
        )
        if not permissions.is_read_only():
            popover = st.popover(
                "Save as slice",
                icon=":material/bookmark_add:",
                key="map-slice",
                disabled=not len(chosen),
                on_change="rerun",
            )
            with popover:
                if popover.open:
                    _saving(context, chosen)
        st.button(
            "Clear", icon=":material/deselect:", key="map-clear", on_click=clear, args=(context,)
        )
    if to_gallery:
        here = context.selection
        open_gallery(
            context,
            population="all",
            selected=here.selected,
            slices=here.slices,
            classes=here.classes,
            class_of=here.class_of,
            not_classes=here.not_classes,
        )


def clear(context: Context) -> None:
    """Select nothing."""
    now = changed(context.selection, selected=None, slices=())
    state.write(now, context.default_variant)


def _saving(context: Context, chosen: Ids) -> None:
    st.text_input("Name", max_chars=LONGEST, placeholder="For example: blurred", key="slice-name")
    st.button(
        f"Keep {many(len(chosen), 'image')}",
        key="slice-keep",
        on_click=_keep,
        args=(context, chosen),
    )
    used = state.recall(_USED)
    if used in slices.kept(context.results):
        st.warning(
            plain(f"A slice is called {used} already. Replace it by these images, or rename."),
            icon=":material/help:",
        )
        with st.container(horizontal=True):
            st.button(
                "Replace", on_click=_replace, args=(context, used, chosen), key="slice-replace"
            )
            st.button("Leave it", on_click=state.remember, args=(_USED, None), key="slice-leave")


def _keep(context: Context, chosen: Ids) -> None:
    """Keep the images, or ask first where other ones have the name."""
    name = str(st.session_state.get("slice-name", ""))
    marks = context.results.folder.marks

    def change() -> None:
        called = checked_name(name, "slice")
        there = marks.read().slices.get(called)
        if there is not None and there != chosen.tolist():
            state.remember(_USED, called)
            return
        _kept(context, called, chosen)

    _tried(change)


def _replace(context: Context, name: str, chosen: Ids) -> None:
    _tried(lambda: _kept(context, name, chosen))


def _kept(context: Context, name: str, chosen: Ids) -> None:
    context.results.folder.marks.save_slice(name, chosen)
    st.session_state["slice-name"] = ""
    state.remember(_USED, None)


def listed(context: Context) -> None:
    """List the slices that are kept: each is shown by its name, and removed after asking."""
    there = slices.kept(context.results)
    if not there:
        return
    st.markdown("**Slices**")
    is_writable = not permissions.is_read_only()
    for name, ids in there.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                f"{plain(name)} ({count(len(ids))})",
                key=f"slice-{name}",
                on_click=_show,
                args=(context, name),
                type="primary" if name in context.selection.slices else "secondary",
                width="stretch",
            )
            if is_writable:
                st.button(
                    "",
                    icon=":material/delete:",
                    help="Remove this slice",
                    key=f"slice-remove-{name}",
                    on_click=state.remember,
                    args=(_REMOVING, name),
                )
        if is_writable and state.recall(_REMOVING) == name:
            st.warning(f"Remove the slice {plain(name)}? Its images stay.", icon=":material/help:")
            with st.container(horizontal=True):
                st.button("Remove", key="slice-forget", on_click=_forget, args=(context, name))
                st.button(
                    "Keep it", key="slice-stay", on_click=state.remember, args=(_REMOVING, None)
                )


def _show(context: Context, name: str) -> None:
    now = changed(context.selection, slices=(name,), selected=None)
    state.write(now, context.default_variant)


def _forget(context: Context, name: str) -> None:
    state.remember(_REMOVING, None)
    if _tried(lambda: context.results.folder.marks.forget_slice(name)):
        rest = tuple(one for one in context.selection.slices if one != name)
        state.write(changed(context.selection, slices=rest), context.default_variant)


def _tried(change: Callable[[], Any]) -> bool:
    try:
        permissions.check("keep slices")
        change()
    except LetheError as error:
        failed(str(error))
        return False
    return True


def failed(problem: str) -> None:
    """Say with the next page what went wrong."""
    state.remember(_TROUBLE, problem)
