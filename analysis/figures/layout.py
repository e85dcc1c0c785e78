"""Labels and words of a figure: data text shown literally, cut, and given the room it needs."""

import html
import textwrap
import unicodedata
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from analysis.figures.theme import template
from analysis.presentation import formatting


def escape(text: object) -> str:
    """Return data text as plotly shows it literally: no tag, entity, TeX or hover template.

    Parameters
    ----------
    text : object
        Text of the data, any object.
    """
    plain = one_line(text)
    return html.escape(plain, quote=False).replace("$", "&#36;").replace("%{", "&#37;{")


def short(text: object, width: int = 24) -> str:
    """Return data text escaped and, where it is long, cut in the middle for an axis.

    Parameters
    ----------
    text : object
        Text of the data, any object.
    width : int
        Largest number of characters.
    """
    return escape(cut(text, width))


def cut(text: object, width: int) -> str:
    """Return data text as one line, where it is long cut in the middle: names differ at the end.

    Parameters
    ----------
    text : object
        Text of the data, any object.
    width : int
        Largest number of characters.
    """
    plain = one_line(text)
    if len(plain) > width:
        head = (width - 1) * 2 // 3
        plain = f"{plain[:head]}…{plain[len(plain) - (width - 1 - head) :]}"
    return plain


def one_line(text: object) -> str:
    """Return data text as one line without control characters; never empty.

    Parameters
    ----------
    text : object
        Text of the data, any object.
    """
    return formatting.one_line(text) or "(blank)"


def text_width(labels: list[str]) -> int:
    """Estimate the width of the longest of some escaped labels at 12 px, pixels.

    Parameters
    ----------
    labels : list of str
        Escaped labels.
    """
    return round(max((sum(map(_width, html.unescape(label))) for label in labels), default=0.0))


def label_width(labels: list[str]) -> int:
    """Estimate the width of tick labels and an axis title beside them, pixels.

    Parameters
    ----------
    labels : list of str
        Escaped labels.
    """
    return 44 + text_width(labels)


def _width(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 12.5
    if character in "ilj.,:;|'! ()[]tfr-I":
        return 4.2
    return 9.0 if character.isupper() or character in "mw@%#&_" else 7.0


_LINE = 16
_NARROW = 640


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
    rows: list[str] | None = None,
    top_labels: int = 0,
    bottom_labels: int = 24,
) -> go.Figure:
    """Give a figure its words and margins, with room for each so that none covers another.

    Parameters
    ----------
    plot_height : int
        Height of the plotting area, pixels.
    rows : list of str, optional
        Escaped names of the rows at 0, 1, ... from the top.
    top_labels, bottom_labels : int
        Height of tick labels above and below the plotting area, pixels.
    figure : Figure
        Changed in place and returned.
    words : Words
        Title, axes, subtitle and footnote.
    """
    left = 80
    if rows is not None:
        left = label_width(rows)
        _name_rows(figure, rows, plot_height)
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
    """Return a figure without data: its title, its axes and a line that says why.

    Parameters
    ----------
    words : Words
        Title and axes.
    reason : str
        Why nothing is drawn, plain text.
    """
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


def _name_rows(figure: go.Figure, labels: list[str], height: int) -> None:
    """Name rows from the top, as many as there is room for; classes of one name stay apart."""
    step = -(-len(labels) * 13 // height)
    figure.update_yaxes(
        tickvals=list(range(0, len(labels), step)),
        ticktext=labels[::step],
        range=[len(labels) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
    )


def _legend_rows(names: list[str], width: int) -> int:
    """Rows of a horizontal legend, which stands in columns as wide as its longest name."""
    columns = max(width // (50 + text_width(names)), 1)
    return -(-len(names) // columns)
