"""Contact sheets as figures for a paper: a row a class, both predictions below each picture.

An SVG with text in the font of the figures, at the size of the preset; PNG and PDF are drawn from
it by the browser that draws the figures.
"""

from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any, Literal

from analysis import schema
from analysis.export.registry import Files, register
from analysis.export.selection import Chosen, pictures
from analysis.figures.files import picture_bytes
from analysis.figures.layout import text_width, wrapped
from analysis.figures.lettering import cut
from analysis.figures.preset import LETTER_PX, SCREEN, FigurePreset
from analysis.figures.theme import FAMILY, KIND_COLORS
from analysis.presentation.formatting import class_name, count, data_uri, is_missing

_GAP, _LINE, _EDGE = 6.0, 15.0, 4.0
_SMALLEST_TILE, _LARGEST_TILE = 34.0, 96.0
_MOST_NAMES = 0.24
_INK, _QUIET, _FAINT = "#222222", "#555555", "#D5D5D5"
_MARKS = {"forgotten": "▼", "recovered": "▲", "changed": "◆", "": "○"}
MOST = 400


@dataclass(frozen=True)
class _Grid:
    """Layout of pictures: ``columns`` a row, each ``side`` wide, right of ``left`` pixels."""

    width: float
    left: float
    columns: int
    side: float

    def x(self, place: int) -> float:
        """Left end of a picture."""
        return self.left + (place % self.columns) * (self.side + _GAP)


def sheet_svg(chosen: Chosen, preset: FigurePreset = SCREEN) -> tuple[str, float, float]:
    """Draw a sheet as SVG, laid out with letters of 12 px.

    Parameters
    ----------
    chosen : Chosen
        The images, grouped by class; classes in the order of their first image.
    preset : FigurePreset
        Width, size of letters, and which texts around it are drawn.

    Returns
    -------
    svg, width, height : str, float, float
        The markup and its size in pixels.
    """
    names = chosen.class_names
    rows = chosen.table.assign(place=range(len(chosen))).to_dict("records")
    order = {one: i for i, one in enumerate(dict.fromkeys(row[schema.LABEL] for row in rows))}
    rows.sort(key=lambda row: (order[row[schema.LABEL]], row["place"]))
    content = dict(pictures(chosen.results, chosen.image_ids))
    groups = [(key, list(of)) for key, of in groupby(rows, key=lambda row: row[schema.LABEL])]
    grid = _grid(preset.layout_px, [str(names[key]) for key, _ in groups], groups)
    drawn, y = _head(chosen, preset, grid.width)
    for key, of in groups:
        drawn.append(_text(_EDGE, y + grid.side / 2 + 4, _fitting(str(names[key]), grid.left - 12)))
        for start in range(0, len(of), grid.columns):
            for place, row in enumerate(of[start : start + grid.columns]):
                picture = content[int(row[schema.IMAGE_ID])]
                drawn += _tile(row, picture, names, grid.x(place), y, grid)
            y += grid.side + 2 * _LINE + _GAP
        y += _GAP
    if not preset.no_footnote:
        for line in wrapped(chosen.footnote, grid.width - 2 * _EDGE):
            y += _LINE
            drawn.append(_text(_EDGE, y, line, _QUIET))
        y += 6
    size = f'width="{grid.width:.6g}" height="{y:.6g}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {grid.width:.6g} {y:.6g}" '
        f'font-family="{FAMILY}" font-size="{LETTER_PX:g}">'
    )
    ground = f'<rect width="{grid.width:.6g}" height="{y:.6g}" fill="#fff"/>'
    return f"{head}{ground}{''.join(drawn)}</svg>", grid.width, y


def _grid(width: float, labels: list[str], groups: list[tuple[Any, list[Any]]]) -> _Grid:
    """Lay out the longest row, with pictures as large as possible."""
    left = min(text_width(labels) + 16, _MOST_NAMES * width)
    longest = max((len(of) for _, of in groups), default=1)
    room = width - left - _EDGE
    most = max(int((room + _GAP) // (_SMALLEST_TILE + _GAP)), 1)
    columns = min(longest, most)
    side = min((room - (columns - 1) * _GAP) / columns, _LARGEST_TILE)
    return _Grid(width, left, columns, side)


def _head(chosen: Chosen, preset: FigurePreset, width: float) -> tuple[list[str], float]:
    """Return the texts above, and the top of the first row."""
    drawn: list[str] = []
    y, room = _EDGE, width - 2 * _EDGE
    if not preset.no_title:
        title = f"{chosen.results.manifest.name}, {chosen.variant_id} against dense"
        for line in wrapped(title, room, 14):
            y += 18
            drawn.append(_text(_EDGE, y, line, size=14))
    if not preset.no_subtitle:
        words = (
            f"{count(len(chosen))} images, {chosen.words or 'as chosen'}. Left: true class; below "
            f"each: {chosen.answer_name} of dense, → of the variant; ▼ forgotten ▲ recovered "
            "◆ changed."
        )
        for line in wrapped(words, room):
            y += _LINE
            drawn.append(_text(_EDGE, y, line, _QUIET))
    return drawn, y + (_GAP + 4 if drawn else 0)


def _tile(
    row: dict[str, Any], content: bytes | None, names: Any, x: float, y: float, grid: _Grid
) -> list[str]:
    side = grid.side
    uri = data_uri(content)
    frame = f'x="{x:.2f}" y="{y:.2f}" width="{side:.2f}" height="{side:.2f}"'
    shown = f'<rect {frame} fill="#F3F3F3"/>'
    if uri:
        crisp = ' style="image-rendering:pixelated"' if uri.startswith("data:image/png") else ""
        shown = f'<image {frame} href="{uri}" preserveAspectRatio="xMidYMid meet"{crisp}/>'
    kind = "" if is_missing(row["kind"]) else str(row["kind"])
    dense, variant = (class_name(names, row[c]) for c in ("dense_modal_label", "modal_label"))
    mark = f'<tspan fill="{KIND_COLORS.get(kind, _QUIET)}">{_MARKS[kind]}</tspan> '
    first = _fitting(dense, side - 16)
    second = _fitting(variant, side - 16)
    return [
        shown,
        f'<rect {frame} fill="none" stroke="{_FAINT}" stroke-width="0.75"/>',
        f'<text x="{x:.2f}" y="{y + side + 13:.2f}" fill="{_INK}">{mark}{escape(first)}'
        f"<title>{escape(cut(dense, 400))}</title></text>",
        f'<text x="{x:.2f}" y="{y + side + 13 + _LINE:.2f}" fill="{_INK}">→ {escape(second)}'
        f"<title>{escape(cut(variant, 400))}</title></text>",
    ]


def _text(x: float, y: float, words: str, color: str = _INK, size: float = LETTER_PX) -> str:
    place = f'x="{x:.2f}" y="{y:.2f}"'
    return f'<text {place} fill="{color}" font-size="{size:g}">{escape(words)}</text>'


def _fitting(name: str, width: float) -> str:
    """Cut a name in the middle until it fits."""
    most = len(cut(name, 400))
    while most > 3 and text_width([escape(cut(name, most))]) > width:
        most -= 1
    return cut(name, most)


def _content(chosen: Chosen, format: Literal["png", "svg", "pdf"]) -> bytes:
    preset = chosen.preset
    svg, width, height = sheet_svg(chosen, preset)
    return picture_bytes(svg, format, width * preset.scale, height * preset.scale, preset)


_ABOUT = (
    "A figure for a paper, as wide as the figures are set: a row a class, below each picture "
    f"the answers of dense and of the variant. {count(MOST)} images at most."
)
_WHY = "a figure with more pictures cannot be read; choose fewer, such as some of each class"


@register(
    "figure-sheet-svg", title="Contact sheet as a figure, SVG", shape="file", suffix=".svg",
    mime="image/svg+xml", about=_ABOUT, most=MOST, why=_WHY,
)  # fmt: skip
def svg(chosen: Chosen) -> Files:
    """Yield one SVG, with its font."""
    yield "contact-sheet.svg", _content(chosen, "svg")


@register(
    "figure-sheet-pdf", title="Contact sheet as a figure, PDF", shape="file", suffix=".pdf",
    mime="application/pdf", about=_ABOUT, most=MOST, why=_WHY,
)  # fmt: skip
def pdf(chosen: Chosen) -> Files:
    """Yield one PDF of one page."""
    yield "contact-sheet.pdf", _content(chosen, "pdf")


@register(
    "figure-sheet-png", title="Contact sheet as a figure, PNG", shape="file", suffix=".png",
    mime="image/png", about=_ABOUT, most=MOST, why=_WHY,
)  # fmt: skip
def png(chosen: Chosen) -> Files:
    """Yield one PNG."""
    yield "contact-sheet.png", _content(chosen, "png")
