"""Ranges of the gallery: a slider each, beside the histogram of the images it chooses among.

What they are of takes long on a large sweep, so there they are computed on request.
"""

from typing import Any

import numpy as np
import streamlit as st

from analysis.presentation.formatting import count
from dashboard import data, state
from dashboard.context import Context
from dashboard.gallery import single, sorts
from dashboard.gallery.query import Found
from dashboard.gallery.range_keys import (
    COLUMNS,
    Range,
    Scale,
    Values,
    histogram,
    scale_of,
    sort_of_range,
)
from dashboard.text import alt_text, plain

_KEY = "gallery-ranges"
# Up to so many predictions (images x runs) the values are there at once.
_AT_ONCE = 200_000


def panel(context: Context, found: Found) -> None:
    """Draw the ranges; those that filter already are always drawn."""
    chosen = {one.column: one for one in context.selection.ranges}
    opened = st.expander("Ranges", expanded=is_small(context), key=_KEY, on_change="rerun")
    columns = offered(context) if opened.open else list(chosen)
    with opened if opened.open else st.container():
        for column in dict.fromkeys([*columns, *chosen]):
            _one(context, found, column, chosen)


def is_small(context: Context) -> bool:
    """Whether the predictions are so few that what is made of them all is there at once."""
    return context.n_images * max(len(context.manifest.seeds), 1) <= _AT_ONCE


def offered(context: Context) -> list[str]:
    """Name the columns that a range can be of; those with a filter of their values are not."""
    listed = data.categories(context.results)
    numbers = [
        name for name in data.numbers(context.results) if name.removeprefix("meta_") not in listed
    ]
    is_single = single.is_single(context)
    usual = [name for name in COLUMNS if not (is_single and sort_of_range(name).of_populations)]
    return [*usual, *numbers]


def _one(context: Context, found: Found, column: str, chosen: dict[str, Range]) -> None:
    sort, now = sort_of_range(column), chosen.get(column)
    values = sorts.computed(context, sort)
    scale = None if values is None else scale_of(values)
    if values is None or scale is None:
        if now is not None or values is None:
            reason = "being computed" if values is None else "the same everywhere, or not known"
            st.caption(f"{plain(sort.label)}: {reason}.")
        return
    low, high = scale.clipped(now.low, now.high) if now else (scale.low, scale.high)
    among = values[found.without(f"range:{column}", context.n_images)]
    with st.container(key=f"filter-range-{column}", gap=None):
        st.html(bars(among, scale, (low, high), sort.label))
        st.slider(
            plain(sort.label),
            scale.low,
            scale.high,
            step=scale.step,
            format=scale.format,
            **state.bound(
                f"range-{column}",
                (low, high),
                context.selection,
                context.default_variant,
                lambda ends: _with_range(context, column, scale, ends),
            ),
        )


def _with_range(context: Context, column: str, scale: Scale, ends: Any) -> dict[str, Any]:
    low, high = (round(float(one), scale.digits) for one in ends)
    others = tuple(one for one in context.selection.ranges if one.column != column)
    made = () if scale.is_whole(low, high) else (Range(column, low, high),)
    return {"ranges": (*others, *made)}


def bars(among: Values, scale: Scale, chosen: tuple[float, float], label: str) -> str:
    """Draw a histogram as HTML, the bars inside the chosen range in colour.

    Parameters
    ----------
    among
        The values of the images that every other filter lets through.
    """
    counts = histogram(among, scale)
    most, width = max(max(counts), 1), (scale.high - scale.low) / len(counts)
    drawn = []
    for place, n in enumerate(counts):
        low = scale.low + place * width
        # Roots keep a bin of few images in sight beside one of many.
        height = 100 * float(np.sqrt(n / most))
        is_in = low + width > chosen[0] and low <= chosen[1]
        drawn.append(
            f'<i class="lethe-bin{" lethe-in" * is_in}" style="height: {height:.0f}%"></i>'
        )
    n_known = int(np.isfinite(among).sum())
    words = f"{label}: {count(n_known)} images between {scale.low:g} and {scale.high:g}"
    return (
        f'<div class="lethe-histogram" data-testid="range-histogram" role="img" '
        f'aria-label="{alt_text(words)}">{"".join(drawn)}</div>'
    )
