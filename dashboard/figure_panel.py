"""A figure on the page, with its downloads behind one small button."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from html import unescape
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import streamlit as st

from analysis.figures.drawn import drawn_data, units
from analysis.figures.files import Format, csv_bytes, figure_bytes
from analysis.figures.layout import bare, one_line, words_of
from analysis.figures.theme import dress, footnote
from dashboard import figure_preset
from dashboard.context import Context
from dashboard.frames import frame
from dashboard.text import html_text

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
# How far from the middle of a cell a click still means it: cells are wide on a wide page.
_REACH = 80
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
    shown = clickable(drawn) if on_click is not None else drawn
    with st.container(key=f"figure-{name}"):
        event = chart(shown, key=f"chart-{name}", is_clickable=on_click is not None)
        stem = file_name(context, name, *([variant_id] if variant_id else []))
        with (
            st.container(horizontal=True, horizontal_alignment="right"),
            st.popover(
                "Download", icon=":material/download:", type="tertiary", key=f"download-{name}"
            ),
        ):
            figure_preset.choice(name)
            with st.container(horizontal=True):
                download_buttons(drawn, table, stem)
            if code is not None:
                as_code(table, code)
    clicked(event, on_click)


def clicked(event: Any, on_click: Callable[[dict[str, Any]], None] | None) -> None:
    """Pass on the mark that was clicked, where it says what it is of."""
    points = event["selection"]["points"] if event and on_click is not None else []
    if points and points[0].get("customdata") is not None and on_click is not None:
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
        event: Any = frame(
            shown,
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
    """Show a figure alone; returns what was clicked.

    The words around it are text of the page, which wraps them to whatever width there is.
    """
    words = words_of(drawn)
    _words("p", "lethe-figure-title", unescape(words.get("title", "")))
    _words("p", "lethe-figure-subtitle", words.get("subtitle", ""))
    ground = "dark" if getattr(st.context.theme, "type", None) == "dark" else "light"
    event = st.plotly_chart(
        dress(bare(drawn), ground),  # type: ignore[arg-type]
        key=key,
        theme=None,
        on_select="rerun" if is_clickable else "ignore",
        selection_mode="points",
        config=_CONFIG,
    )
    _words("p", "lethe-figure-note", words.get("note", ""))
    return event


def _words(tag: str, role: str, text: str) -> None:
    if text:
        html_text(one_line(text), tag=tag, role=role)


def clickable(drawn: "go.Figure") -> "go.Figure":
    """Lay unseen points over the cells of heat maps, whose own cells cannot be selected."""
    laid = copy.deepcopy(drawn)
    # A copy keeps its numbers as bytes; they are read from the figure itself.
    for heatmap in [trace for trace in drawn.data if trace.type == "heatmap"]:
        cells = [
            (x, y, [*heatmap.customdata[y][x], value, _text(heatmap, x, y)])
            for y, row in enumerate(heatmap.z)
            for x, value in enumerate(row)
            if value is not None and value == value
        ]
        last = len(cells[0][2]) - 1 if cells else 0
        hover = heatmap.hovertemplate.replace("%{text}", f"%{{customdata[{last}]}}")
        # The points lie above the cells and take the pointer, so they say what the cells would.
        laid.add_scatter(
            x=[x for x, _, _ in cells],
            y=[y for _, y, _ in cells],
            customdata=[custom for _, _, custom in cells],
            hovertemplate=hover.replace("%{z", f"%{{customdata[{last - 1}]"),
            mode="markers",
            marker={"size": 22, "symbol": "square", "opacity": 0},
            showlegend=False,
            name="",
        )
        laid.update_layout(hoverdistance=_REACH)
    return laid


def _text(heatmap: Any, x: int, y: int) -> str:
    return str(heatmap.text[y][x]) if heatmap.text is not None else ""


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
    """Offer a figure in every format, what it draws, and its table; each made when downloaded."""
    why_not, preset = missing_browser(), figure_preset.current()
    for format, mime in PICTURES.items():
        st.download_button(
            format.upper(),
            partial(figure_bytes, drawn, format, preset),
            file_name=f"{stem}.{format}",
            mime=mime,
            key=f"{format}-{stem}",
            on_click="ignore",
            disabled=why_not is not None and format in _NEEDS_BROWSER,
            width="stretch",
        )
    _data_buttons(drawn, stem)
    csv_button(table, stem, label="Table as CSV")
    if why_not is not None:
        st.caption(why_not)


def _data_buttons(drawn: "go.Figure", stem: str) -> None:
    """Offer what the figure draws, and in a file beside it what its columns are."""
    for label, made, suffix, mime in (
        ("CSV", lambda: csv_bytes(drawn_data(drawn)), "csv", "text/csv"),
        ("Units", lambda: units_bytes(drawn), "units.json", "application/json"),
    ):
        st.download_button(
            label,
            made,
            file_name=f"{stem}-drawn.{suffix}",
            mime=mime,
            key=f"{suffix}-drawn-{stem}",
            on_click="ignore",
            width="stretch",
        )


def units_bytes(drawn: "go.Figure") -> bytes:
    """Write what the columns of a figure's data are as JSON."""
    return json.dumps(units(drawn), ensure_ascii=False, indent=1).encode()


def csv_button(table: pd.DataFrame, stem: str, *, label: str = "CSV") -> None:
    """Offer a table as CSV, made only when it is downloaded."""
    st.download_button(
        label,
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
