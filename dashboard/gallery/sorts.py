"""The images that the filters of the address let through, in the order it asks for."""

from functools import partial

import numpy as np
import numpy.typing as npt
import streamlit as st

from analysis import schema
from dashboard import data
from dashboard.context import Context
from dashboard.gallery import query, single, slices
from dashboard.gallery.query import Found, ImageIndex
from dashboard.gallery.range_keys import is_metadata, sort_of_range
from dashboard.gallery.sort_keys import Sort, sort_of
from dashboard.pending import is_over
from dashboard.text import plain

Values = npt.NDArray[np.float64]
_EVERY = 1.0


def known(context: Context) -> tuple[str, ...]:
    """Name what can be sorted by, metadata of numbers too."""
    return (*single.sorts(context), *data.numbers(context.results))


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
    sorts = {one.column: sort_of_range(one.column) for one in context.selection.ranges}
    values = {column: computed(context, sort) for column, sort in sorts.items()}
    return {column: one for column, one in values.items() if one is not None}


def note(context: Context, found: Values | None) -> None:
    """Say what is unusual about the order that is shown."""
    if _waits_for_stability(context) or _lacks_facts(context):
        st.fragment(_waiting, run_every=_EVERY)(context)
    if found is not None and np.isnan(found).all():
        st.caption(sort_of(context.selection.sort).why_unknown)
    for column, one in _of_ranges(context).items():
        if np.isnan(one).all():
            of = sort_of_range(column)
            words = f"The range of {of.label} leaves no image out. {of.why_unknown}"
            st.caption(plain(words))


_FACTS = ("breaking_point", "stability", "kl", "dense_vote_entropy")


def facts(context: Context, sorted_by: Values | None = None) -> list[tuple[str, str]]:
    """Return what is known of the image that is open, and what it is sorted by."""
    image = context.selection.image
    if image is None:
        return []
    usual = [name for name in _FACTS if not (single.is_single(context) and _takes_runs(name))]
    known = _of_facts(context)
    listed = []
    for name in usual:
        values = known.get(name)
        if values is None:
            listed.append((sort_of(name).label, "being computed"))
        elif not np.isnan(values[image]):
            listed.append(sort_of(name).written(float(values[image])))
    sort = sort_of(context.selection.sort)
    if sorted_by is not None and sort.key not in usual and not np.isnan(sorted_by[image]):
        listed.append(sort.written(float(sorted_by[image])))
    return listed


def _takes_runs(name: str) -> bool:
    return sort_of(name).of_populations


def _of_facts(context: Context) -> dict[str, Values | None]:
    """Return N values of each fact; None of those that are being computed."""
    columns = {name: sort_of(name).column for name in _FACTS if name != "stability"}
    known = data.values_soon(context.results, context.variant, tuple(columns.values()))
    return {
        **{name: None if known is None else known[column] for name, column in columns.items()},
        "stability": None
        if single.is_single(context)
        else data.stability(context.results, context.variant),
    }


def _lacks_facts(context: Context) -> bool:
    usual = {name for name in _FACTS if not (single.is_single(context) and _takes_runs(name))}
    found = _of_facts(context) if context.selection.image is not None else {}
    return any(found[name] is None for name in usual & found.keys())


def _waiting(context: Context) -> None:
    """Draw the page again once all that it waits for is there."""
    if is_over(lambda: not _waits_for_stability(context) and not _lacks_facts(context)):
        st.rerun()
    if _waits_for_stability(context):
        st.caption(
            "PIE stability is being computed from 200 resamples of the seeds; until it is there, "
            "images are in the order of vote distance, and a range of it leaves none out."
        )


def _waits_for_stability(context: Context) -> bool:
    is_asked = context.selection.sort == "stability" or any(
        one.column == "stability" for one in context.selection.ranges
    )
    return is_asked and data.stability(context.results, context.variant) is None


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
        more=slices.masks(context.results, context.selection),
    )
