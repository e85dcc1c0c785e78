"""Shift x variant as a heatmap, with marks where a difference is significant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import labels, layout, theme

ALPHA = 0.05
FloatArray = npt.NDArray[np.float64]
# Symbol, fill and edge: apart without colour, and seen on a light and on a dark legend.
_MARKS = {
    "p ≤ 0.05 alone": ("circle", "#FFFFFF", "#111111"),
    "q ≤ 0.05": ("diamond", "#111111", "#FFFFFF"),
}


@dataclass(frozen=True)
class ShiftGrid:
    """What is known of every variant under every shift, [S, V]: ``values`` are what is drawn.

    NaN where nothing is known; p and q also where no run differs from another.
    """

    shifts: tuple[str, ...]
    variant_ids: tuple[str, ...]
    values: FloatArray
    relative: FloatArray
    dense_relative: FloatArray
    p: FloatArray
    q: FloatArray

    @property
    def n_tested(self) -> int:
        """Number of comparisons with a test."""
        return int(np.isfinite(self.p).sum())

    @property
    def n_worse(self) -> int:
        """Number of comparisons in which the variant keeps less than dense, at q <= 0.05."""
        return int(((self.q <= ALPHA) & (self.values < 0)).sum())

    @property
    def n_better(self) -> int:
        """Number of comparisons in which the variant keeps more than dense, at q <= 0.05."""
        return int(((self.q <= ALPHA) & (self.values > 0)).sum())


def spread(rows: pd.DataFrame, columns: Sequence[str]) -> ShiftGrid:
    """Spread a table, a row a variant and shift, in order of appearance.

    Parameters
    ----------
    columns : sequence of str
        Columns of values, accuracy, that of dense, p and q.
    """
    shifts = list(dict.fromkeys(rows[schema.SHIFT]))
    variants = list(dict.fromkeys(rows[schema.VARIANT_ID]))

    def wide(column: str) -> FloatArray:
        found = rows.pivot(index=schema.SHIFT, columns=schema.VARIANT_ID, values=column)
        return np.asarray(found.reindex(index=shifts, columns=variants), np.float64)

    return ShiftGrid(tuple(shifts), tuple(variants), *map(wide, columns))


def shift_heatmap(info: ShiftGrid, words: layout.Words, hover: str) -> go.Figure:
    """Draw a grid on a scale centred on 0; ``hover`` says what both accuracies of a cell are."""
    n, n_variants = info.values.shape
    variants = [labels.short(variant) for variant in info.variant_ids]
    height = max(min(24 * n, 1600), 110)
    limit = float(np.nanmax(np.abs(info.values))) or 0.01
    figure = go.Figure(
        go.Heatmap(
            z=info.values, customdata=_custom(info), colorscale=theme.DIVERGING, zmid=0,
            zmin=-limit, zmax=limit, xgap=1, ygap=1, name="",
            hovertemplate=(
                f"<b>%{{customdata[2]}}</b><br>%{{customdata[3]}}<br>{hover}<br>"
                "difference %{z:+.2%}<br>%{customdata[6]}<extra></extra>"
            ),
            colorbar={
                "title": {"text": "percentage<br>points"}, "tickformat": "+.2~%", "thickness": 14,
                "outlinewidth": 0, "lenmode": "pixels", "len": min(height, 320), "y": 1,
                "yanchor": "top",
            },
        )
    )  # fmt: skip
    _mark(figure, (info.p <= ALPHA) & ~(info.q <= ALPHA), "p ≤ 0.05 alone")
    _mark(figure, info.q <= ALPHA, "q ≤ 0.05")
    angle = 0 if n_variants <= 3 else -90
    figure.update_xaxes(
        tickvals=list(range(n_variants)), ticktext=variants, tickangle=angle, side="bottom",
        range=[-0.5, n_variants - 0.5], showgrid=False, zeroline=False,
    )  # fmt: skip
    return layout.compose(
        figure,
        words,
        plot_height=height,
        rows=[labels.short(shift, 32) for shift in info.shifts],
        bottom_labels=24 if angle == 0 else labels.text_width(variants) + 14,
    )


def _mark(figure: go.Figure, where: npt.NDArray[np.bool_], name: str) -> None:
    symbol, fill, edge = _MARKS[name]
    y, x = np.nonzero(where)
    # The legend names both marks, also one that no cell has.
    figure.add_scatter(
        x=x if len(x) else [None], y=y if len(y) else [None], mode="markers", name=name,
        hoverinfo="skip",
        marker={"size": 9, "symbol": symbol, "color": fill, "line": {"color": edge, "width": 1.5}},
    )  # fmt: skip


def _custom(info: ShiftGrid) -> list[list[list[Any]]]:
    def said(i: int, j: int) -> str:
        if np.isnan(info.p[i, j]):
            return "not tested"
        if info.q[i, j] <= ALPHA:
            return "significant at p and q ≤ 0.05"
        return "significant at p ≤ 0.05 alone" if info.p[i, j] <= ALPHA else "not significant"

    return [
        [
            [
                shift, variant, labels.escape(shift), labels.escape(variant),
                info.relative[i, j], info.dense_relative[i, j], said(i, j),
            ]
            for j, variant in enumerate(info.variant_ids)
        ]
        for i, shift in enumerate(info.shifts)
    ]  # fmt: skip
