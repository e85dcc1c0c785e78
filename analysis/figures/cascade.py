"""The cascade: forgotten images left against the share of answers sent to the dense model."""

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme

_TITLE = "Forgotten images left, by answers sent to dense"
_X, _Y = "Answers sent to the dense model (%)", "Forgotten images left (%)"


def cascade(rows: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw the forgotten images left with 95 % intervals, beside the control.

    Parameters
    ----------
    rows : DataFrame
        The cascade table of one variant.
    note : str
        Footnote, plain text.
    """
    variant_id = layout.short(rows[schema.VARIANT_ID].iloc[0], 40) if len(rows) else ""
    title = f"{_TITLE}, {variant_id}" if variant_id else _TITLE
    known = rows[rows["forgotten_left"].notna()]
    if known.empty:
        reason = "Nothing to show: no image is forgotten, or the runs give labels alone."
        return layout.empty(layout.Words(title, _X, _Y, "", note), reason)
    x = 100 * known["share_sent_found"].astype(float)
    figure = go.Figure()
    control = 100 * known["control_forgotten_left"].astype(float)
    if control.notna().any():
        figure.add_scatter(
            x=x, y=control, name="sent to another compressed run", mode="lines+markers",
            line={"color": theme.GREY, "dash": "dot"}, marker={"color": theme.GREY, "size": 7},
            hovertemplate="%{x:.1f} % sent to another compressed run<br>%{y:.1f} % of the "
            "forgotten images left<extra></extra>",
            customdata=known[[schema.VARIANT_ID]].to_numpy(),
        )  # fmt: skip
    y, low, high = (
        100 * known[f"forgotten_left{end}"].astype(float) for end in ("", "_low", "_high")
    )
    figure.add_scatter(
        x=x, y=y, name="sent to dense", mode="lines+markers",
        line={"color": theme.VERMILLION}, marker={"color": theme.VERMILLION, "size": 9},
        error_y={"array": (high - y).clip(lower=0), "arrayminus": (y - low).clip(lower=0),
                 "symmetric": False, "thickness": 1.2, "width": 4, "color": theme.VERMILLION},
        customdata=[[100 * one] for one in known["top1"].astype(float)],
        hovertemplate="%{x:.1f} % sent to dense<br>%{y:.1f} % of the forgotten images left"
        "<br>top-1 %{customdata[0]:.2f} %<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(rangemode="tozero")
    n_runs = int(known["n_runs"].iloc[0])
    drawn = "over runs and images" if n_runs > 1 else "over images, with these two models"
    words = layout.Words(
        title, _X, _Y,
        "The least certain answers are sent. Thresholds of one half of the images, figures of the "
        f"other. Whiskers: 95 % intervals {drawn}.", note,
    )  # fmt: skip
    return layout.compose(figure, words)
