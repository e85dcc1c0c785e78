"""Risk differences: how much likelier compression makes images of each value PIEs than seeds do."""

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme
from analysis.figures.forest import Marks, forest

LARGEST = 80
_TITLE = "PIEs that compression adds, by value"
_NAME = 40
_X = "Share of the value's images that are PIEs beyond seed noise (percentage points)"
MORE, FEWER = "more than seeds make", "fewer"
SAME, UNKNOWN = "not significant", "no interval"
_MARKS = {
    MORE: Marks(theme.VERMILLION, "diamond"),
    FEWER: Marks(theme.BLUE, "square"),
    SAME: Marks(theme.GREY, "circle"),
    UNKNOWN: Marks(theme.GREY, "circle-open"),
}
_HOVER = (
    "<b>%{customdata[2]} = %{customdata[3]}</b><br>%{customdata[5]} [%{customdata[6]}]<br>against "
    "other images %{customdata[7]} [%{customdata[8]}]<br>%{customdata[4]:,} images"
)


def risk_difference(rows: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw the risk difference of every value with its 95 % interval over runs and images.

    Parameters
    ----------
    rows : DataFrame
        The attributes table of one variant; of more than 80 values those with the largest
        differences are drawn, in the table's order.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every marker begins with the unescaped attribute and value.

    Raises
    ------
    ValueError
        The frame holds several variants.
    """
    if rows[schema.VARIANT_ID].nunique() > 1:
        raise ValueError("risk_difference draws one variant; the frame holds several")
    known = rows[rows["risk_difference"].notna()]
    variant_id = str(rows[schema.VARIANT_ID].iloc[0]) if len(rows) else ""
    title = f"{_TITLE}, {layout.short(variant_id, _NAME)}" if variant_id else _TITLE
    if known.empty:
        reason = (
            "Nothing to show: seed noise takes two dense runs and as many of the variant as half "
            "of them, or no image has a value."
        )
        return layout.empty(layout.Words(title, _X, "", "", note), reason)
    largest = known["risk_difference"].abs().sort_values(ascending=False, kind="stable")
    shown = known.loc[sorted(largest.head(LARGEST).index)].reset_index(drop=True)
    low, high = (shown[f"risk_difference_{end}"].astype(float) for end in ("low", "high"))
    drawn = pd.DataFrame(
        {
            "name": shown["attribute"].astype(str) + " = " + shown["value"].astype(str),
            "x": 100 * shown["risk_difference"].astype(float),
            "low": 100 * low,
            "high": 100 * high,
            "sign": _signs(low, high),
            "custom": [_custom(row) for row in shown.to_dict("records")],
        }
    )
    words = layout.Words(title, _X, "", _subtitle(drawn, len(known) - len(shown)), note)
    return forest(drawn, words, _MARKS, hover=_HOVER)


def _custom(row: dict[str, object]) -> list[object]:
    return [
        row["attribute"], row["value"], layout.escape(row["attribute"]),
        layout.escape(row["value"]), int(row["n_images"]),  # type: ignore[call-overload]
        *(_written(row, name) for name in (
            "risk_difference", "risk_difference_low", "contrast", "contrast_low")),
    ]  # fmt: skip


def _written(row: dict[str, object], name: str) -> str:
    if not name.endswith("_low"):
        return f"{100 * float(row[name]):+.1f} points"  # type: ignore[arg-type]
    low, high = (float(row[name[:-3] + end]) for end in ("low", "high"))  # type: ignore[arg-type]
    return "no interval" if pd.isna(low) else f"{100 * low:+.1f}, {100 * high:+.1f}"


def _signs(low: pd.Series, high: pd.Series) -> pd.Series:
    signs = pd.Series(SAME, index=low.index, dtype=object)
    signs[low.isna() | high.isna()] = UNKNOWN
    signs[high < 0] = FEWER
    signs[low > 0] = MORE
    return signs


def _subtitle(drawn: pd.DataFrame, n_hidden: int) -> str:
    if (drawn["sign"] == UNKNOWN).all():
        return (
            "Without intervals: they are not computed yet, or take more runs (three of dense, and "
            "one more of the variant)."
        )
    above, below = (int((drawn["sign"] == sign).sum()) for sign in (MORE, FEWER))
    hidden = f" {n_hidden:,} values with smaller differences are not shown." if n_hidden else ""
    return (
        f"Images of {above} of {len(drawn)} values are likelier to be PIEs than seeds alone make "
        f"them, of {below} less likely: 95 % intervals over runs and images, uncorrected."
        f"{hidden}"
    )
