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
from dashboard.gallery.range_keys import is_metadata, sort_of_range
from dashboard.gallery.sort_keys import Sort, sort_of
from dashboard.text import plain

Values = npt.NDArray[np.float64]
_EVERY = 1.0


def values(context: Context) -> Values | None:
    """Return what is sorted by, N values; None where the index holds it, or it is not there yet."""
    sort = sort_of(context.selection.sort)
    if sort.key == schema.IMAGE_ID or _is_held(sort):
        return None
    return computed(context, sort)


def _is_held(sort: Sort) -> bool:
    return {sort.column, sort.minus or sort.column} <= {*ImageIndex.COLUMNS}


def computed(context: Context, sort: Sort) -> Values | None:
    """Return the N values of a sort; None while they are being computed."""
    if sort.key == "stability":
        return data.stability(context.results, context.variant)
    if is_metadata(sort.key):
        return data.numbers(context.results)[sort.column]
    if _is_held(sort):
        index = data.image_index(context.results, context.variant)
        return np.asarray(sort.value(index.column), np.float64)
    return sort.value(partial(data.image_values, context.results, context.variant))


def ranged(context: Context) -> dict[str, Values]:
    """Return the values of every column that a range filters by.

    One that is not known of any image, or not known yet, filters nothing.
    """
    found = _of_ranges(context)
    return {column: one for column, one in found.items() if not np.isnan(one).all()}


def _of_ranges(context: Context) -> dict[str, Values]:
    asked = {one.column: sort_of_range(one.column) for one in context.selection.ranges}
    values = {column: computed(context, sort) for column, sort in asked.items()}
    return {column: one for column, one in values.items() if one is not None}


def note(context: Context, found: Values | None) -> None:
    """Say what is unusual about the order that is shown."""
    sort = context.selection.sort
    waits = [one for one in context.selection.ranges if one.column == "stability"]
    if (sort == "stability" and found is None) or (
        waits and data.stability(context.results, context.variant) is None
    ):
        st.fragment(_waiting, run_every=_EVERY)(context)
    elif found is not None and np.isnan(found).all():
        st.caption(sort_of(sort).why_unknown)
    for column, one in _of_ranges(context).items():
        if np.isnan(one).all():
            of = sort_of_range(column)
            words = f"The range of {of.label} leaves no image out. {of.why_unknown}"
            st.caption(plain(words))


def fact(context: Context, found: Values | None) -> list[tuple[str, str]]:
    """Return what is sorted by as a fact of the image that is open."""
    image = context.selection.image
    if found is None or image is None or np.isnan(found[image]):
        return []
    return [sort_of(context.selection.sort).written(float(found[image]))]


def facts(context: Context, image: int) -> list[tuple[str, str]]:
    """Return all of it that is known of one image by now."""
    names = ["breaking_point"] + ["dense_vote_entropy"] * (not single.is_single(context))
    known = {name: data.image_values(context.results, context.variant, name) for name in names}
    stability = data.stability(context.results, context.variant)
    if stability is not None:
        known["stability"] = stability
    return [
        sort_of(name).written(float(v[image]))
        for name, v in known.items()
        if not np.isnan(v[image])
    ]


def _waiting(context: Context) -> None:
    if data.stability(context.results, context.variant) is not None:
        st.rerun()
    st.caption(
        "PIE stability is being computed from 200 resamples of the seeds; until it is there, "
        "images are in the order of vote distance, and a range of it leaves none out."
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
        numbers=ranged(context),
        values=values,
    )
