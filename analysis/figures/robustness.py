"""Robustness: what variants keep of their accuracy under shifts, beside what dense keeps."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout
from analysis.figures.curves import metric_curve
from analysis.figures.shift_grid import ALPHA, ShiftGrid, shift_heatmap, spread

_LONGEST = 32
_NAMES = {"top1": "Top-1 accuracy", "top5": "Top-5 accuracy"}


def robustness_info(table: pd.DataFrame, *, metric: str = "top1") -> ShiftGrid:
    """Spread a robustness table to shift x variant, in order of appearance."""
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
        ``customdata`` of every cell begins with shift and variant as they are in the data.
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
