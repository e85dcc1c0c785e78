"""Forgotten images that come back with layers in float, against the bytes that they add."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme

MOST_NAMED = 6
_TITLE = "Forgotten images restored, by layers in float"
_X, _Y = "Bytes added", "Forgotten images restored (%)"
_NAME, _LONG = 40, 24
_SETS, _SINGLES = "the best together", "one layer"
_HOVER = (
    "<b>%{customdata[1]}</b><br>%{customdata[2]} forgotten images restored [%{customdata[3]}]<br>"
    "top-1 %{customdata[4]}<br>%{x:,} bytes added<br>p against the whole compressed model "
    "%{customdata[5]}<extra></extra>"
)


def culprit_layers(rows: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw what each layer in float gives back, and the best together, with 95 % intervals.

    Parameters
    ----------
    rows : DataFrame
        The layers table of one variant. The first layers of the ranking are named; all have their
        name in the hover.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every marker begins with the layer as it is in the data.

    Raises
    ------
    ValueError
        The frame holds several variants.
    """
    if rows[schema.VARIANT_ID].nunique() > 1:
        raise ValueError("culprit_layers draws one variant; the frame holds several")
    variant_id = str(rows[schema.VARIANT_ID].iloc[0]) if len(rows) else ""
    title = f"{_TITLE}, {layout.short(variant_id, _NAME)}" if variant_id else _TITLE
    known = rows[rows["forgotten_restored"].notna()].reset_index(drop=True)
    if known.empty:
        reason = "Nothing to show: no layer was put back to float yet; 'remedy SWEEP layers' does."
        return layout.empty(layout.Words(title, _X, _Y, "", note), reason)
    figure = go.Figure()
    is_set = (known["k"] > 1) | (known["rank"] == 1)
    _add(figure, known[known["k"] == 1], _SINGLES, theme.BLUE, "circle")
    _add(figure, known[is_set].sort_values("k", kind="stable"), _SETS, theme.VERMILLION, "diamond")
    figure.update_yaxes(tickformat=".3~%", rangemode="tozero", zeroline=False)
    figure.update_xaxes(tickformat=".3~s", zeroline=False)
    first = known.iloc[0]
    subtitle = (
        f"{int(first['n_forgotten']):,} forgotten images of the half of the test images that did "
        f"not rank the layers; seed {int(first[schema.SEED])}. Intervals over images."
    )
    words = layout.Words(title, _X, _Y, subtitle, note)
    return layout.compose(figure, words, plot_height=360)


def _add(figure: go.Figure, rows: pd.DataFrame, name: str, color: str, symbol: str) -> None:
    if rows.empty:
        return
    is_sets = name == _SETS
    y, low, high = (
        rows[f"forgotten_restored{end}"].astype(float).clip(0, 1) for end in ("", "_low", "_high")
    )
    named = [_label(row, is_sets) for row in rows.to_dict("records")]
    figure.add_scatter(
        x=rows["bytes_added"], y=y, name=name, text=named, textposition="top center",
        mode="lines+markers+text" if is_sets and len(rows) > 1 else "markers+text",
        customdata=[_custom(row) for row in rows.to_dict("records")], hovertemplate=_HOVER,
        marker={"color": color, "symbol": symbol, "size": 12 if is_sets else 9},
        line={"color": color, "width": 1, "dash": "dot"}, textfont={"size": 11},
        cliponaxis=False,
        error_y={"array": high - y, "arrayminus": y - low, "symmetric": False, "thickness": 1.2,
                 "width": 3, "color": color},
    )  # fmt: skip


def _label(row: Any, is_set: bool) -> str:
    """Name the first layers of the ranking, and sets of several by their number."""
    if is_set:
        return f"{int(row['k'])} together" if row["k"] > 1 else ""
    return layout.short(row["layer"], _LONG) if row["rank"] <= MOST_NAMED else ""


def _custom(row: Any) -> list[Any]:
    low, high = row["forgotten_restored_low"], row["forgotten_restored_high"]
    return [
        row["layer"],
        layout.short(row["layer"], 80),
        f"{int(row['n_restored'])} of {int(row['n_forgotten'])}",
        f"{100 * low:.0f} to {100 * high:.0f} %" if pd.notna(low) else "no interval",
        f"{100 * row['top1']:.2f} %",
        f"{row['mcnemar_p']:.2g}",
    ]
