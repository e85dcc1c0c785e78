"""Culprit layers: forgotten images restored with layers in float, against the bytes added."""

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme

MOST_NAMED = 6
_DECADES = 100
_TITLE = "Forgotten images restored, by layers in float"
_X, _Y = "Bytes added", "Forgotten images restored (%)"
_NAME, _LONG = 40, 24
_SETS, _SINGLES = "the best together", "one layer"
_WIDE, _HIGH, _LINE, _POINT, _LETTERS, _MARGIN = 700.0, 330.0, 15.0, 5.0, 11, 30.0
# Sides of a point for its name, tried in this order.
_SIDES = {
    "middle right": (1, 0), "middle left": (-1, 0), "top center": (0, -1), "bottom center": (0, 1),
    "top right": (1, -1), "bottom right": (1, 1), "top left": (-1, -1), "bottom left": (-1, 1),
}  # fmt: skip
_HOVER = (
    "<b>%{customdata[1]}</b><br>%{customdata[2]} forgotten images restored [%{customdata[3]}]<br>"
    "top-1 %{customdata[4]}<br>%{x:,} bytes added<br>p against the whole compressed model "
    "%{customdata[5]}<extra></extra>"
)


def culprit_layers(rows: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw the images restored by each layer in float, and by the best sets, with 95 % intervals.

    Parameters
    ----------
    rows : DataFrame
        The layers table of one variant. The first layers of the ranking are named where there is
        room; all have their name in the hover.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every marker begins with the unescaped layer.

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
    singles = known[known["k"] == 1]
    sets = known[(known["k"] > 1) | (known["rank"] == 1)].sort_values("k", kind="stable")
    places = _Places(known)
    # Sets first, so that names without room are those of single layers.
    for_sets = [places.put(row, _set_label(row)) for row in sets.to_dict("records")]
    for_singles = [places.put(row, _label(row)) for row in singles.to_dict("records")]
    _add(figure, singles, _SINGLES, theme.BLUE, "circle", for_singles)
    _add(figure, sets, _SETS, theme.VERMILLION, "diamond", for_sets)
    figure.update_yaxes(tickformat=".3~%", rangemode="tozero", zeroline=False)
    figure.update_xaxes(tickformat=".3~s", zeroline=False)
    if places.is_log:
        figure.update_xaxes(type="log", dtick=1)
    first = known.iloc[0]
    subtitle = (
        f"{int(first['n_forgotten']):,} forgotten images of the half of the test images that did "
        f"not rank the layers; seed {int(first[schema.SEED])}. Intervals over images."
    )
    words = layout.Words(title, _X, _Y, subtitle, note)
    return layout.compose(figure, words, plot_height=360)


def _add(
    figure: go.Figure,
    rows: pd.DataFrame,
    name: str,
    color: str,
    symbol: str,
    labels: list[tuple[str, str]],
) -> None:
    is_set = name == _SETS
    y, low, high = (
        rows[f"forgotten_restored{end}"].astype(float).clip(0, 1) for end in ("", "_low", "_high")
    )
    figure.add_scatter(
        x=rows["bytes_added"], y=y, name=name, text=[text for text, _ in labels],
        textposition=[place for _, place in labels], mode=f"{'lines+' * is_set}markers+text",
        customdata=[_custom(row) for row in rows.to_dict("records")], hovertemplate=_HOVER,
        marker={"color": color, "symbol": symbol, "size": 12 if is_set else 9},
        line={"color": color, "width": 1, "dash": "dot"}, textfont={"size": _LETTERS},
        cliponaxis=False,
        error_y={"array": high - y, "arrayminus": y - low, "symmetric": False, "thickness": 1.2,
                 "width": 3, "color": color},
    )  # fmt: skip


class _Places:
    """Positions of names that do not overlap, in pixels at the default width."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.is_log = _spans_decades(rows)
        bytes_added = rows["bytes_added"].astype(float).map(self._scaled)
        self._from, self._span = bytes_added.min(), (bytes_added.max() - bytes_added.min()) or 1.0
        points = [self._at(row) for row in rows.to_dict("records")]
        self._taken = [(x - _POINT, y - _POINT, x + _POINT, y + _POINT) for x, y in points]

    def _scaled(self, bytes_added: float) -> float:
        return math.log10(bytes_added) if self.is_log else bytes_added

    def _at(self, row: Any) -> tuple[float, float]:
        x = _WIDE * (self._scaled(row["bytes_added"]) - self._from) / self._span
        return x, -_HIGH * row["forgotten_restored"]

    def put(self, row: Any, text: str) -> tuple[str, str]:
        """Return a name and the side of its point with room for it; empty without room."""
        x, y = self._at(row)
        width = layout.text_width([text])
        for place, (across, down) in _SIDES.items():
            left = x + across * (width / 2 + _POINT + 2) - width / 2
            top = y + down * (_LINE / 2 + _POINT + 2) - _LINE / 2
            box = (left, top, left + width, top + _LINE)
            is_inside = box[0] >= -_MARGIN and box[2] <= _WIDE + _MARGIN
            if text and is_inside and not any(_overlap(box, one) for one in self._taken):
                self._taken.append(box)
                return text, place
        return "", "top center"


def _spans_decades(rows: pd.DataFrame) -> bool:
    """Whether layers differ so much in size that small ones would overlap."""
    bytes_added = rows["bytes_added"]
    return bool(bytes_added.min() > 0 and bytes_added.max() > _DECADES * bytes_added.min())


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _label(row: Any) -> str:
    """Name the first layers of the ranking; the very first is labelled as a set."""
    return layout.short(row["layer"], _LONG) if 1 < row["rank"] <= MOST_NAMED else ""


def _set_label(row: Any) -> str:
    """Name sets by their number; the first layer alone by its name."""
    return f"{int(row['k'])} together" if row["k"] > 1 else layout.short(row["layer"], _LONG)


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
