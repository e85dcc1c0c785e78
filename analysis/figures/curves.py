"""Curves: a figure of merit against measured sparsity, every method over one axis."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme

QUANTITIES = {
    "top1": "Top-1 accuracy",
    "top5": "Top-5 accuracy",
    "ece": "Expected calibration error",
    "pie_share": "PIE share of all runs",
    "noise_floor_share": "Noise floor",
    "top1_on_pies": "Top-1 accuracy on PIEs",
    "top1_on_non_pies": "Top-1 accuracy on non-PIEs",
    "agreement": "Mean agreement",
    "size_bytes": "Size of the weights",
    "latency_ms": "Latency of one forward pass",
}
OF_GROUPS = {"recall": "Recall of one class", "top1_on_value": "Accuracy on some images"}
_LONGEST = 40
_UNITS = {"size_bytes": ("MB", 1e-6, ",.3~f"), "latency_ms": ("ms", 1.0, ",.3~f")}
_PERCENT = ("%", 1.0, ".3~%")
_X = "Measured sparsity (share of the prunable weights)"
_X_TARGET = "Sparsity, or its target where it was not measured (share of the prunable weights)"


@dataclass(frozen=True)
class MetricCurveInfo:
    """Rows of the curves table for one metric, values times ``scale`` in ``unit``.

    ``pruned`` maps a method to its rows by rising sparsity; ``unpruned`` holds the methods without
    a sparsity, one row each; ``dense`` at most one row.
    """

    metric: str
    quantity: str
    unit: str
    scale: float
    pruned: dict[str, pd.DataFrame]
    unpruned: pd.DataFrame
    dense: pd.DataFrame
    is_measured: bool = True

    @property
    def x(self) -> str:
        """Title of the axis of sparsity."""
        return _X if self.is_measured else _X_TARGET

    @property
    def is_empty(self) -> bool:
        """Whether no variant has the metric."""
        return not self.pruned and self.unpruned.empty and self.dense.empty


def metric_curve_info(curves: pd.DataFrame, *, metric: str = "top1") -> MetricCurveInfo:
    """Split the curves table into pruned methods, methods without a sparsity, and dense.

    Parameters
    ----------
    curves : DataFrame
        The curves table.
    metric : str
        Metric of the table to take.
    """
    rows = curves[curves["metric"] == metric]
    # For imported predictions only the target sparsity is known.
    measured = rows[schema.SPARSITY].astype(float)
    rows = rows.assign(sparsity=measured.fillna(rows[schema.TARGET_SPARSITY].astype(float)))
    is_dense = rows[schema.METHOD] == "dense"
    is_pruned = rows[schema.TARGET_SPARSITY].notna() & ~is_dense
    pruned = {
        str(method): part.sort_values(schema.SPARSITY).reset_index(drop=True)
        for method, part in rows[is_pruned].groupby(schema.METHOD, sort=False)
    }
    unit, scale, _ = _UNITS.get(metric, _PERCENT)
    return MetricCurveInfo(
        metric=metric,
        quantity=(QUANTITIES | OF_GROUPS).get(metric, metric),
        unit=unit,
        scale=scale,
        pruned=pruned,
        unpruned=rows[~is_pruned & ~is_dense].reset_index(drop=True),
        dense=rows[is_dense].reset_index(drop=True),
        is_measured=bool(measured[is_pruned].notna().all()),
    )


def metric_curve(
    curves: pd.DataFrame, *, metric: str = "top1", quantity: str | None = None, note: str = ""
) -> go.Figure:
    """Draw a metric against measured sparsity with 95 % bands over runs and the dense reference.

    Parameters
    ----------
    curves : DataFrame
        The curves table.
    metric : str
        One of its metrics; shares are drawn in percent, sizes in MB (10^6 bytes), latency in ms.
    quantity : str, optional
        What the metric is called, plain text; its usual name by default.
    note : str
        Footnote, plain text.
    """
    info = metric_curve_info(curves, metric=metric)
    info = info if quantity is None else replace(info, quantity=quantity)
    title = f"{layout.escape(info.quantity)} against sparsity"
    y = f"{layout.escape(info.quantity)} ({info.unit})"
    if info.is_empty:
        reason = f"Nothing to show: no variant has {info.quantity.lower()} yet."
        return layout.empty(layout.Words(title, info.x, y, "", note), reason)
    figure = go.Figure()
    for method, rows in info.pruned.items():
        _draw_pruned(figure, info, method, rows)
    _draw_unpruned(figure, info)
    _draw_dense(figure, info)
    left_edge = -0.05 * (len(info.unpruned) + 0.6) if len(info.unpruned) else -0.02
    figure.update_xaxes(
        tickvals=[0, 0.2, 0.4, 0.6, 0.8, 1], tickformat=".0%", range=[left_edge, 1.02],
        zeroline=False,
    )  # fmt: skip
    figure.update_yaxes(
        tickformat=_UNITS.get(metric, _PERCENT)[2], zeroline=False,
        rangemode="tozero" if metric in _UNITS else "normal",
    )  # fmt: skip
    words = layout.Words(title, info.x, y, _subtitle(info), note)
    return layout.compose(figure, words, plot_height=320)


def _hover(info: MetricCurveInfo, name: str) -> str:
    format_y = _UNITS.get(info.metric, _PERCENT)[2]
    unit = "" if info.unit == "%" else f" {info.unit}"
    return (
        f"<b>{layout.escape(name)}</b><br>sparsity %{{customdata[0]:.2%}}<br>"
        f"%{{y:{format_y}}}{unit}, 95 % interval %{{customdata[1]}}<br>"
        "%{customdata[2]} runs<extra></extra>"
    )


def _custom(info: MetricCurveInfo, rows: pd.DataFrame) -> list[list[object]]:
    def written(value: float) -> str:
        return f"{value:.2%}" if info.unit == "%" else f"{value * info.scale:,.4g} {info.unit}"

    intervals = [
        "unknown" if np.isnan(low) else f"{written(low)} to {written(high)}"
        for low, high in zip(_column(rows, "ci_low"), _column(rows, "ci_high"), strict=True)
    ]
    columns = (rows[schema.SPARSITY], intervals, rows["n_runs"], rows[schema.METHOD])
    return [list(v) for v in zip(*columns, strict=True)]


def _column(rows: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    return np.asarray(rows[name], np.float64)


def _draw_pruned(figure: go.Figure, info: MetricCurveInfo, method: str, rows: pd.DataFrame) -> None:
    color, x = theme.method_color(method), _column(rows, schema.SPARSITY)
    low, high = _column(rows, "ci_low") * info.scale, _column(rows, "ci_high") * info.scale
    known = ~np.isnan(low)
    if known.sum() > 1:
        figure.add_scatter(
            x=np.concatenate([x[known], x[known][::-1]]),
            y=np.concatenate([high[known], low[known][::-1]]), fill="toself", mode="none",
            fillcolor=theme.faded(color, 0.2), hoverinfo="skip", showlegend=False,
            legendgroup=method, name=f"{layout.escape(method)} band",
        )  # fmt: skip
    figure.add_scatter(
        x=x, y=_column(rows, "mean") * info.scale, name=layout.short(method, _LONGEST),
        legendgroup=method,
        mode="lines+markers", customdata=_custom(info, rows), hovertemplate=_hover(info, method),
        line={"color": color, "dash": theme.method_dash(method), "width": 2},
        marker={"symbol": theme.method_symbol(method), "size": 8},
        error_y=_error(info, rows) if known.sum() == 1 else None,
    )  # fmt: skip


def _draw_unpruned(figure: go.Figure, info: MetricCurveInfo) -> None:
    for i, method in enumerate(info.unpruned[schema.METHOD]):
        row = info.unpruned.iloc[[i]]
        color = theme.method_color(method)
        figure.add_scatter(
            x=[-0.05 * (len(info.unpruned) - i)], y=_column(row, "mean") * info.scale,
            mode="markers", name=layout.short(method, _LONGEST), customdata=_custom(info, row),
            hovertemplate=_hover(info, method), error_y=_error(info, row),
            marker={"color": color, "symbol": theme.method_symbol(method), "size": 10},
        )  # fmt: skip
    if len(info.unpruned):
        figure.add_vline(x=-0.025, line_width=1, line_color=theme.GREY)


def _error(info: MetricCurveInfo, rows: pd.DataFrame) -> dict[str, object]:
    mean = _column(rows, "mean")
    return {
        "array": (_column(rows, "ci_high") - mean) * info.scale,
        "arrayminus": (mean - _column(rows, "ci_low")) * info.scale,
        "symmetric": False,
        "thickness": 1.5,
        "width": 4,
    }


def _draw_dense(figure: go.Figure, info: MetricCurveInfo) -> None:
    if info.dense.empty:
        return
    mean, low, high = (
        float(info.dense[name].iloc[0]) * info.scale for name in ("mean", "ci_low", "ci_high")
    )
    if not np.isnan(low):
        figure.add_hrect(
            y0=low, y1=high, fillcolor=theme.faded(theme.DENSE_COLOR, 0.22), line_width=0,
            layer="below",
        )  # fmt: skip
    # A trace as wide as the axis, so that the reference has a legend entry and a hover text.
    figure.add_scatter(
        x=[-1, 0, 2], y=[mean] * 3, mode="lines", name="dense", hovertemplate=_hover(info, "dense"),
        customdata=_custom(info, info.dense) * 3,
        line={"color": theme.DENSE_COLOR, "dash": "dot", "width": 2},
    )  # fmt: skip


def _subtitle(info: MetricCurveInfo) -> str:
    dense = "" if info.dense.empty else "Dotted: dense. "
    per_run = any(part["ci_low"].notna().any() for part in info.pruned.values())
    per_run |= bool(info.unpruned["ci_low"].notna().any()) or bool(
        info.dense["ci_low"].notna().any()
    )
    bands = (
        "Bands and whiskers: 95 % interval over runs."
        if per_run
        else "No interval over runs: it takes two runs a variant, better ten."
    )
    left = " Left of the line: variants that prune nothing." if len(info.unpruned) else ""
    note = ""
    if info.metric == "pie_share":
        note = " Seed noise is part of it; compare only shares of halves with the noise floor."
    return f"{dense}{bands}{left}{note}"
