"""Non-inferiority: upper bounds of the loss of recall of each class."""

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme
from analysis.figures.forest import Marks, forest

LARGEST = 60
_TITLE = "Loss of recall that is ruled out"
_NAME = 40
_X = "Loss of recall (percentage points)"
SHOWN, NOT_SHOWN = "shown", "not shown"
_MARKS = {
    SHOWN: Marks(theme.GREEN, "circle"),
    NOT_SHOWN: Marks(theme.GREY, "circle-open"),
}
_HOVER = (
    "<b>%{customdata[1]}</b> (%{customdata[2]:,} images)<br>loss %{customdata[3]}<br>at most "
    "%{customdata[4]} (one-sided 95 %), %{customdata[5]} as one class of all"
)


def not_worse(classes: pd.DataFrame, *, margin: float = 0.02, note: str = "") -> go.Figure:
    """Draw the loss of every class, up to its one-sided bound, and a line at the margin.

    A class is green where it may be named as safe: its bound at .05 / C is at most the margin.

    Parameters
    ----------
    classes : DataFrame
        The classes table of one variant; of more than 60 classes those with the largest bounds
        are drawn.
    margin : float
        Largest loss that is accepted, d, a fraction.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every marker begins with the unescaped class name.
    """
    variant_id = str(classes[schema.VARIANT_ID].iloc[0]) if len(classes) else ""
    title = f"{_TITLE}, {layout.short(variant_id, _NAME)}" if variant_id else _TITLE
    known = classes[classes["loss_upper"].notna()]
    if known.empty:
        reason = "Nothing to show: no class has enough images for a bound."
        return layout.empty(layout.Words(title, _X, "", "", note), reason)
    ordered = known.sort_values("loss_upper", ascending=False, kind="stable")
    shown = ordered.head(LARGEST)
    is_safe = shown["loss_upper_named"].astype(float) <= margin
    drawn = pd.DataFrame(
        {
            "name": shown[schema.CLASS_NAME].astype(str),
            "x": -100 * shown["recall_delta"].astype(float),
            "low": -100 * shown["recall_delta"].astype(float),
            "high": 100 * shown["loss_upper"].astype(float),
            "sign": is_safe.map({True: SHOWN, False: NOT_SHOWN}),
            "custom": [
                [row[schema.CLASS_NAME], layout.escape(row[schema.CLASS_NAME]),
                 int(row["n_images"]), *(f"{100 * value:+.1f} points" for value in (
                     -row["recall_delta"], row["loss_upper"], row["loss_upper_named"]))]
                for row in shown.to_dict("records")
            ],
        }
    )  # fmt: skip
    words = layout.Words(title, _X, "", _subtitle(known, margin, len(known) - len(shown)), note)
    figure = forest(drawn, words, _MARKS, hover=_HOVER)
    figure.add_vline(x=100 * margin, line_width=1.5, line_dash="dash", line_color=theme.VERMILLION)
    return figure


def _subtitle(known: pd.DataFrame, margin: float, n_hidden: int) -> str:
    d = f"{100 * margin:.3g} points"
    is_shown = bool((known["loss_upper"].astype(float) <= margin).all())
    n_safe = int((known["loss_upper_named"].astype(float) <= margin).sum())
    hidden = f" {n_hidden:,} classes with smaller bounds are not drawn." if n_hidden else ""
    return (
        f"That no class loses more than {d} is {'' if is_shown else 'not '}shown (every bound at "
        f"95 %); {n_safe:,} of {len(known):,} classes may be named as safe (green; bounds at 5 % "
        f"over all classes). Marker: loss; bar: up to its one-sided bound; dashed: {d}.{hidden}"
    )
