"""The texts around a figure, and the room they need at its width."""

import html
import re
import textwrap
from dataclasses import asdict, dataclass
from typing import Any

import plotly.graph_objects as go

from analysis.figures.lettering import (
    LETTER,
    cut,
    escape,
    label_width,
    one_line,
    points,
    points_between,
    short,
    text_width,
    wrapped,
)
from analysis.figures.theme import template

__all__ = [
    "Words", "bare", "compose", "cut", "empty", "escape", "fit", "label_width", "one_line",
    "points", "points_between", "short", "text_width", "words_of", "wrapped",
]  # fmt: skip


_LINE, _NOTE_LINE = 16, 14
_NOTE = 10
WIDTH = 900
_EDGE = 14
# Room beside each name of a legend: its mark and the space around it.
_KEY = 46
_RIGHT = 24
# In a narrow figure, names of rows take less than half, and the height follows the width.
_MOST_NAMES = 0.42
_SHAPE, _LOWEST = 0.62, 190
_NARROW, _PHONE = 640, 390
_NUMBER = re.compile(r"[-+−]?[\d.,]+( ?%)?")


@dataclass(frozen=True)
class Words:
    """The texts around a figure: ``title`` names the quantity, ``x`` and ``y`` the units.

    ``title`` is escaped already; ``subtitle`` and ``note`` are plain text and are escaped here.
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
    """Add the texts and margins of a figure, so that none covers another.

    Data for another width are stored in ``layout.meta`` for :func:`fit`.

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
    if rows is not None:
        _name_rows(figure, rows, plot_height)
    figure.update_layout(
        template=template(),
        meta={
            "words": asdict(words), "rows": rows, "plot_height": plot_height,
            "top_labels": top_labels, "bottom_labels": bottom_labels,
            "panels": [axis.title.text for axis in figure.select_xaxes()][1:],
        },
        legend={
            "orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom",
        },
    )  # fmt: skip
    return _laid_out(figure, WIDTH)


def fit(
    figure: go.Figure,
    width: float,
    *,
    title: bool = True,
    subtitle: bool = True,
    note: bool = True,
    smallest: int = _NOTE,
) -> go.Figure:
    """Return a copy of a figure for another width; a composed one is laid out again.

    Parameters
    ----------
    figure : Figure
        Not modified.
    width : float
        Pixels, at letters of 12 px.
    title, subtitle, note : bool
        Which of the texts around it are drawn.
    smallest : int
        Smallest size of letters, to which smaller ones are enlarged, pixels.
    """
    fitted = go.Figure(figure)
    fitted.update_layout(width=round(width))
    if not fitted.layout.meta:
        return fitted
    fitted.layout.annotations = [a for a in fitted.layout.annotations if a.name != "footnote"]
    shown = {"title": title, "subtitle": subtitle, "note": note}
    left_out = {name: "" for name, is_shown in shown.items() if not is_shown}
    meta = dict(fitted.layout.meta)
    fitted.layout.meta = meta | {"words": meta["words"] | left_out}
    return _laid_out(fitted, width, smallest=smallest)


def words_of(figure: go.Figure) -> dict[str, str]:
    """Return title (escaped), subtitle and note of a composed figure; empty for others.

    Parameters
    ----------
    figure : Figure
        Any figure.
    """
    meta: dict[str, Any] = dict(figure.layout.meta or {})
    return dict(meta.get("words", {}))


def bare(figure: go.Figure) -> go.Figure:
    """Return a copy without the texts around it, for a page that writes them itself.

    Parameters
    ----------
    figure : Figure
        Not modified.
    """
    copy = fit(figure, _NARROW, title=False, subtitle=False, note=False)
    if copy.layout.meta:
        # The page may be narrow, as on a phone: wrap the titles of the axes.
        meta = dict(copy.layout.meta)
        titles = [meta["words"]["x"], *meta["panels"]]
        more = _name_axes(copy, titles, _PHONE - copy.layout.margin.l - _RIGHT) - 1
        bottom = copy.layout.margin.b + _LINE * max(more, 0)
        copy.update_layout(margin_b=bottom, height=copy.layout.height + _LINE * max(more, 0))
    return copy.update_layout(width=None)


def _laid_out(figure: go.Figure, width: float, *, smallest: int = _NOTE) -> go.Figure:
    """Set texts, margins and height for a width."""
    meta = dict(figure.layout.meta)
    words, rows = Words(**meta["words"]), meta["rows"]
    room = width - 2 * _EDGE
    plot_height = int(meta["plot_height"])
    left = 80
    if rows is None and width < _NARROW:
        plot_height = min(plot_height, max(round(_SHAPE * width), _LOWEST))
    if rows is not None:
        rows = _within(rows, _MOST_NAMES * width)
        left = label_width(rows)
        figure.update_yaxes(ticktext=rows[:: _step(len(rows), plot_height)])
    across = width - left - _RIGHT
    y = wrapped(words.y, max(plot_height, _LOWEST + 10))
    left += _LINE * max(len(y) - 1, 0)
    below = int(meta["bottom_labels"]) + _turned(figure, across)
    n_lines = _name_axes(figure, [words.x, *meta["panels"]], across)
    below += (10 + _LINE * n_lines) if words.x and not meta["top_labels"] else 0
    size = 17 if width >= _NARROW else 14
    head = wrapped(html.unescape(words.title), room, size)
    lines = wrapped(words.subtitle, room)
    names = [str(t.name) for t in figure.data if t.name and t.showlegend is not False]
    legend = _legend_rows(names, width - _EDGE) * 20 + 6 if len(names) > 1 else 0
    top = 10 + round(1.3 * size) * len(head) + 12 * bool(head) + _LINE * len(lines) + legend
    top += int(meta["top_labels"]) + (10 if lines else 0) + (14 if lines and not head else 0)
    small = max(smallest, _NOTE)
    note = wrapped(words.note, room, small)
    note_line = _LINE if small > _NOTE else _NOTE_LINE
    bottom = below + note_line * len(note) + 16
    figure.update_layout(
        title=_heading(head, lines, size),
        height=top + plot_height + bottom,
        margin={"l": left, "r": _RIGHT, "t": top, "b": bottom},
        showlegend=len(names) > 1,
        legend_x=(_EDGE - left) / max(across, 1),
    )
    figure.update_layout(yaxis={"title": {"text": "<br>".join(y)}})
    _enlarge(figure, small)
    if note:
        figure.add_annotation(
            name="footnote", text="<br>".join(map(escape, note)), showarrow=False,
            xref="paper", yref="paper", x=0, y=0, xanchor="left", yanchor="top", align="left",
            xshift=_EDGE - left, yshift=-below - 4, font={"size": small},
        )  # fmt: skip
    return figure


def _heading(head: list[str], lines: list[str], size: int) -> dict[str, Any]:
    # Plotly centres several lines at the position of one.
    down = _EDGE + round(0.65 * size) * max(len(head) - 1, 0)
    made: dict[str, Any] = {
        "text": "<br>".join(map(escape, head)), "x": 0, "xanchor": "left", "xref": "container",
        "y": 1, "yanchor": "top", "yref": "container", "pad": {"l": _EDGE, "t": down},
        "font": {"size": size},
    }  # fmt: skip
    subtitle = {"text": "<br>".join(map(escape, lines)), "font": {"size": LETTER}}
    return made | {"subtitle": subtitle if lines else None}


def _within(labels: list[str], width: float) -> list[str]:
    """Cut escaped labels further, so that the longest leaves room for the plot."""
    if label_width(labels) <= width:
        return labels
    plain = [html.unescape(label) for label in labels]
    most = max(map(len, plain), default=0)
    while most > 8 and label_width([short(label, most) for label in plain]) > width:
        most -= 1
    return [short(label, most) for label in plain]


def _name_axes(figure: go.Figure, titles: list[str], width: float) -> int:
    """Write the titles of the horizontal axes, each as wide as its panel; return the most lines."""
    most = 0
    for axis, title in zip(figure.select_xaxes(), titles, strict=False):
        low, high = axis.domain or (0, 1)
        lines = wrapped(title or "", (high - low) * width)
        axis.title.text = "<br>".join(lines)
        most = max(most, len(lines))
    return most


def _turned(figure: go.Figure, width: float) -> int:
    """Keep tick labels apart: leave some numbers out, rotate names.

    Returns the extra height of rotated names.
    """
    more = 0
    for axis in figure.select_xaxes():
        labels = list(axis.ticktext or ())
        if not labels or axis.tickangle:
            continue
        low, high = axis.domain or (0, 1)
        wide = max(text_width([label]) for label in labels) + 10
        step = -(-wide * _spanned(axis, len(labels)) // max((high - low) * width, 1))
        if step <= 1:
            continue
        if all(_NUMBER.fullmatch(html.unescape(label)) for label in labels):
            first = len(labels) // 2 % int(step) if len(labels) % 2 else 0
            axis.tickvals = list(axis.tickvals)[first :: int(step)]
            axis.ticktext = labels[first :: int(step)]
        else:
            axis.tickangle = -90
            more = max(more, text_width(labels) - 10)
    return more


def _spanned(axis: Any, n: int) -> float:
    """Number of steps between labels that the axis would have."""
    if not axis.range or n < 2:
        return n
    step = (axis.tickvals[-1] - axis.tickvals[0]) / (n - 1)
    return (axis.range[1] - axis.range[0]) / step if step else n


def _enlarge(figure: go.Figure, smallest: int) -> None:
    """Enlarge letters to the smallest size allowed."""
    for one in (*figure.layout.annotations, figure.layout.xaxis, figure.layout.yaxis):
        letters = one.font if hasattr(one, "font") else one.tickfont
        if letters.size is not None and letters.size < smallest:
            letters.size = smallest


def empty(words: Words, reason: str) -> go.Figure:
    """Return a figure without data: its title, its axes and a line with the reason.

    Parameters
    ----------
    words : Words
        Title and axes.
    reason : str
        Reason for the empty figure, plain text.
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
    """Label rows from the top, as many as there is room for; classes of one name stay apart."""
    step = _step(len(labels), height)
    figure.update_yaxes(
        tickvals=list(range(0, len(labels), step)),
        ticktext=labels[::step],
        range=[len(labels) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
    )


def _step(n: int, height: int) -> int:
    """Label every n-th row, so that the names stay apart: return n."""
    return -(-n * 14 // height)


def _legend_rows(names: list[str], width: float) -> int:
    """Rows of a horizontal legend: one, or columns as wide as its longest name."""
    if sum(_KEY + text_width([name]) for name in names) <= width:
        return 1
    columns = max(int(width) // (_KEY + text_width(names)), 1)
    return -(-len(names) // columns)
