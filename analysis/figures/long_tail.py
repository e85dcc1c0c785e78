"""Change of recall against the number of training images of a class."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme
from analysis.p_values import p_text

_TITLE = "Change of recall against training images"
_X = "Training images of the class (log scale)"
_Y = "Change of recall minus that of accuracy (percentage points)"
_NAME = 40
_STEPS = 60


def long_tail(classes: pd.DataFrame, summary: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw each class's normalized change, and the slope over the classes with its 95 % band.

    Parameters
    ----------
    classes : DataFrame
        The classes table of one variant.
    summary : DataFrame
        The summary table, with the variant's ``long_tail_*`` columns.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every marker begins with the unescaped class name.
    """
    variant_id = str(classes[schema.VARIANT_ID].iloc[0]) if len(classes) else ""
    title = f"{_TITLE}, {layout.short(variant_id, _NAME)}" if variant_id else _TITLE
    known = classes[(classes["n_train"] > 0) & classes["normalized_recall_delta"].notna()]
    if known.empty or known["n_train"].nunique() < 2:
        reason = (
            "Nothing to show: the training images of the classes are not known, or equally many, "
            "as where the tail is rotated over the seeds."
        )
        return layout.empty(layout.Words(title, _X, _Y, "", note), reason)
    figure = go.Figure()
    row = summary[summary[schema.VARIANT_ID] == variant_id].iloc[0]
    has_slope = pd.notna(row["long_tail_slope"])
    if has_slope:
        _band(figure, known, row)
    low, high = (100 * known[f"ci_{end}_two_way"].astype(float) for end in ("low", "high"))
    y = 100 * known["normalized_recall_delta"].astype(float)
    figure.add_scatter(
        x=known["n_train"], y=y, mode="markers", name="class",
        customdata=[
            [row[schema.CLASS_NAME], layout.escape(row[schema.CLASS_NAME]),
             f"{row['n_train']:,.0f}", int(row["n_images"])]
            for row in known.to_dict("records")
        ],
        hovertemplate="<b>%{customdata[1]}</b><br>%{customdata[2]} training and %{customdata[3]:,} "
        "test images<br>%{y:+.2f} points<extra></extra>",
        marker={"color": theme.BLUE, "size": 9},
        error_y={"array": (high - y).fillna(0), "arrayminus": (y - low).fillna(0),
                 "symmetric": False, "thickness": 1, "width": 3,
                 "color": theme.faded(theme.BLUE, 0.5)},
    )  # fmt: skip
    figure.add_hline(y=0, line_width=1.5, line_color=theme.GREY)
    ticks = _ticks(known["n_train"])
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{tick:,}" for tick in ticks])
    words = layout.Words(title, _X, _Y, _subtitle(row) if has_slope else "No slope.", note)
    return layout.compose(figure, words)


def _ticks(counts: pd.Series) -> list[int]:
    """Return ticks at 1, 2 and 5 times powers of ten around the counts."""
    low, high = float(counts.min()), float(counts.max())
    steps = [m * 10**e for e in range(9) for m in (1, 2, 5)]
    return [step for step in steps if low / 2.5 < step < high * 2.5]


def _band(figure: go.Figure, known: pd.DataFrame, row: pd.Series) -> None:
    """Draw the line of the slope through the mean of the classes, with its 95 % band."""
    logs = np.log2(known["n_train"].astype(float))
    middle = logs.mean()
    height = 100 * known["normalized_recall_delta"].astype(float).mean()
    steps = np.linspace(logs.min(), logs.max(), _STEPS)
    lines = {
        end: height + 100 * float(row[f"long_tail_{end}"]) * (steps - middle)
        for end in ("slope", "low", "high")
    }
    x = 2.0**steps
    upper, lower = np.maximum(lines["low"], lines["high"]), np.minimum(lines["low"], lines["high"])
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]), y=np.concatenate([upper, lower[::-1]]), fill="toself",
        fillcolor=theme.faded(theme.VERMILLION, 0.15), line={"width": 0}, mode="lines",
        name="95 % of the slope", hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=lines["slope"], mode="lines", name="slope", hoverinfo="skip",
        line={"color": theme.VERMILLION, "width": 2},
    )  # fmt: skip


def _subtitle(row: pd.Series) -> str:
    slope, low, high = (100 * float(row[f"long_tail_{n}"]) for n in ("slope", "low", "high"))
    return (
        f"{slope:+.2f} points a doubling of training images (95 % interval {low:+.2f} to "
        f"{high:+.2f}, {p_text(float(row['long_tail_p']))}, over runs and images). Above 0: rare "
        "classes lose more. Whiskers: 95 % intervals of the classes, over runs and images."
    )
