"""Image: one image at every variant, with all that is known of it."""

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from analysis.figures.image_votes import image_confidence, image_votes
from analysis.presentation.formatting import count
from analysis.results.code import table_code
from dashboard import context as contexts
from dashboard import data, pages, state
from dashboard.context import Context
from dashboard.figure_panel import figure, note
from dashboard.gallery import neighbors, single, sorts, tiles
from dashboard.gallery.query import Found, ImageIndex
from dashboard.gallery.variant_control import variant_filter
from dashboard.links import open_votes
from dashboard.selection import changed
from dashboard.state import open_page
from dashboard.text import alt_text, plain


def show() -> None:
    """Show one image."""
    context = single.settled(contexts.current())
    index = data.image_index(context.results, context.variant)
    found = sorts.found(context, index, sorts.values(context))
    context = _with_image(context, found)
    image_id = context.selection.image or 0
    _steps(context, found)
    left, right = st.columns([1, 2.4], gap="large")
    with left:
        _picture(context, index, image_id)
    with right, st.spinner("Reading what every run says"):
        runs = context.results.runs_on(image_id)
        code = table_code(context.results, "runs_on", image_id)
        names, label = context.results.class_names, int(context.results.label[image_id])
        votes = image_votes(runs, label=label, class_names=names, note=note(context))
        figure(
            context,
            votes,
            runs,
            name=f"image-{image_id}-votes",
            code=code,
            on_click=partial(open_votes, context),
        )
        sure = image_confidence(runs, class_names=names, note=note(context))
        figure(
            context,
            sure,
            runs,
            name=f"image-{image_id}-confidence",
            code=code,
            on_click=partial(open_votes, context),
        )
    neighbors.panel(context, index, image_id)


def _with_image(context: Context, found: Found) -> Context:
    """Take the first image of the gallery where the address names none."""
    if context.selection.image is not None:
        return context
    first = int(found.ids[0]) if len(found.ids) else 0
    return replace(context, selection=replace(context.selection, image=first))


def _steps(context: Context, found: Found) -> None:
    """Draw the id, and the way to its neighbours in the order of the gallery."""
    image_id = context.selection.image or 0
    (places,) = np.nonzero(found.ids == image_id)
    place = int(places[0]) if len(places) else None
    with st.container(horizontal=True, vertical_alignment="bottom", key="image-steps"):
        variant_filter(context)
        with st.container(key="filter-image", width=150):
            st.number_input(
                "Image id",
                0,
                context.n_images - 1,
                **state.bound(
                    "image",
                    image_id,
                    context.selection,
                    context.default_variant,
                    lambda now: {"image": int(now)},
                ),
            )
        for words, icon, step in (("Previous", "arrow_back", -1), ("Next", "arrow_forward", 1)):
            beyond = place is None or not 0 <= place + step < len(found.ids)
            st.button(
                words,
                icon=f":material/{icon}:",
                disabled=beyond,
                on_click=_go,
                args=(context, None if beyond or place is None else int(found.ids[place + step])),
            )
        to_gallery = st.button("Gallery", icon=":material/grid_view:")
        where = (
            f"{count(place + 1)} of {count(len(found.ids))} in the gallery"
            if place is not None
            else "not among the images of the gallery"
        )
        st.caption(where)
    if to_gallery:
        open_page(pages.page("gallery"), context.selection, context.default_variant)


def _go(context: Context, image_id: int | None) -> None:
    state.write(changed(context.selection, image=image_id), context.default_variant)


def _picture(context: Context, index: ImageIndex, image_id: int) -> None:
    uri = data.thumbnail_uris(context.results, [image_id])[0]
    tile = tiles.tile(context, index, image_id, uri)
    if uri:
        # Small pictures are stored as PNG, and shown crisp.
        smooth = "" if uri.startswith("data:image/png") else " smooth"
        st.html(f'<img class="lethe-picture{smooth}" src="{uri}" alt="{alt_text(tile["alt"])}">')
    else:
        st.caption("This sweep has no picture of the image.")
    more = sorts.facts(context)
    for name, value in tiles.facts(context, index, image_id, tile, more):
        st.markdown(f"**{plain(name)}**  \n{plain(value)}")
    if single.is_single(context):
        st.caption(single.MORE_RUNS)
    sorts.note(context, None)
