"""A figure on the page, with its downloads behind one small button."""

import copy
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import streamlit as st

from analysis.figures.files import Format, csv_bytes, figure_bytes
from analysis.figures.theme import footnote
from dashboard.context import Context

if TYPE_CHECKING:
    import plotly.graph_objects as go

PICTURES: dict[Format, str] = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "html": "text/html",
    "json": "application/json",
}
_NEEDS_BROWSER = ("png", "svg", "pdf")
_LONGEST = 200
_CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def figure(
    context: Context,
    drawn: "go.Figure",
    table: pd.DataFrame,
    *,
    name: str,
    code: str | None = None,
    variant_id: str | None = None,
    on_click: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Show a figure and offer it as PNG, SVG, PDF, HTML and JSON, and its data as CSV and code.

    Parameters
    ----------
    table
        The data of the figure.
    name
        Key of the figure on the page; with the sweep's name and ``variant_id`` it names the files.
    code
        The Python lines that give ``table`` in a notebook (``analysis.results.code``).
    on_click
        Called with the point that was clicked, where it has ``customdata``.
    """
    with st.container(key=f"figure-{name}"):
        event = chart(drawn, key=f"chart-{name}", is_clickable=on_click is not None)
        stem = file_name(context, name, *([variant_id] if variant_id else []))
        with (
            st.container(horizontal=True, horizontal_alignment="right"),
            st.popover(
                "Download", icon=":material/download:", type="tertiary", key=f"download-{name}"
            ),
        ):
            with st.container(horizontal=True):
                download_buttons(drawn, table, stem)
            if code is not None:
                as_code(table, code)
    if on_click is not None:
        points = event["selection"]["points"] if event else []
        if points and points[0].get("customdata") is not None:
            on_click(points[0])


def listing(
    context: Context,
    shown: pd.DataFrame,
    table: pd.DataFrame,
    *,
    name: str,
    code: str,
    columns: dict[str, Any],
    height: int | Literal["content"] = "content",
    on_click: Callable[[int], None] | None = None,
) -> None:
    """Show a table and offer its data as CSV and code.

    Parameters
    ----------
    shown
        The table as it is written for reading, a row each of ``table``.
    columns
        How its columns are written: ``column_config`` of Streamlit.
    on_click
        Called with the place of the row that was chosen.
    """
    with st.container(key=f"listing-{name}"):
        event: Any = st.dataframe(
            shown,
            hide_index=True,
            column_config=columns,
            height=height,
            key=f"rows-{name}",
            on_select="rerun" if on_click is not None else "ignore",
            selection_mode="single-row",
        )
        with (
            st.container(horizontal=True, horizontal_alignment="right"),
            st.popover(
                "Download", icon=":material/download:", type="tertiary", key=f"download-{name}"
            ),
        ):
            csv_button(table, file_name(context, name))
            as_code(table, code)
    if on_click is not None:
        for row in event["selection"]["rows"] if event else []:
            on_click(row)


def with_help(about: dict[str, str]) -> dict[str, Any]:
    """Columns of text, with what they are."""
    return {name: st.column_config.TextColumn(help=text) for name, text in about.items()}


def chart(drawn: "go.Figure", *, key: str, is_clickable: bool = False) -> Any:
    """Show a figure alone; returns what was clicked."""
    return st.plotly_chart(
        _for_page(drawn),
        key=key,
        on_select="rerun" if is_clickable else "ignore",
        selection_mode="points",
        config=_CONFIG,
    )


@contextmanager
def side_by_side(name: str) -> Iterator[Callable[[], Any]]:
    """Put figures beside each other where there is room; yields what makes the next place."""
    with st.container(horizontal=True, key=f"pair-{name}", gap="large"):
        yield st.container


def note(context: Context, variant_id: str | None = None) -> str:
    """Write the footnote of a figure: sweep, variant, runs, tie rule and date of the cache."""
    manifest = context.manifest
    seeds = (
        manifest.done_seeds(variant_id)
        if variant_id
        else max((manifest.done_seeds(v) for v in context.results.variant_ids), key=len, default=[])
    )
    return footnote(manifest.name, manifest.updated, len(seeds), context.results.ties, variant_id)


def file_name(context: Context, *parts: str) -> str:
    """Join the sweep's name and what a file holds into a name for the file, without its suffix."""
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", "-".join((context.manifest.name, *parts)))
    return name.lstrip(".-")[:_LONGEST] or "lethe"


def download_buttons(drawn: "go.Figure", table: pd.DataFrame, stem: str) -> None:
    """Offer a figure in every format and its data as CSV; each made only when it is asked for."""
    why_not = missing_browser()
    for format, mime in PICTURES.items():
        st.download_button(
            format.upper(),
            partial(figure_bytes, drawn, format),
            file_name=f"{stem}.{format}",
            mime=mime,
            key=f"{format}-{stem}",
            on_click="ignore",
            disabled=why_not is not None and format in _NEEDS_BROWSER,
            width="stretch",
        )
    csv_button(table, stem)
    if why_not is not None:
        st.caption(why_not)


def csv_button(table: pd.DataFrame, stem: str) -> None:
    """Offer a table as CSV, made only when it is asked for."""
    st.download_button(
        "CSV",
        partial(csv_bytes, table),
        file_name=f"{stem}.csv",
        mime="text/csv",
        key=f"csv-{stem}",
        on_click="ignore",
        width="stretch",
    )


def as_code(table: pd.DataFrame, code: str) -> None:  # noqa: ARG001 (the tests compare it with it)
    """Show the Python lines that give a table."""
    st.caption("This table in a notebook:")
    st.code(code, language="python", wrap_lines=True)


def missing_browser() -> str | None:
    """Say what to install where pictures cannot be drawn; None where they can."""
    from choreographer.browsers.chromium import Chromium

    if Chromium.find_browser(skip_local=False):
        return None
    return (
        "PNG, SVG and PDF need Chrome or Chromium on this machine, and none was found. HTML, JSON "
        "and the camera above the figure work without."
    )


def _for_page(drawn: "go.Figure") -> "go.Figure":
    """Move the footnote down a little: the page's letters are larger than those of the files."""
    moved = copy.deepcopy(drawn)
    moved.update_layout(margin_b=moved.layout.margin.b + 12, height=moved.layout.height + 12)
    moved.for_each_annotation(
        lambda one: one.update(yshift=one.yshift - 12), selector={"name": "footnote"}
    )
    return moved
