"""Numbers of PIEs by kind, and their share beside the noise floor."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme

_KINDS_TITLE = "PIEs forgotten, recovered and changed"
_KINDS_X = "Images"
_SHOWN = {
    "forgotten": ("forgotten (dense right, variant wrong)", -1, "x"),
    "recovered": ("recovered (dense wrong, variant right)", 1, "x"),
    "changed": ("changed (both wrong)", 1, "x2"),
}


@dataclass(frozen=True)
class PieKindsInfo:
    """Counts of every compressed variant: ``rows`` has ``forgotten recovered changed n_pies``."""

    rows: pd.DataFrame


def pie_kinds_info(summary: pd.DataFrame) -> PieKindsInfo:
    """Collect the counts by kind of the variants that have them.

    Parameters
    ----------
    summary : DataFrame
        The summary table.
    """
    variants = summary[(summary[schema.VARIANT_ID] != "dense") & summary["n_pies"].notna()]
    counts = {kind: variants[f"n_{kind}"].astype("int64") for kind in _SHOWN}
    rows = pd.DataFrame(
        {
            schema.VARIANT_ID: variants[schema.VARIANT_ID],
            **counts,
            "n_pies": variants["n_pies"].astype("int64"),
        }
    )
    return PieKindsInfo(rows.reset_index(drop=True))


def pie_kinds(summary: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw forgotten PIEs to the left, recovered to the right, changed in a panel of their own.

    Parameters
    ----------
    summary : DataFrame
        The summary table.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every bar is variant, kind and count.
    """
    rows = pie_kinds_info(summary).rows
    if rows.empty:
        reason = "Nothing to show: no compressed variant has runs to compare with dense yet."
        return layout.empty(layout.Words(_KINDS_TITLE, _KINDS_X, "", "", note), reason)
    names = [layout.short(name, 32) for name in rows[schema.VARIANT_ID]]
    largest = max(int(rows[list(_SHOWN)].to_numpy().max()), 1)
    y = list(range(len(rows)))
    figure = go.Figure()
    for kind, (name, sign, panel) in _SHOWN.items():
        color = theme.KIND_COLORS[kind]
        figure.add_bar(
            y=y, x=sign * rows[kind], orientation="h", name=name, xaxis=panel,
            text=[f"{count:,}" for count in rows[kind]], textposition="outside", cliponaxis=False,
            customdata=[
                [variant, kind, int(count), layout.escape(variant)]
                for variant, count in zip(rows[schema.VARIANT_ID], rows[kind], strict=True)
            ],
            hovertemplate="<b>%{customdata[3]}</b><br>%{customdata[2]:,} " + kind
            + "<extra></extra>",
            marker={"color": theme.faded(color, 0.75), "line": {"color": color, "width": 1},
                    "pattern": {"shape": theme.KIND_PATTERNS[kind], "fgcolor": color, "size": 6,
                                "solidity": 0.3}},
        )  # fmt: skip
    reach = 1.35 * largest
    ticks = _ticks(largest)
    both = [-t for t in ticks[:0:-1]] + ticks
    axis = {"ticktext": [f"{abs(t):,}" for t in both], "tickvals": both}
    figure.update_layout(
        barmode="overlay", bargap=0.35,
        xaxis={"domain": [0, 0.64], "range": [-reach, reach], **axis},
        xaxis2={"domain": [0.68, 1], "range": [0, reach], "anchor": "y",
                "tickvals": ticks, "ticktext": [f"{t:,}" for t in ticks],
                "title": {"text": "Images, both wrong"}},
    )  # fmt: skip
    figure.add_vline(x=0, line_width=1.5, line_color=theme.GREY)
    words = layout.Words(
        _KINDS_TITLE, "Images: forgotten ← → recovered", "", _kinds_subtitle(rows), note
    )
    return layout.compose(figure, words, plot_height=max(34 * len(rows), 100), rows=names)


def _ticks(largest: int) -> list[int]:
    step = 10 ** (len(str(largest)) - 1)
    if largest / step < 2 and step >= 5:
        step //= 2
    elif largest / step > 5:
        step *= 2
    return list(range(0, largest + 1, step))


def _kinds_subtitle(rows: pd.DataFrame) -> str:
    if not rows["n_pies"].sum():
        return "No PIE in any variant."
    more = int((rows["forgotten"] > rows["recovered"]).sum())
    fewer = int((rows["forgotten"] < rows["recovered"]).sum())
    return (
        f"{more} of {len(rows)} variants forgot more images than they recovered, "
        f"{fewer} recovered more."
    )


_SHARE_TITLE = "PIE share beside the noise floor"
_SHARE_X = "Share of the test images (%)"


@dataclass(frozen=True)
class PieShareInfo:
    """Rows of the summary whose PIE share of halves and noise floor are both known."""

    rows: pd.DataFrame
    n_unknown: int


def pie_share_info(summary: pd.DataFrame) -> PieShareInfo:
    """Keep the compressed variants that can be compared with the floor, like for like.

    The PIE share of full populations is no part of it: at another number of runs the floor is
    another one.

    Parameters
    ----------
    summary : DataFrame
        The summary table.
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
            "Nothing to compare with the noise floor: it needs at least two dense runs and a "
            "compressed variant with as many runs as half of them."
        )
        return layout.empty(layout.Words(_SHARE_TITLE, _SHARE_X, "", "", note), reason)
    names = [layout.short(name, 32) for name in rows[schema.VARIANT_ID]]
    custom = [
        [row[schema.VARIANT_ID], layout.escape(row[schema.VARIANT_ID]),
         layout.points(row["pie_excess"]), _interval(row["pie_excess_low"], row["pie_excess_high"])]
        for row in rows.to_dict("records")
    ]  # fmt: skip
    hover = (
        "<b>%{customdata[1]}</b><br>%{x:.2%} of images<br>excess %{customdata[2]}"
        "%{customdata[3]}<extra>%{fullData.name}</extra>"
    )
    y = list(range(len(rows)))
    figure = go.Figure()
    figure.add_bar(
        y=y, x=rows["pie_share_half"], orientation="h", name="dense half against variant half",
        marker={"color": theme.faded(theme.VERMILLION, 0.6)}, customdata=custom,
        hovertemplate=hover,
        error_x={
            "array": (rows["pie_excess_high"] - rows["pie_excess"]).fillna(0),
            "arrayminus": (rows["pie_excess"] - rows["pie_excess_low"]).fillna(0),
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
    words = layout.Words(_SHARE_TITLE, _SHARE_X, "", _share_subtitle(info), note)
    return layout.compose(figure, words, plot_height=max(44 * len(rows), 110), rows=names)


def _interval(low: float, high: float) -> str:
    return "" if pd.isna(low) else f", 95 % interval {layout.points_between(low, high)}"


def _share_subtitle(info: PieShareInfo) -> str:
    rows = info.rows
    if rows["pie_excess_low"].isna().all():
        text = (
            "No interval: it is not computed yet, or takes more runs (three of dense, and one more "
            "of the variant)."
        )
    else:
        above = int((rows["pie_excess_low"] > 0).sum())
        below = int((rows["pie_excess_high"] < 0).sum())
        text = (
            f"By its interval {above} of {len(rows)} variants make more PIEs than seed noise, "
            f"{below} fewer. Whisker: 95 % interval of the excess over the floor, over runs and "
            "images."
        )
    if info.n_unknown:
        text += f" {info.n_unknown} without enough runs left out."
    return text
