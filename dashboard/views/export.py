"""Export: any table, any figure, images in the formats of other tools, the whole report."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import streamlit as st

from analysis.export import choose, wording_of
from analysis.export.selection import POPULATIONS, order_of
from analysis.presentation.formatting import count
from analysis.report.figures import drawings
from analysis.report.scope import scope_of
from analysis.results import TABLES
from analysis.results.code import table_code
from analysis.stats.pie import KINDS
from analysis.store.tabular import write_table
from analysis.sweep.command import naming_cache
from dashboard import context as contexts
from dashboard import figure_preset
from dashboard.commands import cache_name
from dashboard.context import Context
from dashboard.export_panel import block
from dashboard.figure_clicks import opener
from dashboard.figure_panel import (
    as_code,
    chart,
    clickable,
    clicked,
    download_buttons,
    file_name,
    side_by_side,
)
from dashboard.frames import frame
from dashboard.report_panel import whole_report
from dashboard.shell import guarded
from dashboard.text import plain

PREVIEW = 200
_FORMATS = {
    "csv": ("CSV", "text/csv"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
    "json": ("JSON", "application/json"),
}
_ALL = "All variants"


def show() -> None:
    """Offer tables, figures, images and the report to take away."""
    context = contexts.current()
    with st.spinner("Computing the tables"):
        _ = context.summary
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
            st.fragment(guarded(lambda: _images(context)))()
        with place():
            st.header("Whole report", anchor=False)
            whole_report(context)


def _tables(context: Context) -> None:
    with st.container(horizontal=True):
        with st.container(width=180):
            names = list(TABLES)
            name = st.selectbox("Table", names, index=names.index("summary"), key="export-table")
        about = TABLES[name]
        with st.container(width=240):
            ids = context.results.variant_ids if about.has_dense else context.results.compressed_ids
            key = f"export-variant-{about.has_dense}"
            variant = st.selectbox("Variant", [_ALL, *ids], key=key)
    variant_id = None if variant == _ALL else variant
    table = about.rows(context.results, variant_id)
    st.caption(about.about)
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
    frame(table.head(PREVIEW))


def _code_of_table(context: Context, name: str, variant_id: str | None) -> str:
    about = TABLES[name]
    if variant_id is None:
        return table_code(context.results, about.method)
    if about.takes_variant:
        return table_code(context.results, about.method, variant_id)
    return table_code(context.results, "table", name, variant_id)


def _figures(context: Context) -> None:
    if not context.results.compressed_ids:
        st.caption("No compressed variant has a finished run yet.")
        return
    scope, problems = scope_of(context.results, None), list[str]()
    figures = {one.title: one for one in drawings(scope, problems)}
    for problem in problems:
        st.warning(plain(naming_cache(problem, cache_name())), icon=":material/broken_image:")
    with st.container(width=320):
        one = figures[st.selectbox("Figure", list(figures), key="export-figure")]
    figure_preset.controls()
    drawn, table = one.figure(), one.data()
    with st.container(horizontal=True):
        download_buttons(drawn, table, file_name(context, one.name))
    with st.expander("As Python", icon=":material/code:"):
        as_code(table, one.code(scope))
    on_click = opener(context, one)
    event = chart(
        clickable(drawn) if on_click else drawn,
        key=f"export-chart-{one.name}",
        is_clickable=on_click is not None,
    )
    clicked(event, on_click)


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


def _table_bytes(table: pd.DataFrame, suffix: str) -> bytes:
    """Write a table just as the command line does."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"table.{suffix}"
        write_table(table, path)
        return path.read_bytes()
