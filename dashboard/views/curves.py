"""Curves: every figure of merit against sparsity, all methods overlaid."""

import streamlit as st

from analysis.figures.curves import QUANTITIES, metric_curve
from analysis.figures.pie_accuracy import pie_accuracy
from analysis.figures.pie_kinds import pie_kinds
from analysis.figures.pie_share import pie_share
from dashboard import context as contexts
from dashboard.context import Context
from dashboard.figure_panel import figure, note, side_by_side


def show() -> None:
    """Show the curves."""
    context = contexts.current()
    _ = context.variant
    summary = context.results.summary()
    st.fragment(lambda: _metric(context))()
    with side_by_side("curves") as place:
        with place():
            figure(context, pie_share(summary, note=note(context)), summary, name="pie-share")
        with place():
            figure(context, pie_accuracy(summary, note=note(context)), summary, name="pie-accuracy")
    figure(context, pie_kinds(summary, note=note(context)), summary, name="pie-kinds")


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
        figure(context, drawn, rows, name=f"curve-{metric}")
