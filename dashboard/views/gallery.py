"""Gallery: the images on which compression changed the modal label, filtered and paged."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from dashboard import context as contexts
from dashboard import data, pages, state
from dashboard.context import Context
from dashboard.gallery import (
    actions,
    component,
    fates,
    filters,
    query,
    ranges,
    selected,
    single,
    sorts,
    tiles,
    variant_control,
)
from dashboard.selection import Selection, changed, without_filters
from dashboard.shell import guarded


def show() -> None:
    """Show the gallery; as a fragment, so that a filter runs nothing else again."""
    st.fragment(guarded(_gallery))()


_LEAVES = "gallery-leaves"


def _gallery() -> None:
    context = single.settled(contexts.current())
    if state.recall(_LEAVES):
        state.remember(_LEAVES, None)
        state.open_page(pages.page("image"), context.selection, context.default_variant)
    index = data.image_index(context.results, context.variant)
    metadata = data.categories(context.results)
    values = sorts.values(context)
    found = sorts.found(context, index, values)
    context = _within_pages(context, found)
    left, right = st.columns([1, 4.4], gap="medium")
    with right:
        filters.arrangement(context)
        actions.bar(context, found)
        sorts.note(context, values)
        fates.note(context)
        component.grid(
            tiles.grid_data(context, index, found), lambda: _act(component.GRID_KEY, context)
        )
        component.detail(
            tiles.detail_data(context, index, found, sorts.facts(context, values))
            | {"steps": variant_control.steps(context)},
            lambda: _act(component.DETAIL_KEY, context, found),
        )
    with left:
        # A narrow screen folds everything above the tiles; style.css shows the switches only there.
        with st.container(key="gallery-fold", horizontal=True):
            st.toggle("Filters", key="gallery-unfolded")
            st.toggle("Sort, export, tags", key="gallery-tools")
        with st.container(key="gallery-filters"):
            filters.filters(context, found.facets, metadata)
            ranges.panel(context, found)


def _within_pages(context: Context, found: query.Found) -> Context:
    selection = context.selection
    n_pages = found.n_pages(selection.per_page)
    if selection.page <= n_pages:
        return context
    st.caption(f"page={selection.page} is beyond the last of {n_pages:,}: showing page 1.")
    return replace(context, selection=replace(selection, page=1))


def _act(key: str, context: Context, found: query.Found | None = None) -> None:
    event = state.event(key, "act")
    if isinstance(event, dict):
        selected.hear(context, event)
        if event.get("type") == "variant":
            changes = variant_control.chosen(context, str(event.get("id")))
            moved = changed(context.selection, **changes)
        else:
            moved = _after(event, context.selection, found, sorts.known(context))
            state.remember(_LEAVES, event.get("type") == "image-page")
        state.write(moved, context.default_variant)


def _after(
    event: dict[str, Any],
    selection: Selection,
    found: query.Found | None,
    sorted_by: Sequence[str] = (),
) -> Selection:
    match event:
        case {"type": "page", "page": int(page)}:
            return changed(selection, page=max(page, 1))
        case {"type": "open", "id": int(image)}:
            moved = changed(selection, image=image)
            # Stepping past the end of a page turns the page behind the detail too.
            return moved if found is None else _turned(moved, found, image)
        case {"type": "sort", "sort": str(sort)} if sort in sorted_by:
            is_again = sort == selection.sort and selection.order == "desc"
            return changed(selection, sort=sort, order="asc" if is_again else "desc")
        case {"type": "close"}:
            return changed(selection, image=None)
        case {"type": "reset"}:
            return without_filters(selection)
        case {"type": "remove", "field": str(field), "value": str(value)}:
            return _removed(selection, field, value)
    return selection


def _turned(selection: Selection, found: query.Found, image: int) -> Selection:
    places = (found.ids == image).nonzero()[0]
    if not len(places):
        return selection
    return changed(selection, page=int(places[0]) // selection.per_page + 1)


_LISTS = (
    "classes", "becomes", "kinds", "tags", "scores", "not_classes", "not_tags", "pie_in",
    "not_pie_in", "slices",
)  # fmt: skip


def _removed(selection: Selection, field: str, value: str) -> Selection:
    default = getattr(Selection(), field)
    if field == "meta":
        pairs = tuple(pair for pair in selection.meta if ":".join(pair) != value)
        return changed(selection, meta=pairs)
    if field == "ranges":
        kept_ranges = tuple(one for one in selection.ranges if one.column != value)
        return changed(selection, ranges=kept_ranges)
    if field in _LISTS:
        kept = tuple(one for one in getattr(selection, field) if one != value)
        return changed(selection, **{field: kept})
    return changed(selection, **{field: default})
