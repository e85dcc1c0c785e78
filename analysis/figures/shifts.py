"""Accuracy under shifts: relative to clean accuracy, and of pairs of single models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme
from analysis.figures.curves import metric_curve

ALPHA = 0.05
FloatArray = npt.NDArray[np.float64]
# Symbol, fill and edge: distinct without colour, visible on light and dark legends.
_MARKS = {
    "p ≤ 0.05 alone": ("circle", "#FFFFFF", "#111111"),
    "q ≤ 0.05": ("diamond", "#111111", "#FFFFFF"),
}


@dataclass(frozen=True)
class ShiftGrid:
    """Results of every variant under every shift, [S, V]; ``values`` are drawn.

    NaN if unknown; p and q also where no run differs from another.
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
    """Pivot a table with one row a variant and shift, in order of appearance.

    Parameters
    ----------
    columns : sequence of str
        Columns of values, accuracy, that of dense, p and q.
    rows : DataFrame
        Rows with the columns named.
    """
    shifts = list(dict.fromkeys(rows[schema.SHIFT]))
    variants = list(dict.fromkeys(rows[schema.VARIANT_ID]))

    def wide(column: str) -> FloatArray:
        grid = rows.pivot(index=schema.SHIFT, columns=schema.VARIANT_ID, values=column)
        return np.asarray(grid.reindex(index=shifts, columns=variants), np.float64)

    return ShiftGrid(tuple(shifts), tuple(variants), *map(wide, columns))


def shift_heatmap(info: ShiftGrid, words: layout.Words, hover: str) -> go.Figure:
    """Draw a grid on a scale centred on 0; ``hover`` describes both accuracies of a cell.

    Parameters
    ----------
    info : ShiftGrid
        Values and marks, a row a shift and a column a variant.
    words : Words
        Title, axes and footnote.
    hover : str
        Part of the hover text that says what both accuracies of a cell are.
    """
    n, n_variants = info.values.shape
    variants = [layout.short(variant) for variant in info.variant_ids]
    height = max(min(24 * n, 1600), 110)
    values = 100 * info.values
    limit = float(np.nanmax(np.abs(values))) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=values, customdata=_custom(info), colorscale=theme.DIVERGING, zmid=0,
            zmin=-limit, zmax=limit, xgap=1, ygap=1, name="",
            hovertemplate=(
                f"<b>%{{customdata[2]}}</b><br>%{{customdata[3]}}<br>{hover}<br>"
                "difference %{z:+.2f} points<br>%{customdata[6]}<extra></extra>"
            ),
            colorbar={
                "title": {"text": "percentage<br>points"}, "tickformat": "+.3~f", "thickness": 14,
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
        rows=[layout.short(shift, 32) for shift in info.shifts],
        bottom_labels=24 if angle == 0 else layout.text_width(variants) + 14,
    )


def _mark(figure: go.Figure, where: npt.NDArray[np.bool_], name: str) -> None:
    symbol, fill, edge = _MARKS[name]
    y, x = np.nonzero(where)
    # The legend shows both marks, even without such a cell.
    figure.add_scatter(
        x=x if len(x) else [None], y=y if len(y) else [None], mode="markers", name=name,
        hoverinfo="skip",
        marker={"size": 9, "symbol": symbol, "color": fill, "line": {"color": edge, "width": 1.5}},
    )  # fmt: skip


def _custom(info: ShiftGrid) -> list[list[list[Any]]]:
    def significance(i: int, j: int) -> str:
        if np.isnan(info.p[i, j]):
            return "not tested"
        if info.q[i, j] <= ALPHA:
            return "significant at p and q ≤ 0.05"
        return "significant at p ≤ 0.05 alone" if info.p[i, j] <= ALPHA else "not significant"

    return [
        [
            [
                shift, variant, layout.escape(shift), layout.escape(variant),
                info.relative[i, j], info.dense_relative[i, j],
                significance(i, j),
            ]
            for j, variant in enumerate(info.variant_ids)
        ]
        for i, shift in enumerate(info.shifts)
    ]  # fmt: skip


_LONGEST = 32
_NAMES = {"top1": "Top-1 accuracy", "top5": "Top-5 accuracy"}


def robustness_info(table: pd.DataFrame, *, metric: str = "top1") -> ShiftGrid:
    """Pivot a robustness table to shift x variant, in order of appearance.

    Parameters
    ----------
    table : DataFrame
        The robustness table.
    metric : str
        Metric of the table to take.
    """
    rows = table[table["metric"] == metric]
    tested = rows.assign(
        **{name: rows[name].mask(rows["degenerate"].astype(bool)) for name in ("p", "q")}
    )

    return spread(tested, ("difference", "relative", "dense_relative", "p", "q"))


def robustness_heatmap(table: pd.DataFrame, *, metric: str = "top1", note: str = "") -> go.Figure:
    """Draw shift x variant: relative accuracy minus that of dense, on a scale centred on 0.

    Significant cells carry a mark: a light circle at p <= 0.05 alone, a dark diamond at q <= 0.05.

    Parameters
    ----------
    table : DataFrame
        The robustness table.
    metric : str
        ``top1`` or ``top5``.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every cell begins with the unescaped shift and variant.
    """
    info = robustness_info(table, metric=metric)
    title = f"{_NAMES[metric]} kept under shifts, against dense"
    if not np.isfinite(info.values).any():
        words = layout.Words(title, "Variant", "", "", note)
        return layout.empty(words, "Nothing to show: no compressed variant has runs on a shift.")
    hover = "keeps %{customdata[4]:.1%}, dense %{customdata[5]:.1%}"
    return shift_heatmap(info, layout.Words(title, "Variant", "", _subtitle(info), note), hover)


def _subtitle(info: ShiftGrid) -> str:
    about = "Each run's accuracy under the shift over its own clean accuracy, minus that of dense."
    if not info.n_tested:
        return f"{about} No test: significance needs two runs of both that are not all alike."
    at_p = int((info.p <= ALPHA).sum())
    if not at_p:
        return f"{about} No difference is significant (p ≤ {ALPHA})."
    return (
        f"{about} Of {info.n_tested:,} cells tested {at_p:,} are significant at p ≤ {ALPHA}; at "
        f"q ≤ {ALPHA} the variant keeps less in {info.n_worse:,} and more in {info.n_better:,}."
    )


def robustness_curve(
    table: pd.DataFrame, *, shift: str, metric: str = "top1", note: str = ""
) -> go.Figure:
    """Draw relative accuracy under one shift against measured sparsity, dense for reference.

    Bands are 95 % t intervals over runs.

    Parameters
    ----------
    table : DataFrame
        The robustness table.
    shift : str
        One of its shifts.
    metric : str
        ``top1`` or ``top5``.
    note : str
        Footnote, plain text.
    """
    named = shift if len(shift) <= _LONGEST else f"{shift[: _LONGEST - 1]}…"
    return metric_curve(
        _as_curves(table[(table[schema.SHIFT] == shift) & (table["metric"] == metric)]),
        metric="relative",
        quantity=f"{_NAMES[metric]} kept under {named}",
        note=note,
    )


def _as_curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of one shift and metric as a curves table, dense first."""

    def named(part: pd.DataFrame, of: str, n_runs: str) -> pd.DataFrame:
        keys = part[[schema.METHOD, schema.TARGET_SPARSITY, schema.SPARSITY]]
        return keys.assign(
            metric="relative",
            mean=part[of],
            std=np.nan,
            ci_low=part[f"{of}_low"],
            ci_high=part[f"{of}_high"],
            n_runs=part[n_runs],
        )

    dense = named(rows.head(1), "dense_relative", "dense_n_runs").assign(
        **{schema.METHOD: "dense", schema.TARGET_SPARSITY: 0.0, schema.SPARSITY: 0.0}
    )
    return pd.concat([dense, named(rows, "relative", "n_runs")], ignore_index=True)


CLEAN = "clean"


def shift_pairs_info(table: pd.DataFrame, clean: pd.DataFrame) -> ShiftGrid:
    """Pivot the changes of accuracy of pairs of single models to shift x variant.

    Parameters
    ----------
    table : DataFrame
        The shift-pairs table.
    clean : DataFrame
        The pairs table: the clean test images, as a first row ``clean`` without q.
    """
    first = clean[clean[schema.VARIANT_ID].isin(table[schema.VARIANT_ID])]
    rows = pd.concat([first.assign(**{schema.SHIFT: CLEAN}), table], ignore_index=True)
    return spread(rows, ("top1_delta", "top1", "dense_top1", "mcnemar_p", "mcnemar_q"))


def shift_pairs_heatmap(table: pd.DataFrame, clean: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw shift x variant: top-1 accuracy minus that of dense, of one model each.

    Marks as in :func:`robustness_heatmap`, of McNemar's exact test over images. The first row are
    the clean test images.

    Parameters
    ----------
    table : DataFrame
        The shift-pairs table.
    clean : DataFrame
        The pairs table.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every cell begins with the unescaped shift and variant.
    """
    title = "Top-1 accuracy under shifts, minus that of dense"
    if table.empty:
        words = layout.Words(title, "Variant", "", "", note)
        return layout.empty(words, "Nothing to show: no pair of single models has runs on a shift.")
    info = shift_pairs_info(table, clean)
    tested = table[table["mcnemar_p"] <= ALPHA]
    at_q = table[table["mcnemar_q"] <= ALPHA]
    subtitle = (
        f"One model each, compared image by image. Of {len(table):,} cells {len(tested):,} are at "
        f"McNemar's p ≤ {ALPHA}; at q ≤ {ALPHA} fewer images are right in "
        f"{int((at_q['top1_delta'] < 0).sum()):,} and more in "
        f"{int((at_q['top1_delta'] > 0).sum()):,}."
    )
    hover = "right on %{customdata[4]:.1%}, dense on %{customdata[5]:.1%}"
    return shift_heatmap(info, layout.Words(title, "Variant", "", subtitle, note), hover)
