"""The style of all figures: one template, fixed colours and marks, the footnote."""

from typing import Literal
from zlib import crc32

import plotly.graph_objects as go

Ground = Literal["white", "light", "dark"]
# The font that is embedded in files comes first; pages without it fall back.
FAMILY = "Inter, Arial, Helvetica, sans-serif"

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
_RGB = {"white": "34,34,34", "light": "34,34,34", "dark": "230,230,230"}


def method_color(method: str) -> str:
    """Return the colour of a method, the same whichever methods are drawn beside it.

    Combined methods have the colour of their last step, and an open marker on a broken line.

    Parameters
    ----------
    method : str
        Compression method, registered or not.
    """
    last = method.rpartition("+")[2]
    return _METHOD_COLORS.get(last) or _PALETTE[crc32(last.encode()) % len(_PALETTE)]


def method_symbol(method: str) -> str:
    """Return the marker of a method, so that it can be recognized without colour.

    Parameters
    ----------
    method : str
        Compression method, registered or not.
    """
    known, first = list(_METHOD_COLORS), method.partition("+")[0]
    place = known.index(first) if first in known else crc32(first.encode()) // 7
    return _SYMBOLS[place % len(_SYMBOLS)] + ("-open" if first != method else "")


def method_dash(method: str) -> str:
    """Return the line of a method: solid for a known one, else by its name.

    Parameters
    ----------
    method : str
        Compression method, registered or not.
    """
    if method in _METHOD_COLORS:
        return "solid"
    return _DASHES[1 + crc32(method.encode()) // 53 % (len(_DASHES) - 1)]


def faded(color: str, alpha: float) -> str:
    """Return a ``#RRGGBB`` colour with an opacity, for bands and fills.

    Parameters
    ----------
    color : str
        Colour as ``#rrggbb``.
    alpha : float
        Opacity, 0..1.
    """
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def template(ground: Ground = "light") -> go.layout.Template:
    """Return the template: transparent on a ``light`` or ``dark`` page, opaque on ``white``.

    Parameters
    ----------
    ground : {"white", "light", "dark"}
        What the figure stands on.
    """
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
    paper = "#FFFFFF" if ground == "white" else "rgba(0,0,0,0)"
    return go.layout.Template(
        layout={
            "font": {"family": FAMILY, "size": 12, "color": f"rgb({rgb})"},
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
    """Return a copy of a figure for another background: ``white`` for files, or that of a page.

    Parameters
    ----------
    figure : Figure
        Not modified.
    ground : {"white", "light", "dark"}
        What the figure stands on.
    """
    dressed = go.Figure(figure)
    dressed.update_layout(template=template(ground))
    return dressed


def footnote(
    name: str, manifest_updated: str, k: int, ties: str, variant_id: str | None = None
) -> str:
    """Format a footnote: sweep, variant, runs per variant, tie rule and date of the cache.

    Parameters
    ----------
    name : str
        Name of the sweep.
    manifest_updated : str
        When its cache was last changed, ISO 8601.
    k : int
        Largest number of runs a variant.
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.
    variant_id : str, optional
        Variant that is shown, where it is one.
    """
    variant = f", variant {variant_id}" if variant_id else ""
    date = f" · cache of {manifest_updated[:10]}" if manifest_updated else ""
    return f"Sweep {name}{variant} · K = {k} runs a variant · ties: {ties}{date}"
