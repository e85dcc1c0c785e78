"""Shares of human labels among PIEs, A/A PIEs and non-PIEs of the same classes."""

import pandas as pd
import plotly.graph_objects as go

from analysis.figures import layout, theme
from analysis.schema import AA_PIE, NON_PIE, PIE

_TITLE = "What people say of the images"
_X = "Share of the rated images of the group"
_GROUPS = (
    ("PIEs", "pie", PIE, "circle", theme.VERMILLION, -0.22),
    ("A/A PIEs: seeds alone", "aa", AA_PIE, "x-thin-open", theme.GREY, 0.0),
    ("Non-PIEs of the same classes", "non_pie", NON_PIE, "square-open", theme.BLUE, 0.22),
)


def human_shares(shares: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw the share of every category in each group of a study, with 95 % intervals (Wilson).

    Parameters
    ----------
    shares : DataFrame
        The annotation shares of one study.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every marker begins with the unescaped category and group.

    Raises
    ------
    ValueError
        The frame holds several studies.
    """
    if shares["study"].nunique() > 1:
        raise ValueError("human_shares draws one study; the frame holds several")
    if shares.empty:
        words = layout.Words(_TITLE, _X, "", "", note)
        return layout.empty(words, "Nobody has rated an image yet.")
    figure = go.Figure()
    for name, column, group, symbol, color, offset in _GROUPS:
        n = int(shares[f"{column}_images"].iloc[0])
        if not n:
            continue
        share, low, high = (
            pd.to_numeric(shares[f"{column}_{end}"]) for end in ("share", "low", "high")
        )
        figure.add_scatter(
            x=share,
            y=[place + offset for place in range(len(shares))],
            mode="markers",
            cliponaxis=False,
            name=f"{name} ({n:,})",
            customdata=list(
                zip(
                    shares["category"],
                    [group] * len(shares),
                    map(layout.escape, shares["category_name"]),
                    shares[f"{column}_count"],
                    strict=True,
                )
            ),
            hovertemplate="<b>%{customdata[2]}</b><br>%{x:.1%}: %{customdata[3]:,} of "
            + f"{n:,} images<extra>{name}</extra>",
            marker={
                "color": color, "symbol": symbol, "size": 9, "line": {"width": 2, "color": color}
            },
            error_x={
                "array": high - share, "arrayminus": share - low, "symmetric": False,
                "thickness": 1.2, "width": 3, "color": color,
            },
        )  # fmt: skip
    figure.update_xaxes(tickformat=".0%", rangemode="tozero", zeroline=False)
    rows = [layout.short(name, 36) for name in shares["category_name"]]
    words = layout.Words(_TITLE, _X, "", _subtitle(shares), note)
    return layout.compose(figure, words, plot_height=38 * len(rows), rows=rows)


def _subtitle(shares: pd.DataFrame) -> str:
    parts = []
    for start, words in (("", "non-PIEs of the same classes"), ("aa_", "the A/A PIEs")):
        q = pd.to_numeric(shares[f"{start}q"])
        if q.notna().any():
            difference = pd.to_numeric(shares[f"{start}difference"])
            more, less = (
                int(((q <= 0.05) & side).sum()) for side in (difference > 0, difference < 0)
            )
            parts.append(
                f"PIEs against {words}: {more} of {int(q.notna().sum())} categories more often, "
                f"{less} less (q ≤ 0.05)."
            )
    if not shares["aa_images"].iloc[0]:
        parts.append("There are no A/A PIEs beside them.")
    return " ".join(parts)
