"""Change of accuracy on each value of the metadata, for one pair of models."""

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout
from analysis.figures.forest import SIGNED, forest

LARGEST = 80
_ALPHA = 0.05
_HOVER = (
    "<b>%{customdata[2]} = %{customdata[3]}</b><br>%{x:+.2f} points<br>%{customdata[4]:,} images, "
    "q = %{customdata[5]}"
)
_TITLE = "Change of accuracy by value"
_NAME = 40
_X = "Top-1 of the variant minus that of dense, percentage points"


def attribute_pairs(rows: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw the change of accuracy of every value with its 95 % interval, both signs.

    Symbol and colour say whether McNemar's q, corrected over the values, is at most 0.05.

    Parameters
    ----------
    rows : DataFrame
        The attribute-pairs table of one variant; of more than 80 values those with the smallest
        p are drawn, in the table's order.
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
        raise ValueError("attribute_pairs draws one variant; the frame holds several")
    known = rows[rows["top1_delta"].notna()]
    variant_id = str(rows[schema.VARIANT_ID].iloc[0]) if len(rows) else ""
    title = f"{_TITLE}, {layout.short(variant_id, _NAME)}" if variant_id else _TITLE
    if known.empty:
        reason = "Nothing to show: no categorical metadata."
        return layout.empty(layout.Words(title, _X, "", "", note), reason)
    smallest = known.sort_values("mcnemar_p", kind="stable").head(LARGEST).index
    shown = known.loc[sorted(smallest)].reset_index(drop=True)
    x, low, high = (100 * shown[c].astype(float) for c in ("top1_delta", "ci_low", "ci_high"))
    drawn = pd.DataFrame(
        {
            "name": shown["attribute"].astype(str) + " = " + shown["value"].astype(str),
            "x": x,
            "low": low,
            "high": high,
            "sign": sign_of(shown),
            "custom": [
                [row["attribute"], row["value"], layout.escape(row["attribute"]),
                 layout.escape(row["value"]), int(row["n_images"]), f"{row['mcnemar_q']:.2g}"]
                for row in shown.to_dict("records")
            ],
        }
    )  # fmt: skip
    subtitle = (
        "95 % intervals over images (Bonett and Price); lost and gained: McNemar's q ≤ 0.05, "
        "corrected over all values that were tested (Benjamini-Hochberg)."
    )
    if len(known) > len(shown):
        subtitle += f" {len(known) - len(shown):,} values with larger p are not shown."
    words = layout.Words(title, _X, "", subtitle, note)
    return forest(drawn, words, SIGNED, hover=_HOVER)


def sign_of(rows: pd.DataFrame) -> pd.Series:
    """Classify each row: accuracy on the value was lost, gained, or neither significantly.

    Parameters
    ----------
    rows : DataFrame
        Rows of the attribute-pairs table.
    """
    is_significant = rows["mcnemar_q"].astype(float) <= _ALPHA
    delta = rows["top1_delta"].astype(float)
    signs = pd.Series("not significant", index=rows.index)
    signs[is_significant & (delta < 0)] = "lost"
    signs[is_significant & (delta > 0)] = "gained"
    return signs
