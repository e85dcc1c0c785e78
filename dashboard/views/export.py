"""Export: any table, any figure, images in the formats of other tools, the whole report."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import streamlit as st

from analysis.export import choose, wording_of
from analysis.export.selection import POPULATIONS, order_of
from analysis.figures.class_heatmap import class_heatmap
from analysis.figures.class_impact import class_impact, usual_rule
from analysis.figures.confusion import confusion_flow
from analysis.figures.curves import QUANTITIES, metric_curve
from analysis.figures.hardness import pie_accuracy
from analysis.figures.pies import pie_kinds, pie_share
from analysis.figures.shifts import robustness_heatmap, shift_pairs_heatmap
from analysis.figures.trade_off import trade_off
from analysis.presentation.formatting import count
from analysis.results import TABLES
from analysis.results.code import table_code, where
from analysis.stats.pie import KINDS
from analysis.store.tabular import write_table
from dashboard import context as contexts
from dashboard.context import Context
from dashboard.export_panel import block
from dashboard.figure_panel import (
    as_code,
    chart,
    download_buttons,
    file_name,
    note,
    side_by_side,
)
from dashboard.report_panel import whole_report

PREVIEW = 200
_FORMATS = {
    "csv": ("CSV", "text/csv"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
    "json": ("JSON", "application/json"),
}
_ALL = "All variants"
_BY_VARIANT = ("images", "pies", "classes")
Drawable = Callable[[], tuple[Any, pd.DataFrame, str]]
_ABOUT = {
    "runs": "One row a run: accuracy, calibration error, size and latency.",
    "images": "One row an image and variant: modal labels, PIE, kind, votes.",
    "pies": "The PIEs of the images table, by falling vote distance.",
    "classes": "One row a class and variant: recall deltas, test, p, q and intervals.",
    "summary": "One row a variant.",
    "curves": "One row a variant and metric, with 95 % intervals over runs.",
}


def show() -> None:
    """Offer tables, figures, images and the report to take away."""
    context = contexts.current()
    with st.spinner("Computing the tables"):
        context.results.summary()
    with side_by_side("export") as place:
        with place():
            st.header("Tables", anchor=False)
            _tables(context)
        with place():
            st.header("Figures", anchor=False)
            _figures(context)
    with side_by_side("export-more") as place:
        with place():
            st.header("Images", anchor=False)
            st.fragment(lambda: _images(context))()
        with place():
            st.header("Whole report", anchor=False)
            whole_report(context)


def _tables(context: Context) -> None:
    with st.container(horizontal=True):
        with st.container(width=180):
            name = st.selectbox("Table", TABLES, index=TABLES.index("summary"), key="export-table")
        with st.container(width=240):
            ids = context.results.compressed_ids
            choices = [_ALL, *(ids if name in _BY_VARIANT else context.results.variant_ids)]
            variant = st.selectbox("Variant", choices, key=f"export-variant-{name in _BY_VARIANT}")
    variant_id = None if variant == _ALL else variant
    table = context.results.table(name, variant_id)
    st.caption(_ABOUT[name])
    stem = file_name(context, name, *([variant_id] if variant_id else []))
    with st.container(horizontal=True):
        for suffix, (label, mime) in _FORMATS.items():
            st.download_button(
                label,
                partial(_table_bytes, table, suffix),
                file_name=f"{stem}.{suffix}",
                mime=mime,
                key=f"table-{suffix}",
                icon=":material/download:",
                on_click="ignore",
            )
    with st.expander("As Python", icon=":material/code:"):
        as_code(table, _code_of_table(context, name, variant_id))
    st.caption(
        f"{len(table):,} rows, {len(table.columns)} columns"
        + (f"; the first {PREVIEW} are shown." if len(table) > PREVIEW else ".")
        + " Class columns hold class ids; fractions are 0 to 1."
    )
    st.dataframe(table.head(PREVIEW), hide_index=True)


def _code_of_table(context: Context, name: str, variant_id: str | None) -> str:
    if variant_id is None:
        return table_code(context.results, name)
    if name in _BY_VARIANT:
        return table_code(context.results, name, variant_id)
    return table_code(context.results, "table", name, variant_id)


def _figures(context: Context) -> None:
    figures = _drawable(context)
    with st.container(width=320):
        name = st.selectbox("Figure", list(figures), key="export-figure")
    drawn, table, code = figures[name]()
    with st.container(horizontal=True):
        download_buttons(drawn, table, file_name(context, name.lower()))
    with st.expander("As Python", icon=":material/code:"):
        as_code(table, code)
    chart(drawn, key="export-chart")


def _images(context: Context) -> None:
    if context.selection.variant is None:
        st.caption("No compressed variant has a finished run yet.")
        return
    with st.container(horizontal=True):
        with st.container(width=240):
            ids = context.results.compressed_ids
            variant = st.selectbox(
                "Variant", ids, index=ids.index(context.variant), key="export-images-variant"
            )
        with st.container(width=160):
            population = st.selectbox(
                "Images",
                list(POPULATIONS),
                format_func=lambda one: POPULATIONS[one].replace("all i", "All i"),
                key="export-images-population",
            )
        if population == "pies":
            kinds = st.pills("Kind of PIE", KINDS, selection_mode="multi", key="export-images-kind")
        else:
            kinds = []
    classes = st.multiselect(
        "Class",
        context.results.class_names,
        placeholder="All classes",
        help="The true class.",
        key="export-images-class",
    )
    found = choose(context.results, variant, population=population, kinds=kinds, classes=classes)
    words = wording_of(population=population, kinds=kinds, classes=classes)
    order = order_of(context.results, variant)
    st.caption(f"{count(len(found))} of {count(context.n_images)} images, {order}.")
    block(context, found, key="export", words=words, variant_id=variant)


def _drawable(context: Context) -> dict[str, Drawable]:
    """Name every figure, with what draws it, the table that holds its data, and its code."""
    whole = note(context)
    summary, classes, curves = (context.results.table(t) for t in ("summary", "classes", "curves"))
    code = table_code(context.results, "summary")
    made: dict[str, Drawable] = {
        "PIE share": lambda: (pie_share(summary, note=whole), summary, code),
        "Accuracy on PIEs": lambda: (pie_accuracy(summary, note=whole), summary, code),
        "Kinds of PIE": lambda: (pie_kinds(summary, note=whole), summary, code),
        "Trade-off": lambda: (trade_off(summary, note=whole), summary, code),
        "Classes by variant": lambda: (
            class_heatmap(classes, note=whole),
            classes,
            table_code(context.results, "classes"),
        ),
    }
    if context.selection.variant is not None:
        made |= _of_variant(context, context.variant)
    if context.manifest.shifts:
        made["Robustness"] = partial(_robustness, context, whole)
    for metric, quantity in QUANTITIES.items():
        made[quantity] = partial(_curve, context, curves, metric, whole)
    return made


def _of_variant(context: Context, variant: str) -> dict[str, Drawable]:
    one, names = note(context, variant), context.results.class_names
    classes, pies = context.results.classes(variant), context.results.pies(variant)
    return {
        f"Class impact, {variant}": lambda: (
            class_impact(classes, rule=usual_rule(classes), note=one),
            classes,
            table_code(context.results, "classes", variant),
        ),
        f"Confusion flow, {variant}": lambda: (
            confusion_flow(pies, class_names=names, note=one),
            pies,
            table_code(context.results, "pies", variant),
        ),
    }


def _robustness(context: Context, footnote: str) -> tuple[Any, pd.DataFrame, str]:
    results = context.results
    pairs = results.shift_pairs()
    if len(pairs):
        drawn = shift_pairs_heatmap(pairs, results.pairs(), note=footnote)
        return drawn, pairs, table_code(results, "shift_pairs")
    table = results.robustness()
    return robustness_heatmap(table, note=footnote), table, table_code(results, "robustness")


def _curve(
    context: Context, curves: pd.DataFrame, metric: str, footnote: str
) -> tuple[Any, pd.DataFrame, str]:
    rows = curves[curves["metric"] == metric]
    code = table_code(context.results, "curves") + where("metric", metric)
    return metric_curve(curves, metric=metric, note=footnote), rows, code


def _table_bytes(table: pd.DataFrame, suffix: str) -> bytes:
    """Write a table just as the command line does."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"table.{suffix}"
        write_table(table, path)
        return path.read_bytes()
