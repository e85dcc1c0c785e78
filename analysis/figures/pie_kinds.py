"""Kinds of PIEs: how many images a variant forgot, recovered, or changed between wrong labels."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import labels, layout, theme

_TITLE = "PIEs forgotten, recovered and changed"
_X = "Images"
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
    """Collect the counts by kind of the variants that have them."""
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
        reason = "Nothing to show: no compressed variant has runs to hold against dense yet."
        return layout.empty(layout.Words(_TITLE, _X, "", "", note), reason)
    names = [labels.short(name, 32) for name in rows[schema.VARIANT_ID]]
    largest = max(int(rows[list(_SHOWN)].to_numpy().max()), 1)
    y = list(range(len(rows)))
    figure = go.Figure()
    for kind, (name, sign, panel) in _SHOWN.items():
        color = theme.KIND_COLORS[kind]
        figure.add_bar(
            y=y, x=sign * rows[kind], orientation="h", name=name, xaxis=panel,
            text=[f"{count:,}" for count in rows[kind]], textposition="outside", cliponaxis=False,
            customdata=[
                [variant, kind, int(count), labels.escape(variant)]
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
    words = layout.Words(_TITLE, "Images: forgotten ← → recovered", "", _subtitle(rows), note)
    return layout.compose(figure, words, plot_height=max(34 * len(rows), 100), rows=names)


def _ticks(largest: int) -> list[int]:
    step = 10 ** (len(str(largest)) - 1)
    if largest / step < 2 and step >= 5:
        step //= 2
    elif largest / step > 5:
        step *= 2
    return list(range(0, largest + 1, step))


def _subtitle(rows: pd.DataFrame) -> str:
    if not rows["n_pies"].sum():
        return "No PIE in any variant."
    more = int((rows["forgotten"] > rows["recovered"]).sum())
    fewer = int((rows["forgotten"] < rows["recovered"]).sum())
    return (
        f"{more} of {len(rows)} variants forgot more images than they recovered, "
        f"{fewer} recovered more."
    )
