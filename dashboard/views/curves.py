"""Curves: every figure of merit against sparsity, all methods overlaid."""

from functools import partial
from typing import TypeAlias

import pandas as pd
import streamlit as st

from analysis import schema
from analysis.figures.breaking_points import breaking_points
from analysis.figures.curves import QUANTITIES, metric_curve
from analysis.figures.hardness import pie_accuracy, pie_difficulty
from analysis.figures.pies import pie_kinds, pie_share
from analysis.figures.trade_off import COSTS, trade_off, usual_cost
from analysis.results.code import table_code, where
from dashboard import context as contexts
from dashboard import data, state
from dashboard.context import Context
from dashboard.figure_panel import figure, note, side_by_side
from dashboard.gallery.filters import class_choice
from dashboard.links import open_breaking_point, open_kind, open_on_curve, open_variant
from dashboard.shell import guarded

# The table that is drawn, the quantity in words, and the lines that give the table.
_Drawn: TypeAlias = tuple[pd.DataFrame | None, str, str]
_OF = {"all": "All images", "class": "One class", "value": "One attribute value"}


def show() -> None:
    """Show the curves."""
    context = contexts.current()
    _ = context.variant
    with st.spinner("Computing the curves"):
        summary = context.summary
    st.fragment(guarded(lambda: _metric(context)))()
    code = table_code(context.results, "summary")
    to_variant = partial(open_variant, context)
    with side_by_side("curves") as place:
        with place():
            drawn = pie_share(summary, note=note(context))
            figure(context, drawn, summary, name="pie-share", code=code, on_click=to_variant)
        with place():
            drawn = pie_accuracy(summary, note=note(context))
            figure(context, drawn, summary, name="pie-accuracy", code=code, on_click=to_variant)
    st.fragment(guarded(lambda: _trade_off(context, summary)))()
    with side_by_side("kinds") as place:
        with place():
            drawn = pie_kinds(summary, note=note(context))
            figure(
                context,
                drawn,
                summary,
                name="pie-kinds",
                code=code,
                on_click=partial(open_kind, context),
            )
        with place():
            hard = pie_difficulty(summary, note=note(context))
            figure(context, hard, summary, name="pie-difficulty", code=code, on_click=to_variant)
    broken = data.breaking_points(context.results)
    if not broken.empty:
        drawn = breaking_points(broken, note=note(context))
        code = table_code(context.results, "breaking_points")
        figure(
            context,
            drawn,
            broken,
            name="breaking-points",
            code=code,
            on_click=partial(open_breaking_point, context),
        )


def _metric(context: Context) -> None:
    """Draw one quantity: of all images, of a class, or of the images of an attribute's value."""
    attributes = _attributes(context)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        of = _OF if attributes else {one: _OF[one] for one in ("all", "class")}
        with st.container(key="filter-of", width="content"):
            st.segmented_control(
                "Of",
                list(of),
                required=True,
                format_func=lambda one: of[one],
                **state.local("of", "all", list(of)),
            )
        chosen = st.session_state["local-of"]
        if chosen == "class":
            table, words, code = _of_class(context)
        elif chosen == "value":
            table, words, code = _of_value(context, attributes)
        else:
            table, words, code = _of_all(context)
    if table is None or table.empty:
        st.caption("Nothing is known of it yet.")
        return
    metric = str(table["metric"].iloc[0])
    drawn = metric_curve(table, metric=metric, quantity=words, note=note(context))
    figure(
        context,
        drawn,
        table,
        name=f"curve-{metric}",
        code=code,
        on_click=partial(open_on_curve, context),
    )
    st.caption("Click a point to see the PIEs of its variant.")


def _of_all(context: Context) -> _Drawn:
    curves = context.results.curves()
    metrics = [metric for metric in QUANTITIES if metric in set(curves["metric"])]
    if not metrics:
        return None, "", ""
    with st.container(key="filter-metric", width=360):
        st.selectbox(
            "Metric",
            metrics,
            format_func=lambda one: QUANTITIES[one],
            **state.local("metric", metrics[0], metrics),
        )
    metric = st.session_state["local-metric"]
    code = table_code(context.results, "curves") + where("metric", metric)
    return curves[curves["metric"] == metric], QUANTITIES[metric], code


def _of_class(context: Context) -> _Drawn:
    sizes = context.results.class_sizes
    name = class_choice(context.results.class_names, sizes, "Class")
    code = table_code(context.results, "class_curve", name)
    return context.results.class_curve(name), f"Recall of {name}", code


def _of_value(context: Context, attributes: dict[str, list[str]]) -> _Drawn:
    with st.container(key="filter-attribute", width=220):
        st.selectbox(
            "Attribute",
            list(attributes),
            **state.local("attribute", next(iter(attributes)), list(attributes)),
        )
    attribute = st.session_state["local-attribute"]
    values = attributes[attribute]
    with st.container(key="filter-of_value", width=220):
        st.selectbox("Value", values, **state.local("of_value", values[0], values))
    value = st.session_state["local-of_value"]
    words = f"Top-1 accuracy where {attribute} is {value}"
    code = table_code(context.results, "value_curve", attribute, value)
    return context.results.value_curve(attribute, value), words, code


def _attributes(context: Context) -> dict[str, list[str]]:
    """Name the values of every categorical attribute that images have."""
    found = data.categories(context.results)
    return {name: list(values.categories) for name, values in found.items()}


def _trade_off(context: Context, summary: pd.DataFrame) -> None:
    known = [
        cost
        for cost in COSTS
        if summary[schema.SPARSITY if cost == "kept" else cost].notna().sum() > 1
    ]
    if not known:
        return
    with st.container(key="filter-cost", width="content"):
        st.segmented_control(
            "Against",
            known,
            required=True,
            format_func=lambda one: COSTS[one][2].capitalize(),
            help="Pruned weights are stored with their zeros: their size falls only where a format "
            "that leaves zeros out is used. The weights kept are what such a format would store.",
            **state.local("cost", usual_cost(summary), known),
        )
    drawn = trade_off(summary, cost=st.session_state["local-cost"], note=note(context))
    figure(
        context,
        drawn,
        summary,
        name="trade-off",
        code=table_code(context.results, "summary"),
        on_click=partial(open_variant, context),
    )
