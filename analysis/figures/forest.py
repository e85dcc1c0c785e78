"""Forest plots: estimates with their intervals, one a row, shared by several figures."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from analysis.figures import layout, theme

_ROW = 20


@dataclass(frozen=True)
class Marks:
    """Style of the rows of one sign."""

    color: str
    symbol: str


SIGNED = {
    sign: Marks(theme.SIGN_COLORS[sign], theme.SIGN_SYMBOLS[sign])
    for sign in ("lost", "gained", "not significant")
}


def forest(
    rows: pd.DataFrame,
    words: layout.Words,
    marks: Mapping[str, Marks],
    *,
    hover: str,
) -> go.Figure:
    """Draw a marker with its interval in each row, and a line at 0.

    Parameters
    ----------
    rows : DataFrame
        ``name x low high sign custom``: plain text, numbers in the unit of the axis (an end of an
        interval may be null), a key of ``marks``, and the customdata of the marker.
    words : Words
        Title, axes, subtitle and footnote.
    marks : mapping
        How each sign is drawn, in the order of the legend.
    hover : str
        Hover template; of the data it may name ``customdata`` and ``x``.

    Returns
    -------
    Figure
    """
    rows = rows.reset_index(drop=True)
    figure = go.Figure()
    for sign, look in marks.items():
        part = rows[rows["sign"] == sign]
        if part.empty:
            continue
        x, low, high = (part[name].astype(float) for name in ("x", "low", "high"))
        figure.add_scatter(
            x=x, y=part.index, mode="markers", name=sign, customdata=part["custom"].tolist(),
            hovertemplate=f"{hover}<extra>{sign}</extra>",
            marker={"color": look.color, "symbol": look.symbol, "size": 9},
            error_x={"array": (high - x).fillna(0), "arrayminus": (x - low).fillna(0),
                     "symmetric": False, "thickness": 1.2, "width": 3, "color": look.color},
        )  # fmt: skip
    figure.add_vline(x=0, line_width=1.5, line_color=theme.GREY)
    names = [layout.short(name, 36) for name in rows["name"]]
    return layout.compose(figure, words, plot_height=max(_ROW * len(names), 110), rows=names)
