"""Trade-off of size, accuracy and forgotten images, with the Pareto front."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.config import DENSE_ID
from analysis.figures import layout, theme


def is_undominated(costs: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Find the Pareto front: models that no other matches in everything and beats in one.

    Parameters
    ----------
    costs : float array, shape (n, m)
        What is to be small, one row a model. A row with a NaN is compared with none and is not on
        the front.

    Returns
    -------
    bool array, shape (n,)
        True on the Pareto front; equal rows are on it together.
    """
    known = ~np.isnan(costs).any(axis=1)
    rows = costs[known]
    no_worse = (rows[:, None, :] <= rows[None, :, :]).all(axis=2)
    better = (rows[:, None, :] < rows[None, :, :]).any(axis=2)
    front = np.zeros(len(costs), np.bool_)
    front[known] = ~(no_worse & better).any(axis=0)
    return front


COSTS = {
    "size_bytes": ("Size of the weights as stored (MB)", 1e-6, "size"),
    "latency_ms": ("Latency of one forward pass (ms)", 1.0, "latency"),
    "kept": ("Weights kept (% of the prunable)", 100.0, "weights kept"),
}
_HARM = "pie_excess"
_TITLE = "What compression buys, and what it costs"
_Y = "Top-1 accuracy (%)"


@dataclass(frozen=True)
class TradeOffInfo:
    """One row a variant: ``cost`` (in the axis's unit), ``top1`` and its interval, ``harm``.

    ``harm`` is the PIE excess, 0..1, null for dense and where it is unknown; ``front`` whether no
    other variant is at least as good in cost, accuracy and excess and better in one.
    """

    cost: str
    rows: pd.DataFrame

    @property
    def is_empty(self) -> bool:
        """Whether there is no compressed variant to show."""
        return bool((self.rows[schema.VARIANT_ID] == DENSE_ID).all())


def usual_cost(summary: pd.DataFrame) -> str:
    """Return the cost in which the variants differ: size, or the weights kept.

    Pruned weights are stored with their zeros, so most pruned variants are as large as dense; where
    fewer sizes than shares of weights differ, the weights kept are what compression buys.

    Parameters
    ----------
    summary : DataFrame
        The summary table.
    """
    sizes = summary["size_bytes"].astype(float).round(-3).nunique()
    n_sparsities = summary[schema.SPARSITY].astype(float).round(3).nunique()
    return (
        "kept"
        if n_sparsities > sizes
        else next(
            (one for one in ("size_bytes", "latency_ms") if summary[one].notna().sum() > 1),
            "kept",
        )
    )


def trade_off_info(summary: pd.DataFrame, *, cost: str | None = None) -> TradeOffInfo:
    """Collect cost, accuracy and PIE excess of every variant that has the first two.

    Parameters
    ----------
    summary : DataFrame
        The summary table.
    cost : str
        Column of the summary on the horizontal axis; by default that of :func:`usual_cost`.
    """
    cost = cost or usual_cost(summary)
    scale = COSTS[cost][1]
    frame = summary.assign(kept=1 - summary[schema.SPARSITY].astype(float))
    rows = pd.DataFrame(
        {
            schema.VARIANT_ID: frame[schema.VARIANT_ID],
            schema.METHOD: frame[schema.METHOD],
            "cost": frame[cost].astype(float) * scale,
            "top1": frame["top1_mean"].astype(float),
            "low": frame["top1_ci_low"].astype(float),
            "high": frame["top1_ci_high"].astype(float),
            "harm": frame[_HARM].astype(float),
        }
    )
    rows = rows[rows["cost"].notna() & rows["top1"].notna()].reset_index(drop=True)
    is_dense = rows[schema.VARIANT_ID] == DENSE_ID
    # Dense forgets nothing against itself.
    harm = rows["harm"].mask(is_dense, 0.0)
    # Without any excess, as with one run a variant, the front is of the other two.
    costs = [rows["cost"], -rows["top1"]] + ([harm] if harm[~is_dense].notna().any() else [])
    rows["front"] = is_undominated(np.column_stack([np.asarray(one, float) for one in costs]))
    return TradeOffInfo(cost, rows)


def trade_off(summary: pd.DataFrame, *, cost: str | None = None, note: str = "") -> go.Figure:
    """Draw accuracy against a cost, the PIE excess as colour and text, the front with a ring.

    Parameters
    ----------
    summary : DataFrame
        The summary table.
    cost : str
        ``size_bytes``, ``latency_ms`` or ``kept``; by default that of :func:`usual_cost`.
    note : str
        Footnote, plain text.
    """
    info = trade_off_info(summary, cost=cost)
    x, _, word = COSTS[info.cost]
    if info.is_empty:
        reason = f"Nothing to show: no compressed variant has accuracy and {word} yet."
        return layout.empty(layout.Words(_TITLE, x, _Y, "", note), reason)
    figure = go.Figure()
    front = info.rows[info.rows["front"]]
    figure.add_scatter(
        x=front["cost"], y=front["top1"], mode="markers", name="on the Pareto front",
        marker={
            "symbol": "circle-open", "size": 23, "color": theme.GREY, "line": {"width": 2},
        },
        hoverinfo="skip",
    )  # fmt: skip
    limit = max([1.0, *(100 * info.rows["harm"].abs().dropna())])
    for method, rows in info.rows.groupby(schema.METHOD, sort=False):
        _draw(figure, str(method), rows, word)
    figure.update_layout(
        coloraxis={
            "colorscale": theme.DIVERGING, "reversescale": True, "cmin": -limit, "cmax": limit,
            "colorbar": {
                "title": {"text": "PIE excess (points)", "side": "right"}, "tickformat": "+.3~f",
                "thickness": 12, "len": 1,
            },
        }
    )  # fmt: skip
    figure.update_yaxes(tickformat=".3~%", zeroline=False)
    figure.update_xaxes(rangemode="tozero", zeroline=False)
    subtitle = (
        "The colour is the share of PIEs beyond the noise floor. A ring: no other variant is as "
        f"good in {word}, accuracy and PIE excess and better in one."
        if (info.rows[schema.VARIANT_ID].ne(DENSE_ID) & info.rows["harm"].notna()).any()
        else f"A ring: no other variant is as good in {word} and accuracy and better in one. PIEs "
        "beyond the noise floor, the colour, take two dense runs, better ten."
    )
    words = layout.Words(_TITLE, x, _Y, subtitle, note)
    composed = layout.compose(figure, words, plot_height=340)
    return composed.update_layout(margin_r=90)


def _draw(figure: go.Figure, method: str, rows: pd.DataFrame, word: str) -> None:
    name, mode = layout.short(method, 40), "lines+markers" if len(rows) > 1 else "markers"
    look: dict[str, Any] = {
        "mode": mode,
        "name": name,
        "legendgroup": method,
        "line": {
            "color": theme.method_color(method), "width": 1, "dash": theme.method_dash(method),
        },
    }  # fmt: skip
    marker = {
        "symbol": theme.method_symbol(method),
        "size": 12,
        "line": {"width": 1, "color": theme.GREY},
    }
    # The legend shows methods without colour, which encodes the excess.
    figure.add_scatter(x=[None], y=[None], marker=marker | {"color": theme.GREY}, **look)
    is_coloured = rows["harm"].notna().all() and method != DENSE_ID
    colour = (
        {"color": 100 * rows["harm"], "coloraxis": "coloraxis"}
        if is_coloured
        else {"color": theme.DENSE_COLOR}
    )
    figure.add_scatter(
        x=rows["cost"], y=rows["top1"], showlegend=False, marker=marker | colour, **look,
        customdata=[
            [row[schema.VARIANT_ID], layout.escape(row[schema.VARIANT_ID]),
             layout.points(row["harm"]), "yes" if row["front"] else "no"]
            for row in rows.to_dict("records")
        ],
        error_y={
            "array": rows["high"] - rows["top1"], "arrayminus": rows["top1"] - rows["low"],
            "symmetric": False, "thickness": 1, "width": 3, "color": theme.GREY,
        },
        hovertemplate="<b>%{customdata[1]}</b><br>" + word + " %{x:,.3~f}<br>top-1 %{y:.2%}<br>"
        "PIE excess %{customdata[2]}<br>on the front: %{customdata[3]}<extra></extra>",
    )  # fmt: skip
