"""How every figure looks: one template, fixed colours, escaped labels, and where text stands."""

import html
import re
import textwrap
import unicodedata
from dataclasses import dataclass
from typing import Any, Literal
from zlib import crc32

import plotly.graph_objects as go

Ground = Literal["page", "white", "dark"]

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, GREY = "#E69F00", "#56B4E9", "#8A8A8A"

DENSE_COLOR = GREY
SIGN_COLORS = {"lost": VERMILLION, "gained": BLUE, "not significant": GREY, "not tested": GREY}
SIGN_SYMBOLS = {
    "lost": "triangle-down",
    "gained": "triangle-up",
    "not significant": "circle-open",
    "not tested": "x-thin-open",
}
SIGN_PATTERNS = {"lost": "", "gained": "/", "not significant": "", "not tested": ""}
KIND_COLORS = {"forgotten": VERMILLION, "recovered": BLUE, "changed": PURPLE}
KIND_PATTERNS = {"forgotten": "", "recovered": "/", "changed": "x"}
DIVERGING = [
    [0.0, "#9C3D00"], [0.25, "#E58A4F"], [0.5, "#F4F4F4"], [0.75, "#62A9D6"], [1.0, "#00518A"],
]  # fmt: skip
SEQUENTIAL = [[0.0, "#F1F5FA"], [0.3, "#A9CBE6"], [0.65, "#3F8CC0"], [1.0, "#003F6B"]]

_METHOD_COLORS = {
    "dense": DENSE_COLOR,
    "magnitude": BLUE,
    "random": ORANGE,
    "structured": GREEN,
    "int8-static": VERMILLION,
    "int8-dynamic": PURPLE,
    "float16": SKY,
}
_PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "star", "hexagon", "pentagon")
_DASHES = ("solid", "dash", "dashdot", "longdash")
_RGB = {"page": "122,122,122", "white": "34,34,34", "dark": "230,230,230"}
_LINE = 16
_NARROW = 640
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def escape(text: object) -> str:
    """Return data text as plotly shows it literally: no tag, no entity, no TeX."""
    plain = _plain(text)
    return html.escape(plain, quote=False).replace("$", "&#36;")


def short(text: object, width: int = 24) -> str:
    """Return data text escaped and, where it is long, cut in the middle for an axis."""
    plain = _plain(text)
    if len(plain) > width:
        head = (width - 1) * 2 // 3
        plain = f"{plain[:head]}…{plain[len(plain) - (width - 1 - head) :]}"
    return escape(plain)


def _plain(text: object) -> str:
    return _CONTROL.sub(" ", str(text)).strip() or "(blank)"


def method_color(method: str) -> str:
    """Return the colour of a method, the same whichever methods are drawn beside it.

    Combined methods have the colour of their last step, and an open marker on a broken line.
    """
    last = method.rpartition("+")[2]
    return _METHOD_COLORS.get(last) or _PALETTE[crc32(last.encode()) % len(_PALETTE)]


def method_symbol(method: str) -> str:
    """Return the marker of a method, so that it is told apart without colour."""
    known, first = list(_METHOD_COLORS), method.partition("+")[0]
    place = known.index(first) if first in known else crc32(first.encode()) // 7
    return _SYMBOLS[place % len(_SYMBOLS)] + ("-open" if first != method else "")


def method_dash(method: str) -> str:
    """Return the line of a method: solid for a known one, else by its name."""
    if method in _METHOD_COLORS:
        return "solid"
    return _DASHES[1 + crc32(method.encode()) // 53 % (len(_DASHES) - 1)]


def faded(color: str, alpha: float) -> str:
    """Return a ``#RRGGBB`` colour with an opacity, for bands and fills."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def template(ground: Ground = "page") -> go.layout.Template:
    """Return the template: ``page`` reads on light and dark pages alike and is transparent."""
    rgb = _RGB[ground]
    axis = {
        "gridcolor": f"rgba({rgb},0.22)",
        "linecolor": f"rgba({rgb},0.6)",
        "zerolinecolor": f"rgba({rgb},0.75)",
        "zerolinewidth": 1.5,
        "tickcolor": f"rgba({rgb},0.6)",
        "automargin": True,
        "ticks": "outside",
        "ticklen": 4,
        "title": {"standoff": 10, "font": {"size": 13}},
    }
    paper = {"page": "rgba(0,0,0,0)", "white": "#FFFFFF", "dark": "#0E1117"}[ground]
    return go.layout.Template(
        layout={
            "font": {"family": "Arial, Helvetica, sans-serif", "size": 12, "color": f"rgb({rgb})"},
            "paper_bgcolor": paper,
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(_PALETTE),
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {"align": "left"},
            "title": {"font": {"size": 17}},
        }
    )


def dress(figure: go.Figure, ground: Ground) -> go.Figure:
    """Return a copy of a figure for another ground: ``white`` for files, ``dark`` for the dark."""
    dressed = go.Figure(figure)
    dressed.update_layout(template=template(ground))
    return dressed


def footnote(
    name: str, manifest_updated: str, k: int, ties: str, variant_id: str | None = None
) -> str:
    """Say what a figure is of: sweep, variant, runs a variant, tie rule and date of the cache."""
    variant = f", variant {variant_id}" if variant_id else ""
    date = f" · cache of {manifest_updated[:10]}" if manifest_updated else ""
    return f"Sweep {name}{variant} · K = {k} runs a variant · ties: {ties}{date}"


@dataclass(frozen=True)
class Words:
    """The words around a figure: ``title`` says the quantity, ``x`` and ``y`` the units.

    ``subtitle`` and ``note`` are plain text and are escaped here.
    """

    title: str
    x: str = ""
    y: str = ""
    subtitle: str = ""
    note: str = ""


def compose(
    figure: go.Figure,
    words: Words,
    *,
    plot_height: int = 340,
    left: int = 70,
    top_labels: int = 0,
    bottom_labels: int = 24,
) -> go.Figure:
    """Give a figure its words and margins, with room for each so that none covers another.

    Parameters
    ----------
    plot_height : int
        Height of the plotting area, pixels.
    left : int
        Width of the tick labels and title on the left, pixels.
    top_labels, bottom_labels : int
        Height of tick labels above and below the plotting area, pixels.
    """
    lines = textwrap.wrap(words.subtitle, 96)
    names = [str(t.name) for t in figure.data if t.name and t.showlegend is not False]
    legend = _legend_rows(names, _NARROW - left - 24) * 20 + 6 if len(names) > 1 else 0
    top = 44 + _LINE * len(lines) + legend + top_labels + (10 if lines else 0)
    below = bottom_labels + (26 if words.x and not top_labels else 0)
    note = textwrap.wrap(words.note, 110)
    bottom = below + 14 * len(note) + 16
    title: dict[str, Any] = {
        "text": words.title,
        "x": 0,
        "xanchor": "left",
        "xref": "container",
        "y": 1,
        "yanchor": "top",
        "yref": "container",
        "pad": {"l": 14, "t": 14},
    }
    if lines:
        title["subtitle"] = {
            "text": "<br>".join(escape(line) for line in lines), "font": {"size": 12}
        }  # fmt: skip
    figure.update_layout(
        template=template(),
        title=title,
        height=top + plot_height + bottom,
        margin={"l": left, "r": 24, "t": top, "b": bottom},
        legend={
            "orientation": "h", "x": 0, "xanchor": "left", "y": 1,
            "yanchor": "bottom",
        },
        showlegend=len(names) > 1,
    )  # fmt: skip
    figure.update_layout(xaxis={"title": {"text": words.x}}, yaxis={"title": {"text": words.y}})
    if note:
        figure.add_annotation(
            name="footnote", text="<br>".join(escape(line) for line in note), showarrow=False,
            xref="paper", yref="paper", x=0, y=0, xanchor="left", yanchor="top", align="left",
            xshift=14 - left, yshift=-below - 4, font={"size": 10},
        )  # fmt: skip
    return figure


def empty(words: Words, reason: str) -> go.Figure:
    """Return a figure without data: its title, its axes and a line that says why."""
    figure = go.Figure()
    compose(figure, words, plot_height=220)
    figure.update_layout(
        xaxis={"range": [0, 1], "showticklabels": False},
        yaxis={"range": [0, 1], "showticklabels": False},
    )
    figure.add_annotation(
        name="reason", text="<br>".join(escape(line) for line in textwrap.wrap(reason, 70)),
        showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5, font={"size": 14},
    )  # fmt: skip
    return figure


def text_width(labels: list[str]) -> int:
    """Estimate the width of the longest of some escaped labels at 12 px, pixels."""
    return round(max((sum(map(_width, html.unescape(label))) for label in labels), default=0.0))


def label_width(labels: list[str]) -> int:
    """Estimate the width of tick labels and an axis title beside them, pixels."""
    return 44 + text_width(labels)


def _width(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 12.5
    if character in "ilj.,:;|'! ()[]tfr-I":
        return 4.2
    return 9.0 if character.isupper() or character in "mw@%#&_" else 7.0


def _legend_rows(names: list[str], width: int) -> int:
    """Rows of a horizontal legend, which stands in columns as wide as its longest name."""
    columns = max(width // (50 + text_width(names)), 1)
    return -(-len(names) // columns)
