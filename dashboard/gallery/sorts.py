"""What the gallery can sort by besides the columns of its index.

The images that the filters of the address let through, for the pages that step through them.
"""

import numpy as np
import numpy.typing as npt
import streamlit as st

from analysis.presentation.formatting import percent
from dashboard import data
from dashboard.context import Context
from dashboard.gallery import query, single
from dashboard.gallery.query import Found, ImageIndex

Values = npt.NDArray[np.float64]
_EVERY = 1.0


def values(context: Context) -> Values | None:
    """Return what is sorted by, N values; None where the index holds it, or it is not there yet."""
    sort = context.selection.sort
    if sort == "stability":
        return data.stability(context.results, context.variant)
    if sort == "confidence_lost":
        return single.confidence_lost(context)
    if sort in ("breaking_point", "dense_vote_entropy"):
        return data.image_values(context.results, context.variant, sort)
    return None


def note(context: Context, found: Values | None) -> None:
    """Say what is unusual about the order that is shown."""
    sort = context.selection.sort
    if sort == "stability" and found is None:
        st.fragment(_waiting, run_every=_EVERY)(context)
    elif found is not None and np.isnan(found).all():
        st.caption(_WHY_UNKNOWN[sort])


def fact(context: Context, found: Values | None) -> list[tuple[str, str]]:
    """Return what is sorted by as a fact of the image that is open."""
    image = context.selection.image
    if found is None or image is None or np.isnan(found[image]):
        return []
    return [_fact(context.selection.sort, float(found[image]))]


def facts(context: Context, image: int) -> list[tuple[str, str]]:
    """Return all of it that is known of one image by now."""
    names = ["breaking_point"] + ["dense_vote_entropy"] * (not single.is_single(context))
    known = {name: data.image_values(context.results, context.variant, name) for name in names}
    stability = data.stability(context.results, context.variant)
    if stability is not None:
        known["stability"] = stability
    return [_fact(name, float(v[image])) for name, v in known.items() if not np.isnan(v[image])]


def _fact(name: str, value: float) -> tuple[str, str]:
    words: dict[str, tuple[str, str]] = {
        "stability": ("PIE stability", f"a PIE in {percent(value, 0)} of resampled seeds"),
        "breaking_point": ("Breaking point", f"a PIE from sparsity {value:g} on"),
        "confidence_lost": ("Confidence lost in the true class", f"{value:+.3f}"),
        "dense_vote_entropy": ("Dense vote entropy", f"{value:.2f} nats"),
    }
    return words[name]


_WHY_UNKNOWN = {
    "stability": "PIE stability needs two runs or more in both populations.",
    "breaking_point": "No image has a breaking point: this method has no levels of sparsity, or "
    "no PIE at its largest.",
    "confidence_lost": "The runs' confidence in the true class is not known.",
    "dense_vote_entropy": "The votes of the dense runs are not known.",
}


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
        values=values,
    )
