"""Encoding of figures and tables as files: PNG, SVG, PDF, self-contained HTML, JSON and CSV."""

import re
import struct
import zlib
from typing import Literal, get_args

import pandas as pd
import plotly.graph_objects as go

from analysis.figures import browser
from analysis.figures.browser import FigureExportError, font_face
from analysis.figures.layout import fit
from analysis.figures.preset import SCREEN, FigurePreset
from analysis.figures.theme import dress
from analysis.store.tabular import to_csv

__all__ = [
    "FORMATS", "FigureExportError", "Format", "csv_bytes", "figure_bytes", "figure_pictures",
    "picture_bytes",
]  # fmt: skip

Picture = Literal["png", "svg", "pdf"]
Format = Literal[Picture, "html", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
PICTURES: tuple[Picture, ...] = get_args(Picture)
_HEIGHT = 500
_INCH, _METRE_INCHES = 96.0, 39.37007874
_SIZE = re.compile(r'(<svg\b[^>]*?) width="[\d.]+" height="[\d.]+"([^>]*>)')


def figure_bytes(
    figure: go.Figure, format: Format, preset: FigurePreset = SCREEN, *, has_font: bool = True
) -> bytes:
    """Return a figure on a white ground as the bytes of a file.

    Parameters
    ----------
    figure : Figure
        Unchanged; a copy is laid out for the preset. A figure with a width of its own keeps it
        under the default preset.
    format : {"png", "svg", "pdf", "html", "json"}
        HTML is self-contained and opens offline; JSON is the figure itself, without a size.
    preset : FigurePreset
        Width, size of letters, dots per inch, and which texts around the figure are drawn.
    has_font : bool
        Whether an SVG carries its font, some 60 kB.

    Raises
    ------
    FigureExportError
        No Chrome or Chromium was found, or it failed to draw.
    ValueError
        The format is unknown.
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
    if format == "json":
        return str(dress(figure, "white").to_json()).encode()
    if format == "html":
        fitted = dress(_fitted(figure, preset), "white")
        if preset == SCREEN and figure.layout.width is None:
            fitted.update_layout(width=None)
        html = fitted.to_html(include_plotlyjs=True, full_html=True, include_mathjax=False)
        return str(html).encode()
    svg, width, height = _drawn(figure, preset)
    return picture_bytes(svg, format, width, height, preset, has_font=has_font)


def figure_pictures(figure: go.Figure, preset: FigurePreset = SCREEN) -> dict[Picture, bytes]:
    """Return a figure as the bytes of a PNG, an SVG and a PDF, drawn by Plotly only once.

    Parameters
    ----------
    figure : Figure
        As for :func:`figure_bytes`.
    preset : FigurePreset
        As for :func:`figure_bytes`.

    Raises
    ------
    FigureExportError
        No Chrome or Chromium was found, or it failed to draw.
    """
    svg, width, height = _drawn(figure, preset)
    return {one: picture_bytes(svg, one, width, height, preset) for one in PICTURES}


def _drawn(figure: go.Figure, preset: FigurePreset) -> tuple[str, float, float]:
    """Draw a figure as SVG, and return its size under the preset."""
    fitted = dress(_fitted(figure, preset), "white")
    width, height = fitted.layout.width, fitted.layout.height or _HEIGHT
    drawn = browser.browser.svg(fitted, width, height).decode()
    return drawn, width * preset.scale, height * preset.scale


def _fitted(figure: go.Figure, preset: FigurePreset) -> go.Figure:
    width = preset.layout_px
    if preset == SCREEN and figure.layout.width is not None:
        width = figure.layout.width
    return fit(
        figure,
        width,
        title=not preset.no_title,
        subtitle=not preset.no_subtitle,
        note=not preset.no_footnote,
        **({"smallest": 12} if preset.is_for_print else {}),
    )


def picture_bytes(
    svg: str,
    format: Picture,
    width: float,
    height: float,
    preset: FigurePreset = SCREEN,
    *,
    has_font: bool = True,
) -> bytes:
    """Encode an SVG, whose own size is its ``viewBox``, as a file of the given size.

    Parameters
    ----------
    svg : str
        Markup of the picture.
    format : {"png", "svg", "pdf"}
        Format of the result.
    width, height : float
        Its size, CSS pixels.
    preset : FigurePreset
        Unit of the size, and dots per inch of a PNG.
    has_font : bool
        Whether an SVG carries its font.
    """
    in_px = _SIZE.sub(rf'\1 width="{width:.6g}" height="{height:.6g}"\2', svg, count=1)
    if format == "svg":
        if preset.is_for_print:
            sides = (f"{side * 25.4 / _INCH:.6g}mm" for side in (width, height))
            in_px = _SIZE.sub(r'\1 width="{}" height="{}"\2'.format(*sides), svg, count=1)
        style = f"<style>{font_face()}</style>" if has_font else ""
        return re.sub(r"(<svg\b[^>]*>)", rf"\1{style}", in_px, count=1).encode()
    content = browser.browser.picture(in_px, format, width, height, preset.dpi / _INCH)
    return _with_dpi(content, preset.dpi) if format == "png" else _without_time(content)


def _without_time(pdf: bytes) -> bytes:
    """Replace the date of a PDF by a fixed one, so that equal pictures give equal files."""
    return re.sub(rb"(/(?:Creation|Mod)Date \(D:)\d{14}", rb"\g<1>19700101000000", pdf)


def _with_dpi(png: bytes, dpi: int) -> bytes:
    """Store the dots per inch in a PNG, so that documents place it at its size."""
    dots = round(dpi * _METRE_INCHES)
    body = b"pHYs" + struct.pack(">IIB", dots, dots, 1)
    chunk = struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body))
    first = 8 + 25  # The signature, then the chunk with the size.
    return png[:first] + chunk + png[first:]


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a frame as the bytes of a UTF-8 CSV file, the same as on the command line.

    Parameters
    ----------
    frame : DataFrame
        Any table.
    """
    return to_csv(frame).encode()
