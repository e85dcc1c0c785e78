"""Over-representation of metadata values among PIEs, beside A/A PIEs."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme

LARGEST = 40
_TITLE = "Over-representation among PIEs"
_NAME = 40
_X = "Share among the PIEs / share among all images"


@dataclass(frozen=True)
class OverRepresentationInfo:
    """Values that occur among the images, in order; ``n_hidden`` beyond the 40 shown."""

    variant_id: str
    rows: pd.DataFrame
    n_hidden: int


def over_representation_info(attributes: pd.DataFrame) -> OverRepresentationInfo:
    """Choose the values of one variant: all, or the 40 with most PIEs.

    Parameters
    ----------
    attributes : DataFrame
        The attributes table of one variant.

    Raises
    ------
    ValueError
        The frame holds several variants.
    """
    if attributes[schema.VARIANT_ID].nunique() > 1:
        raise ValueError("over_representation draws one variant; the frame holds several")
    known = attributes[attributes["over_representation"].notna()]
    most = known.sort_values("n_pies", ascending=False, kind="stable").head(LARGEST).index
    return OverRepresentationInfo(
        str(attributes[schema.VARIANT_ID].iloc[0]) if len(attributes) else "",
        known.loc[sorted(most)].reset_index(drop=True),
        len(known) - len(most),
    )


def over_representation(attributes: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw P(value | PIE) / P(value | all) with 95 % intervals over images, beside the A/A PIEs'.

    Parameters
    ----------
    attributes : DataFrame
        The attributes table of one variant.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every marker begins with the unescaped attribute and value.
    """
    info = over_representation_info(attributes)
    title = f"{_TITLE}, {layout.short(info.variant_id, _NAME)}" if info.variant_id else _TITLE
    if info.rows.empty:
        reason = "Nothing to show: no categorical metadata, or no PIE."
        return layout.empty(layout.Words(title, _X, "", "", note), reason)
    rows, figure = info.rows, go.Figure()
    for name, column, interval, symbol, color, offset in (
        ("PIEs", "over_representation", ("ci_low", "ci_high"), "circle", theme.VERMILLION, -0.16),
        ("A/A PIEs: seeds alone", "aa_over_representation", ("aa_ci_low", "aa_ci_high"),
         "x-thin-open", theme.GREY, 0.16),
    ):  # fmt: skip
        if column != "over_representation" and rows[column].isna().all():
            continue
        x, low, high = (pd.to_numeric(rows[c]) for c in (column, *interval))
        figure.add_scatter(
            x=x, y=rows.index + offset, mode="markers", name=name,
            customdata=[
                [row["attribute"], row["value"], layout.escape(row["attribute"]),
                 layout.escape(row["value"]), int(row["n_pies"]), int(row["n_images"])]
                for row in rows.to_dict("records")
            ],
            hovertemplate="<b>%{customdata[2]} = %{customdata[3]}</b><br>%{x:.2f} times<br>"
            "%{customdata[4]:,} PIEs of %{customdata[5]:,} images<extra>" + name + "</extra>",
            marker={"color": color, "symbol": symbol, "size": 9,
                    "line": {"width": 2, "color": color}},
            error_x={"array": high - x, "arrayminus": x - low, "symmetric": False,
                     "thickness": 1.2, "width": 3, "color": color},
        )  # fmt: skip
    figure.add_vline(x=1, line_width=1.5, line_color=theme.GREY)
    figure.update_xaxes(rangemode="tozero", zeroline=False)
    names = [
        layout.short(f"{attribute} = {value}", 36)
        for attribute, value in zip(rows["attribute"], rows["value"], strict=True)
    ]
    words = layout.Words(title, _X, "", _subtitle(info), note)
    return layout.compose(figure, words, plot_height=max(26 * len(names), 110), rows=names)


def _subtitle(info: OverRepresentationInfo) -> str:
    if info.rows["aa_over_representation"].isna().all():
        text = (
            "There are no A/A PIEs, of seeds alone, to compare them with: they take two dense "
            "runs, better ten."
        )
    else:
        low, high = (pd.to_numeric(info.rows[f"difference_{end}"]) for end in ("low", "high"))
        more, less = int((low > 0).sum()), int((high < 0).sum())
        text = (
            f"Like for like, {more} of {len(info.rows)} values are over-represented more than "
            f"among the PIEs of seeds alone, {less} less (95 % interval of the difference, over "
            "images)."
        )
    if info.n_hidden:
        text += f" {info.n_hidden:,} values with fewer PIEs are not shown."
    return text
