"""Export: any table as CSV, Parquet or JSON, any figure in any format."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from analysis.figures.files import csv_bytes
from analysis.results import TABLES
from dashboard import context as contexts
from dashboard.context import Context
from dashboard.figure_panel import chart, file_name, note, picture_buttons, side_by_side

PREVIEW = 200
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
        for label, mime, write in (
            ("CSV", "text/csv", csv_bytes),
            ("Parquet", "application/vnd.apache.parquet", _parquet_bytes),
            ("JSON", "application/json", _json_bytes),
        ):
            st.download_button(
                label,
                partial(write, table),
                file_name=f"{stem}.{label.lower()}",
                mime=mime,
                key=f"table-{label.lower()}",
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
    drawn = figures[name]()
    with st.container(horizontal=True):
        picture_buttons(drawn, file_name(context, name.lower()))
    chart(drawn, key="export-chart")


def _drawable(context: Context) -> dict[str, Callable[[], Any]]:
    from analysis.figures import (
        class_heatmap,
        class_impact,
        confusion,
        curves,
        pie_accuracy,
        pie_kinds,
        pie_share,
    )

    results, whole = context.results, note(context)
    made: dict[str, Callable[[], Any]] = {
        "PIE share": lambda: pie_share.pie_share(results.summary(), note=whole),
        "Accuracy on PIEs": lambda: pie_accuracy.pie_accuracy(results.summary(), note=whole),
        "Kinds of PIE": lambda: pie_kinds.pie_kinds(results.summary(), note=whole),
        "Classes by variant": lambda: class_heatmap.class_heatmap(results.classes(), note=whole),
    }
    if context.selection.variant is not None:
        variant, one = context.variant, note(context, context.variant)
        made[f"Class impact, {variant}"] = lambda: class_impact.class_impact(
            results.classes(variant), note=one
        )
        made[f"Confusion flow, {variant}"] = lambda: confusion.confusion_flow(
            results.pies(variant), class_names=results.class_names, note=one
        )
    for metric, quantity in curves.QUANTITIES.items():
        made[quantity] = partial(_curve, results, metric, whole)
    return made


def _curve(results: Any, metric: str, footnote: str) -> Any:
    from analysis.figures.curves import metric_curve

    return metric_curve(results.curves(), metric=metric, note=footnote)


def _parquet_bytes(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _json_bytes(table: pd.DataFrame) -> bytes:
    return str(table.to_json(orient="records", force_ascii=False)).encode()
