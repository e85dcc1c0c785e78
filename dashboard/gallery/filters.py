"""The filters of the gallery: Streamlit widgets, each tied to the selection, with counts."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from analysis.stats.pie import KINDS
from analysis.wording import count
from dashboard import state
from dashboard.context import Context
from dashboard.gallery import single
from dashboard.gallery.class_filter import class_filter
from dashboard.gallery.counted import counted, understood
from dashboard.gallery.query import Facets
from dashboard.gallery.tiles import KIND_ICONS
from dashboard.selection import CLASS_OF, MAX_PER_PAGE, ORDERS, POPULATIONS, TILES, WHOLE
from dashboard.text import plain

_POPULATIONS = {"pies": "PIEs", "non-pies": "Non-PIEs", "all": "All images"}
_CLASS_OF = {"label": "True", "dense": "Dense", "variant": "Variant"}
_SORTS = {
    "vote_distance": "Vote distance",
    "agreement_drop": "Agreement drop",
    "accuracy_drop": "Accuracy drop",
    "dense_confidence": "Dense confidence",
    "confidence_lost": "Confidence lost",
    "dense_vote_entropy": "Dense vote entropy",
    "breaking_point": "Breaking point",
    "stability": "PIE stability",
    "label": "True label",
    "image_id": "Image id",
}
_ORDERS = {"desc": "Falling", "asc": "Rising"}
_TILES = {"small": "S", "medium": "M", "large": "L"}
_PER_PAGE = (24, 60, 120, MAX_PER_PAGE)


def variant_filter(context: Context) -> None:
    """Choose the variant."""
    with st.container(key="filter-variant"):
        st.selectbox(
            "Variant",
            context.results.compressed_ids,
            **_bound(context, "variant", context.variant),
        )


def filters(context: Context, facets: Facets, metadata: dict[str, pd.Categorical]) -> None:
    """Draw every filter, the number of images each option would show beside it."""
    selection = context.selection
    variant_filter(context)
    with st.container(key="filter-population"):
        st.radio(
            "Population",
            POPULATIONS,
            format_func=counted(facets.population, _POPULATIONS),
            **_bound(
                context,
                "population",
                selection.population,
                options=POPULATIONS,
                words=_POPULATIONS,
            ),
        )
    _kind_filter(context, facets.kind)
    class_filter(context, "class", "classes", "Class", facets.classes, "All classes")
    with st.container(key="filter-class_of"):
        st.segmented_control(
            "Class by",
            CLASS_OF,
            required=True,
            format_func=lambda one: _CLASS_OF[one],
            help="Whose class is meant: the true label, the modal label of the dense models, or "
            "that of the chosen variant.",
            **_bound(context, "class_of", selection.class_of),
        )
    class_filter(context, "becomes", "becomes", "Variant says", facets.becomes, "Any class")
    if facets.tags:
        _tag_filter(context, facets.tags)
    is_single = single.is_single(context)
    for name, label in (("agreement", "Agreement, %"), ("distance", "Vote distance, %")):
        if is_single and getattr(selection, name) == WHOLE:
            continue
        with st.container(key=f"filter-{name}"):
            st.slider(label, 0, 100, **_bound(context, name, getattr(selection, name)))
    for column, values in metadata.items():
        _meta_filter(context, column, values, facets.meta[column])
    if is_single:
        instead = (
            "Tiles show the confidence in the true class instead."
            if single.is_known(context)
            else "The confidence in the true class, which tiles would show instead, is not known."
        )
        st.caption(f"{single.MORE_RUNS} {instead}")


def _kind_filter(context: Context, counts: dict[str, int]) -> None:
    chosen = context.selection.kinds
    with st.container(key="filter-kind"):
        st.markdown(
            "**Kind of PIE**",
            help="Forgotten: the dense modal label is right, the variant's wrong. Recovered: the "
            "reverse. Changed: both are wrong.",
        )
        for kind in KINDS:
            others = [one for one in chosen if one != kind]
            st.checkbox(
                f"{KIND_ICONS[kind]} {kind} ({count(counts[kind])})",
                **state.bound(
                    f"kind-{kind}",
                    kind in chosen,
                    context.selection,
                    context.default_variant,
                    partial(_with_kind, others, kind),
                ),
            )


def _with_kind(others: list[str], kind: str, is_chosen: bool) -> dict[str, Any]:
    kept = {*others, *([kind] if is_chosen else [])}
    return {"kinds": tuple(one for one in KINDS if one in kept)}


def arrangement(context: Context) -> None:
    """Draw sort, order, tile size and page size in one row."""
    selection = context.selection
    with st.container(horizontal=True, vertical_alignment="bottom", key="gallery-arrangement"):
        with st.container(key="filter-sort", width=165):
            st.selectbox(
                "Sort by",
                single.sorts(context),
                format_func=lambda one: _SORTS[one],
                **_bound(context, "sort", selection.sort),
            )
        _switch(context, "order", "Order", ORDERS, _ORDERS)
        _switch(context, "tile", "Tile size", TILES, _TILES)
        with st.container(key="filter-per_page", width=110):
            st.selectbox(
                "A page",
                sorted({*_PER_PAGE, selection.per_page}),
                **_bound(context, "per_page", selection.per_page),
            )


def _switch(
    context: Context, name: str, label: str, options: tuple[str, ...], words: dict[str, str]
) -> None:
    with st.container(key=f"filter-{name}", width="content"):
        st.segmented_control(
            label,
            options,
            required=True,
            format_func=lambda one: words[one],
            **_bound(context, name, getattr(context.selection, name)),
        )


def _meta_filter(
    context: Context, column: str, values: pd.Categorical, counts: dict[str, int]
) -> None:
    chosen = [value for name, value in context.selection.meta if name == column]
    others = tuple(pair for pair in context.selection.meta if pair[0] != column)
    with st.container(key=f"filter-meta-{column}"):
        st.multiselect(
            plain(column),
            list(values.categories),
            format_func=counted(counts),
            placeholder="All values",
            **state.bound(
                f"meta-{column}",
                chosen,
                context.selection,
                context.default_variant,
                lambda now: {
                    "meta": (
                        *others,
                        *((column, one) for one in understood(now, list(values.categories))),
                    )
                },
            ),
        )


def _tag_filter(context: Context, counts: dict[str, int]) -> None:
    with st.container(key="filter-tag"):
        st.multiselect(
            "Tag",
            list(counts),
            format_func=counted(counts),
            placeholder="Any or none",
            **_bound(context, "tag", list(context.selection.tags), "tags", options=list(counts)),
        )


def _bound(
    context: Context,
    name: str,
    value: Any,
    field: str | None = None,
    *,
    options: Sequence[str] = (),
    words: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Tie a widget to the selection; ``options`` and ``words`` where its labels carry numbers."""

    def change(now: Any) -> dict[str, Any]:
        meant = understood(now, options, words) if options else now
        return {field or name: tuple(meant) if isinstance(meant, list | tuple) else meant}

    return state.bound(name, value, context.selection, context.default_variant, change)
