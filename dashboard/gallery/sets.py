"""Sets between variants: filters by what other variants do to an image, and what Compare shows."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.context import Context
from dashboard.gallery import slices
from dashboard.links import open_gallery
from dashboard.text import plain

_NAMES = {"not_pie_in": "Not a PIE in…", "pie_in": "Also a PIE in…"}


def variants_filter(context: Context) -> None:
    """Choose variants in which an image must not, or must, be a PIE as well."""
    ids = context.results.compressed_ids
    for name, label in _NAMES.items():
        chosen = list(getattr(context.selection, name))
        if len(ids) < 2 and not chosen:
            continue
        with st.container(key=f"filter-{name}"):
            _many(context, name, name, label, ids, chosen)


def not_tag_filter(context: Context, tags: list[str]) -> None:
    """Choose tags whose images are left out."""
    with st.container(key="filter-not_tag"):
        _many(context, "not_tag", "not_tags", "Not tagged", tags, list(context.selection.not_tags))


def slice_filter(context: Context) -> None:
    """Choose named slices, of which an image must be in one."""
    chosen = list(context.selection.slices)
    there = list(slices.kept(context.results))
    there += [name for name in chosen if name not in there]
    if there:
        with st.container(key="filter-slice"):
            _many(context, "slice", "slices", "Slice", there, chosen, placeholder="Any or none")


def _many(
    context: Context,
    name: str,
    field: str,
    label: str,
    options: list[str],
    chosen: list[str],
    placeholder: str = "None",
) -> None:
    st.multiselect(
        label,
        options,
        placeholder=placeholder,
        **state.bound(
            name,
            chosen,
            context.selection,
            context.default_variant,
            lambda now: {field: tuple(now)},
        ),
    )


def between(one: str, other: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the three sets that two variants make, in words and as filters of the gallery."""
    return [
        ("PIEs of both", {"variant": one, "pie_in": (other,)}),
        (f"of {one} alone", {"variant": one, "not_pie_in": (other,)}),
        (f"of {other} alone", {"variant": other, "not_pie_in": (one,)}),
    ]


def links(context: Context, key: str, counts: Mapping[str, int], filters: dict[str, Any]) -> None:
    """Draw a button a kind, and one for all of a set, that opens the gallery at its images.

    Parameters
    ----------
    counts
        Number of images of each kind.
    filters
        The set, as filters of the gallery.
    """
    with st.container(horizontal=True, gap="small", key=f"set-{key}"):
        for kind, n in {"": sum(counts.values()), **counts}.items():
            words = f"{kind} {n:,}" if kind else f"All {n:,} in the gallery"
            if st.button(
                plain(words),
                icon=None if kind else ":material/grid_view:",
                disabled=not n,
                key=f"set-{key}-{kind or 'all'}",
            ):
                open_gallery(context, **filters, **({"kinds": (kind,)} if kind else {}))
