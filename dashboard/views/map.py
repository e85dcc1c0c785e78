"""Map: all images in two dimensions, alike ones together; what is selected opens in the gallery."""

from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from analysis.errors import LetheError
from analysis.stats.image_map import MOST_LAID_OUT, SAMPLE, Map
from dashboard import context as contexts
from dashboard import data, feature_data, state
from dashboard.context import Context
from dashboard.gallery import query, slices, tiles
from dashboard.gallery.filters import class_filter
from dashboard.gallery.query import ImageIndex
from dashboard.gallery.variant_control import variant_filter
from dashboard.map import component, shapes, slices_panel, waiting
from dashboard.map.coloring import Coloring, choices, coloring
from dashboard.selection import Selection, changed
from dashboard.shell import guarded
from dashboard.text import plain

_EVERY = 1.0
_POINTED = "map-pointed"
Bools = npt.NDArray[np.bool_]


def show() -> None:
    """Show the map; as a fragment, so that a filter runs nothing else again."""
    st.fragment(guarded(_page))()


def _page() -> None:
    context = contexts.current()
    index = data.image_index(context.results, context.variant)
    placed = feature_data.image_map(context.results)
    if placed is None:
        waiting.not_yet(context)
        return
    found = _found(context, index)
    left, right = st.columns([1, 4.4], gap="medium")
    with left:
        with st.container(key="gallery-fold"):
            st.toggle("Filters", key="gallery-unfolded")
        with st.container(key="gallery-filters"):
            by = _controls(context, found)
            slices_panel.listed(context)
    with right:
        colored = coloring(context, index, by)
        if colored is None:
            st.fragment(_waiting, run_every=_EVERY)(context, index, by)
            colored = coloring(context, index, "kind")
            assert colored is not None
        _drawn(context, index, found, placed, colored)


def _found(context: Context, index: ImageIndex) -> query.Found:
    """Find the images that the filters by class let through: on the map no other leaves any out."""
    here = context.selection
    only = Selection(
        population="all", classes=here.classes, class_of=here.class_of, not_classes=here.not_classes
    )
    return query.find(index, only, context.results.class_names, {})


def _controls(context: Context, found: query.Found) -> str:
    """Draw the filters; return what points are coloured by."""
    variant_filter(context)
    named = choices(context)
    with st.container(key="filter-color"):
        by = st.selectbox(
            "Colour by",
            list(named),
            format_func=lambda one: named[one],
            **state.local("color", "kind", list(named)),
        )
    class_filter(context, "class", "classes", "Class", found.facets.classes, "All classes")
    class_filter(
        context, "not_class", "not_classes", "Class is not", found.facets.not_classes,
        "None left out",
    )  # fmt: skip
    return str(by)


def _drawn(
    context: Context, index: ImageIndex, found: query.Found, placed: Map, colored: Coloring
) -> None:
    shown = np.zeros(context.n_images, np.bool_)
    shown[found.ids] = True
    masks = list(slices.masks(context.results, context.selection).values())
    chosen = np.logical_and.reduce([*masks, shown]) if masks else None
    slices_panel.bar(context, None if chosen is None else np.flatnonzero(chosen).astype(np.int64))
    component.draw(
        component.map_data(placed, shown, colored, chosen, context.manifest.name),
        lambda: _act(context, placed, shown, colored),
    )
    st.fragment(_tip)(context, index)
    st.caption(plain(_words(context)))


def _words(context: Context) -> str:
    text = (
        f"Features: {feature_data.about(context.results)}. Laid out by UMAP: images close "
        "together have alike features; how far groups lie apart means little. Point at an image to "
        "see it, click to keep it in sight."
    )
    if context.n_images > MOST_LAID_OUT:
        text += (
            f" Of so many images {SAMPLE:,} drawn at random are laid out, and the others lie among "
            "those that are nearest to them."
        )
    return text


def _act(context: Context, placed: Map, shown: Bools, colored: Coloring) -> None:
    ids = _meant(state.event(component.MAP_KEY, "act"), placed, colored)
    if ids is None:
        return
    ids = ids[shown[ids]]
    if not len(ids):
        slices_panel.clear(context)
        return
    try:
        text = feature_data.keep_selected(context.results, ids)
    except LetheError as error:
        slices_panel.failed(str(error))
        return
    state.write(changed(context.selection, selected=text, slices=()), context.default_variant)


def _meant(event: Any, placed: Map, colored: Coloring) -> npt.NDArray[np.int64] | None:
    """Return the images that the browser means; None where it says nothing that can be read."""
    match event:
        case {"type": "shape", "points": points}:
            corners = shapes.read_corners(points)
            return None if corners is None else shapes.inside(placed, corners)
        case {"type": "code", "code": int(code)} if 0 <= code < len(colored.colors):
            return np.flatnonzero(colored.codes == code).astype(np.int64)
    return None


def _tip(context: Context, index: ImageIndex) -> None:
    """Draw the card of the image under the pointer; the map stays as it is."""
    image_id = state.recall(_POINTED)
    card = None
    if isinstance(image_id, int) and 0 <= image_id < context.n_images:
        uri = data.thumbnail_uris(context.results, [image_id])[0]
        tile = tiles.tile(context, index, image_id, uri)
        card = {
            "id": image_id,
            "src": uri,
            "alt": tile["alt"],
            "title": f"Image {image_id}: {tile['label']}",
            "lines": [f"{tile['dense']} → {tile['variant']}", f"{tile['icon']} {tile['kindText']}"],
            "link": tiles.link(context, image=image_id),
        }
    component.tip(f"{context.manifest.name} {context.variant}", card, _ask)


def _ask() -> None:
    event = state.event(component.TIP_KEY, "ask")
    if isinstance(event, dict) and isinstance(event.get("id"), int):
        state.remember(_POINTED, event["id"])


def _waiting(context: Context, index: ImageIndex, by: str) -> None:
    if coloring(context, index, by) is not None:
        st.rerun()
    st.caption("What the points are to be coloured by is being computed; until then, kinds of PIE.")
