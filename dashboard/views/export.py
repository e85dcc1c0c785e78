"""Export: any table as CSV, Parquet or JSON, any figure in any format."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import streamlit as st

from analysis.figures.class_heatmap import class_heatmap
from analysis.figures.class_impact import class_impact
from analysis.figures.confusion import confusion_flow
from analysis.figures.curves import QUANTITIES, metric_curve
from analysis.figures.pie_accuracy import pie_accuracy
from analysis.figures.pie_kinds import pie_kinds
from analysis.figures.pie_share import pie_share
from analysis.figures.robustness import robustness_heatmap
from analysis.results import TABLES
from analysis.tabular import write_table
from dashboard import context as contexts
from dashboard.context import Context
from dashboard.figure_panel import chart, download_buttons, file_name, note, side_by_side

PREVIEW = 200
_FORMATS = {
    "csv": ("CSV", "text/csv"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
    "json": ("JSON", "application/json"),
}
_ALL = "All variants"
_BY_VARIANT = ("images", "pies", "classes")
_ABOUT = {
    "runs": "One row a run: accuracy, calibration error, size and latency.",
    "images": "One row an image and variant: modal labels, PIE, kind, votes.",
    "pies": "The PIEs of the images table, by falling vote distance.",
    "classes": "One row a class and variant: recall deltas, test, p, q and intervals.",
    "summary": "One row a variant.",
    "curves": "One row a variant and metric, with 95 % intervals over runs.",
}


def show() -> None:
    """Offer tables and figures to take away."""
    context = contexts.current()
    with st.spinner("Computing the tables"):
        context.results.summary()
    with side_by_side("export") as place:
        with place():
            st.subheader("Tables", anchor=False)
            _tables(context)
        with place():
            st.subheader("Figures", anchor=False)
            _figures(context)


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
    st.caption(
        f"{len(table):,} rows, {len(table.columns)} columns"
        + (f"; the first {PREVIEW} are shown." if len(table) > PREVIEW else ".")
        + " Class columns hold class ids; fractions are 0 to 1."
    )
    st.dataframe(table.head(PREVIEW), hide_index=True)


def _figures(context: Context) -> None:
    figures = _drawable(context)
    with st.container(width=320):
        name = st.selectbox("Figure", list(figures), key="export-figure")
    drawn, table = figures[name]()
    with st.container(horizontal=True):
        download_buttons(drawn, table, file_name(context, name.lower()))
    chart(drawn, key="export-chart")


def _drawable(context: Context) -> dict[str, Callable[[], tuple[Any, pd.DataFrame]]]:
    """Name every figure, with what draws it and the table that holds its data."""
    whole = note(context)
    summary, classes, curves = (context.results.table(t) for t in ("summary", "classes", "curves"))
    made: dict[str, Callable[[], tuple[Any, pd.DataFrame]]] = {
        "PIE share": lambda: (pie_share(summary, note=whole), summary),
        "Accuracy on PIEs": lambda: (pie_accuracy(summary, note=whole), summary),
        "Kinds of PIE": lambda: (pie_kinds(summary, note=whole), summary),
        "Classes by variant": lambda: (class_heatmap(classes, note=whole), classes),
    }
    if context.selection.variant is not None:
        made |= _of_variant(context, context.variant)
    if context.manifest.shifts:
        made["Robustness"] = partial(_robustness, context, whole)
    for metric, quantity in QUANTITIES.items():
        made[quantity] = partial(_curve, curves, metric, whole)
    return made


def _of_variant(
    context: Context, variant: str
) -> dict[str, Callable[[], tuple[Any, pd.DataFrame]]]:
    one, names = note(context, variant), context.results.class_names
    classes, pies = context.results.classes(variant), context.results.pies(variant)
    return {
        f"Class impact, {variant}": lambda: (class_impact(classes, note=one), classes),
        f"Confusion flow, {variant}": lambda: (
            confusion_flow(pies, class_names=names, note=one),
            pies,
        ),
    }


def _robustness(context: Context, footnote: str) -> tuple[Any, pd.DataFrame]:
    table = context.results.robustness()
    return robustness_heatmap(table, note=footnote), table


def _curve(curves: pd.DataFrame, metric: str, footnote: str) -> tuple[Any, pd.DataFrame]:
    rows = curves[curves["metric"] == metric]
    return metric_curve(curves, metric=metric, note=footnote), rows


def _table_bytes(table: pd.DataFrame, suffix: str) -> bytes:
    """Write a table just as the command line does."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"table.{suffix}"
        write_table(table, path)
        return path.read_bytes()
