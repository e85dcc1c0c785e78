"""Compare: two variants side by side, and the images that only one of them changed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from analysis import schema
from analysis.figures.overlap import pie_overlap
from analysis.presentation.formatting import count, percent, points
from analysis.results.code import table_code
from analysis.stats.pairs import WORDS
from analysis.stats.pie import KINDS
from dashboard import context as contexts
from dashboard import data, pending, state
from dashboard.context import Context, NothingYetError
from dashboard.export_panel import panel
from dashboard.figure_panel import figure, note
from dashboard.frames import frame
from dashboard.gallery import sets, single
from dashboard.gallery.component import strip
from dashboard.gallery.query import ImageIndex
from dashboard.gallery.variant_control import variant_filter
from dashboard.links import open_overlap
from dashboard.text import plain

_SHOWN = 12
_AA = ("aa", "aa_low", "aa_high")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


_METRICS = {
    "top1_mean": ("Top-1", percent),
    "pie_share": ("PIE share", percent),
    "pie_excess": ("PIE excess over the noise floor, points", points),
    "n_forgotten": ("Forgotten", count),
    "n_recovered": ("Recovered", count),
    "n_changed": ("Changed", count),
    "n_impacted_q": ("Classes impacted, q ≤ 0.05", count),
    "size_bytes": ("Size, bytes", count),
    "cev": ("CEV", _number),
    "sde": ("SDE", _number),
}
_OF_HALVES: dict[str, tuple[str, Callable[[float | None], str]]] = {
    "top1_change": ("Top-1 change, points", points),
    "share_forgotten": ("Forgotten", percent),
    "share_recovered": ("Recovered", percent),
    "share_changed": ("Changed", percent),
    "n_impacted_p": ("Classes impacted, p ≤ 0.05", _number),
    "n_impacted_q": ("Classes impacted, q ≤ 0.05", _number),
    "class_spread": ("Spread of classes beyond chance, points", points),
    "long_tail_slope": ("Recall a doubling of training images, points", points),
    "cev": ("CEV", _number),
    "sde": ("SDE", _number),
}
_LIKE_FOR_LIKE = (
    "A half of a variant's runs against a half of the dense runs, and what seeds alone make of the "
    "same figure: one half of the dense runs against the other (medians over splits, in brackets "
    "the smallest and the largest). CEV and SDE say how unevenly the classes' error rates change."
)


def show() -> None:
    """Show two variants."""
    context = contexts.current()
    one, other = _chosen(context)
    indices = {v: data.image_index(context.results, v) for v in (one, other)}
    pie = {v: index.pie for v, index in indices.items()}
    both = int((pie[one] & pie[other]).sum())
    either = int((pie[one] | pie[other]).sum())
    st.markdown(
        f"**{count(both)}** of {count(either)} images are PIEs of both "
        f"({percent(both / either if either else None)}, the Jaccard index); "
        f"**{count((pie[one] & ~pie[other]).sum())}** of {plain(one)} alone, "
        f"**{count((pie[other] & ~pie[one]).sum())}** of {plain(other)} alone."
    )
    _sets(context, indices, one, other)
    _both(context, indices[one], pie[other], one, other)
    _figures_of_merit(context, one, other)
    left, right = st.columns(2, gap="large")
    for place, variant_id, against in ((left, one, other), (right, other, one)):
        with place:
            _alone(context, indices[variant_id], variant_id, against, pie[against])
    overlap = context.results.overlap()
    drawn, code = pie_overlap(overlap, note=note(context)), table_code(context.results, "overlap")
    figure(
        context,
        drawn,
        overlap,
        name="pie-overlap",
        code=code,
        on_click=partial(open_overlap, context),
    )
    st.caption(
        "Two variants of unlike PIE counts cannot overlap fully, and two sets of PIEs that seeds "
        "alone make overlap too: images near a boundary change easily under either."
    )


def _chosen(context: Context) -> tuple[str, str]:
    ids, one = context.results.compressed_ids, context.variant
    others = [v for v in ids if v != one]
    if not others:
        raise NothingYetError("To compare takes two compressed variants with finished runs.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        variant_filter(context)
        with st.container(key="filter-other", width=260):
            other = st.selectbox("with", others, **state.local("other", others[0], others))
    return one, other if other in others else others[0]


def _sets(context: Context, indices: dict[str, ImageIndex], one: str, other: str) -> None:
    """Lead to the three sets that two variants make, whole and by kind."""
    for key, (words, filters) in zip(
        ("both", "here", "there"), sets.between(one, other), strict=True
    ):
        index = indices[filters["variant"]]
        against = indices[one if filters["variant"] == other else other]
        held = index.pie & (against.pie if key == "both" else ~against.pie)
        counts = {kind: int((held & (index.kind == i)).sum()) for i, kind in enumerate(KINDS)}
        with st.container(horizontal=True, vertical_alignment="center", key=f"compare-{key}"):
            st.markdown(f"**{plain(words[:1].upper() + words[1:])}**", width=290)
            sets.links(context, key, counts, filters)
    st.caption(f"Kinds of the images that both change are those of {plain(one)}.")


def _figures_of_merit(context: Context, one: str, other: str) -> None:
    summary = context.summary.set_index(schema.VARIANT_ID)
    rows = {
        label: [write(_value(summary, v, name)) for v in ("dense", one, other)]
        for name, (label, write) in _METRICS.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["dense", one, other])
    frame(table.rename_axis("Figure of merit").reset_index(), height="content")
    _beside_seeds(context, one, other)
    if single.is_single(context, one) or single.is_single(context, other):
        st.caption(single.NO_FLOOR)


def _beside_seeds(context: Context, one: str, other: str) -> None:
    """Show figures of halves beside those of A/A halves, once they are there."""
    if pending.is_pending(context):
        return
    tables = [context.results.halves(v, wait=False).set_index("scalar") for v in (one, other)]
    known = tables[0]["aa"].dropna().index
    if known.empty:
        return
    rows = {}
    for name in [name for name in _OF_HALVES if name in known]:
        label, write = _OF_HALVES[name]
        aa, low, high = (write(float(tables[0].loc[name, column])) for column in _AA)
        halves = [write(_or_none(table.loc[name, "half"])) for table in tables]
        rows[label] = [*halves, f"{aa} [{low}, {high}]"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[one, other, "seeds alone"])
    st.header("Beside what seeds alone do", anchor=False)
    frame(table.rename_axis("Of a half of the runs").reset_index(), height="content")
    st.caption(_LIKE_FOR_LIKE)


def _value(summary: pd.DataFrame, variant_id: str, name: str) -> float | None:
    return _or_none(summary.loc[variant_id, name])


def _or_none(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _alone(
    context: Context, index: ImageIndex, variant_id: str, against: str, others: np.ndarray
) -> None:
    (ids,) = np.nonzero(index.pie & ~others)
    ids, order = _ordered(context, index, variant_id, ids)
    first = ids[:_SHOWN]
    st.header(f"PIEs of {plain(variant_id)} alone", anchor=False)
    if not len(ids):
        st.caption(f"None: every PIE of it is one of {plain(against)} too.")
        return
    st.caption(f"{count(len(first))} of {count(len(ids))}, {order}.")
    strip(context, index, first.tolist(), variant_id)
    panel(
        context,
        ids,
        key=f"alone-{variant_id}",
        words=f"PIEs of {variant_id} that are none of {against}",
        variant_id=variant_id,
    )


def _ordered(
    context: Context, index: ImageIndex, variant_id: str, ids: np.ndarray
) -> tuple[np.ndarray, str]:
    """By vote distance, single models by the confidence lost; and that in words."""
    if single.is_single(context, variant_id):
        order, key = single.ordering(context, variant_id)
        return ids[np.argsort(-key[ids], kind="stable")], WORDS[order]
    return ids[np.argsort(-index.distance[ids], kind="stable")], "by falling vote distance"


def _both(context: Context, index: ImageIndex, others: np.ndarray, one: str, other: str) -> None:
    """Offer the images that are PIEs of both, in the order of the first."""
    (ids,) = np.nonzero(index.pie & others)
    if len(ids):
        panel(
            context,
            _ordered(context, index, one, ids)[0],
            key="both",
            label="Export the PIEs of both",
            words=f"PIEs of {one} and of {other}",
            variant_id=one,
        )
