"""The PIE excess by deciles of a numeric attribute."""

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme

_Y = "PIEs beyond seed noise (percentage points)"


def deciles(rows: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw the excess of every decile with its 95 % interval over runs and images.

    Parameters
    ----------
    rows : DataFrame
        The attribute-deciles table of one variant and attribute.
    note : str
        Footnote, plain text.
    """
    name = layout.short(rows["attribute"].iloc[0], 32) if len(rows) else "a number"
    title, x_title = f"PIE excess by {name}", f"Tenths of the images by {name}, smallest first"
    known = rows[rows["excess"].notna()]
    if known.empty:
        reason = "Nothing to show: seed noise takes two dense runs, better ten."
        return layout.empty(layout.Words(title, x_title, _Y, "", note), reason)
    x, low, high = (100 * known[n].astype(float) for n in ("excess", "excess_low", "excess_high"))
    figure = go.Figure()
    figure.add_scatter(
        x=known["decile"], y=x, mode="markers", name="excess",
        marker={"color": theme.VERMILLION, "size": 9},
        error_y={"array": (high - x).fillna(0), "arrayminus": (x - low).fillna(0),
                 "symmetric": False, "thickness": 1.2, "width": 4, "color": theme.VERMILLION},
        customdata=[
            [float(row["from_value"]), float(row["to_value"]), int(row["n_images"])]
            for row in known.to_dict("records")
        ],
        hovertemplate="%{customdata[0]:.4~g} to %{customdata[1]:.4~g}, "
        "%{customdata[2]:,} images<br>excess %{y:+.2f} points"
        "<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=0, line_width=1.5, line_color=theme.GREY)
    figure.update_xaxes(dtick=1)
    variant = layout.one_line(known[schema.VARIANT_ID].iloc[0])
    words = layout.Words(
        title, x_title, _Y,
        f"{variant}. 0: as often PIEs as seeds alone make them. Whiskers: 95 % intervals over runs "
        "and images.", note,
    )  # fmt: skip
    return layout.compose(figure, words)
