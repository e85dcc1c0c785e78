"""Curves: every figure of merit against sparsity, all methods overlaid."""

from typing import Any

import streamlit as st

from analysis import schema
from analysis.figures.breaking_points import breaking_points
from analysis.figures.curves import QUANTITIES, metric_curve
from analysis.figures.pie_accuracy import pie_accuracy
from analysis.figures.pie_difficulty import pie_difficulty
from analysis.figures.pie_kinds import pie_kinds
from analysis.figures.pie_share import pie_share
from analysis.results.code import table_code, where
from dashboard import context as contexts
from dashboard.context import Context
from dashboard.figure_panel import figure, note, side_by_side
from dashboard.links import open_gallery


def show() -> None:
    """Show the curves."""
    context = contexts.current()
    _ = context.variant
    with st.spinner("Computing the curves"):
        summary = context.results.summary()
    st.fragment(lambda: _metric(context))()
    code = table_code(context.results, "summary")
    with side_by_side("curves") as place:
        with place():
            drawn = pie_share(summary, note=note(context))
            figure(context, drawn, summary, name="pie-share", code=code)
        with place():
            drawn = pie_accuracy(summary, note=note(context))
            figure(context, drawn, summary, name="pie-accuracy", code=code)
    with side_by_side("kinds") as place:
        with place():
            drawn = pie_kinds(summary, note=note(context))
            figure(context, drawn, summary, name="pie-kinds", code=code)
        with place():
            hard = pie_difficulty(summary, note=note(context))
            figure(context, hard, summary, name="pie-difficulty", code=code)
    broken = context.results.breaking_points()
    if not broken.empty:
        drawn = breaking_points(broken, note=note(context))
        code = table_code(context.results, "breaking_points")
        figure(context, drawn, broken, name="breaking-points", code=code)


def _metric(context: Context) -> None:
    curves = context.results.curves()
    there = set(curves["metric"])
    metrics = [metric for metric in QUANTITIES if metric in there]
    with st.container(key="filter-metric", width=360):
        metric = st.selectbox(
            "Metric", metrics, format_func=lambda one: QUANTITIES[one], key="curves-metric"
        )
    if metric is not None:
        rows = curves[curves["metric"] == metric]
        drawn = metric_curve(curves, metric=metric, note=note(context))
        figure(
            context,
            drawn,
            rows,
            name=f"curve-{metric}",
            code=table_code(context.results, "curves") + where("metric", metric),
            on_click=lambda point: _open(context, drawn.data[point["curve_number"]].name, point),
        )
        st.caption("Click a point to see the PIEs of its variant.")


def _open(context: Context, method: str, point: dict[str, Any]) -> None:
    """Open the gallery at the variant whose point was clicked, if it is one."""
    summary = context.results.summary()
    ids = context.results.compressed_ids
    ours = summary[summary[schema.VARIANT_ID].isin(ids) & (summary[schema.METHOD] == method)]
    if ours.empty:
        return
    distance = (ours[schema.SPARSITY].astype(float) - float(point["customdata"][0])).abs()
    nearest = ours[schema.VARIANT_ID].iloc[int(distance.fillna(0).to_numpy().argmin())]
    open_gallery(context, variant=str(nearest))
