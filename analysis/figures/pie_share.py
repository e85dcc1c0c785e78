"""PIE share of halves of the populations, beside what seed noise alone makes."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import labels, layout, theme

_TITLE = "PIE share beside the noise floor"
_X = "Share of the test images (%)"


@dataclass(frozen=True)
class PieShareInfo:
    """Rows of the summary whose PIE share of halves and noise floor are both known."""

    rows: pd.DataFrame
    n_unknown: int


def pie_share_info(summary: pd.DataFrame) -> PieShareInfo:
    """Keep the compressed variants that can be held against the floor, like for like.

    The PIE share of full populations is no part of it: at another number of runs the floor is
    another one.
    """
    variants = summary[summary[schema.VARIANT_ID] != "dense"]
    numbers = ["pie_share_half", "noise_floor_share", "pie_excess", "pie_excess_low",
               "pie_excess_high"]  # fmt: skip
    rows = variants.assign(**{name: pd.to_numeric(variants[name]) for name in numbers})
    known = rows["pie_share_half"].notna() & rows["noise_floor_share"].notna()
    return PieShareInfo(rows[known].reset_index(drop=True), int((~known).sum()))


def pie_share(summary: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw the PIE share of halves and the noise floor by variant, with the interval of the excess.

    Parameters
    ----------
    summary : DataFrame
        The summary table.
    note : str
        Footnote, plain text.
    """
    info = pie_share_info(summary)
    rows = info.rows
    if rows.empty:
        reason = (
            "Nothing to hold against the noise floor: it needs at least two dense runs and a "
            "compressed variant with as many runs as half of them."
        )
        return layout.empty(layout.Words(_TITLE, _X, "", "", note), reason)
    names = [labels.short(name, 32) for name in rows[schema.VARIANT_ID]]
    custom = [
        [row[schema.VARIANT_ID], labels.escape(row[schema.VARIANT_ID]), row["pie_excess"],
         row["pie_excess_low"], row["pie_excess_high"]]
        for row in rows.to_dict("records")
    ]  # fmt: skip
    hover = (
        "<b>%{customdata[1]}</b><br>%{x:.2%} of images<br>excess %{customdata[2]:+.2%}, 95 % "
        "interval %{customdata[3]:+.2%} to %{customdata[4]:+.2%}<extra>%{fullData.name}</extra>"
    )
    y = list(range(len(rows)))
    figure = go.Figure()
    figure.add_bar(
        y=y, x=rows["pie_share_half"], orientation="h", name="dense half against variant half",
        marker={"color": theme.faded(theme.VERMILLION, 0.6)}, customdata=custom,
        hovertemplate=hover,
        error_x={
            "array": rows["pie_excess_high"] - rows["pie_excess"],
            "arrayminus": rows["pie_excess"] - rows["pie_excess_low"],
            "symmetric": False, "thickness": 1.5, "width": 4, "color": theme.VERMILLION,
        },
    )  # fmt: skip
    figure.add_bar(
        y=y, x=rows["noise_floor_share"], orientation="h", customdata=custom, hovertemplate=hover,
        name="noise floor: dense half against dense half",
        marker={"color": theme.faded(theme.GREY, 0.5),
                "pattern": {"shape": "/", "fgcolor": theme.GREY, "size": 6, "solidity": 0.3}},
    )  # fmt: skip
    figure.update_xaxes(tickformat=".2~%", rangemode="tozero")
    figure.update_layout(barmode="group", bargap=0.3)
    words = layout.Words(_TITLE, _X, "", _subtitle(info), note)
    return layout.compose(figure, words, plot_height=max(44 * len(rows), 110), rows=names)


def _subtitle(info: PieShareInfo) -> str:
    rows = info.rows
    above, below = int((rows["pie_excess_low"] > 0).sum()), int((rows["pie_excess_high"] < 0).sum())
    text = (
        f"{above} of {len(rows)} variants make more PIEs than seed noise on these images, {below} "
        "fewer. Whisker: 95 % interval of the excess over the floor, over images."
    )
    if info.n_unknown:
        text += f" {info.n_unknown} without enough runs left out."
    return text
