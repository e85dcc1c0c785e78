"""The images that the filters of the address let through, in the order it asks for."""

from functools import partial

import numpy as np
import numpy.typing as npt
import streamlit as st

from analysis import schema
from dashboard import data
from dashboard.context import Context
from dashboard.gallery import query, single
from dashboard.gallery.query import Found, ImageIndex
from dashboard.gallery.sort_keys import SORTS

Values = npt.NDArray[np.float64]
_EVERY = 1.0


def values(context: Context) -> Values | None:
    """Return what is sorted by, N values; None where the index holds it, or it is not there yet."""
    name = context.selection.sort
    sort = SORTS[name]
    if name == "stability":
        return data.stability(context.results, context.variant)
    if name == schema.IMAGE_ID or {sort.column, sort.minus or sort.column} <= {*ImageIndex.COLUMNS}:
        return None
    return sort.value(partial(data.image_values, context.results, context.variant))


def note(context: Context, found: Values | None) -> None:
    """Say what is unusual about the order that is shown."""
    sort = context.selection.sort
    if sort == "stability" and found is None:
        st.fragment(_waiting, run_every=_EVERY)(context)
    elif found is not None and np.isnan(found).all():
        st.caption(SORTS[sort].why_unknown)


def fact(context: Context, found: Values | None) -> list[tuple[str, str]]:
    """Return what is sorted by as a fact of the image that is open."""
    image = context.selection.image
    if found is None or image is None or np.isnan(found[image]):
        return []
    return [SORTS[context.selection.sort].written(float(found[image]))]


def facts(context: Context, image: int) -> list[tuple[str, str]]:
    """Return all of it that is known of one image by now."""
    names = ["breaking_point"] + ["dense_vote_entropy"] * (not single.is_single(context))
    known = {name: data.image_values(context.results, context.variant, name) for name in names}
    stability = data.stability(context.results, context.variant)
    if stability is not None:
        known["stability"] = stability
    return [
        SORTS[name].written(float(v[image])) for name, v in known.items() if not np.isnan(v[image])
    ]


def _waiting(context: Context) -> None:
    if data.stability(context.results, context.variant) is not None:
        st.rerun()
    st.caption(
        "PIE stability is being computed from 200 resamples of the seeds; until it is there, "
        "images are in the order of vote distance."
    )


def found(context: Context, index: ImageIndex, values: Values | None) -> Found:
    """Filter and sort the images of one variant, by ``values`` of :func:`sorting.values`."""
    return query.find(
        index,
        context.selection,
        context.results.class_names,
        data.categories(context.results),
        tags=data.marks(context.results.folder).tags,
        pies={
            one: data.image_index(context.results, one).pie
            for one in {*context.selection.pie_in, *context.selection.not_pie_in}
        },
        values=values,
    )
