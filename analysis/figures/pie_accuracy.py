"""Accuracy of dense runs and variant's runs on PIEs, on non-PIEs and on all images."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import labels, layout, theme

_TITLE = "Top-1 accuracy on PIEs, non-PIEs and all images"
_X = "Top-1 accuracy (%)"
_SETS = {
    "PIEs": ("dense_top1_on_pies", "top1_on_pies", -0.24, ""),
    "all images": ("dense_top1_mean", "top1_mean", 0.0, "-open"),
    "non-PIEs": ("dense_top1_on_non_pies", "top1_on_non_pies", 0.24, ""),
}
_SYMBOLS = {"PIEs": "circle", "all images": "diamond-open", "non-PIEs": "square"}


@dataclass(frozen=True)
class PieAccuracyInfo:
    """Accuracies, 0..1, in long form: ``variant_id place images population accuracy``.

    ``images`` is PIEs, A/A PIEs, all images or non-PIEs, ``population`` dense or variant, and
    ``place`` the variant's line.
    """

    variant_ids: tuple[str, ...]
    points: pd.DataFrame


def pie_accuracy_info(summary: pd.DataFrame) -> PieAccuracyInfo:
    """Collect the accuracies of every compressed variant with PIE columns."""
    is_dense = summary[schema.VARIANT_ID] == "dense"
    dense_top1 = summary.loc[is_dense, "top1_mean"]
    variants = summary[~is_dense & summary["n_pies"].notna()]
    variants = variants.assign(dense_top1_mean=dense_top1.iloc[0] if len(dense_top1) else None)
    points = []
    for place, row in enumerate(variants.to_dict("records")):
        found = [("A/A PIEs", "dense", row["dense_top1_on_aa_pies"])]
        for images, (dense, variant, _, _) in _SETS.items():
            found += [(images, "dense", row[dense]), (images, "variant", row[variant])]
        points += [
            (row[schema.VARIANT_ID], place, images, population, float(value))
            for images, population, value in found
            if not pd.isna(value)
        ]
    columns = [schema.VARIANT_ID, "place", "images", "population", "accuracy"]
    return PieAccuracyInfo(
        tuple(variants[schema.VARIANT_ID]), pd.DataFrame(points, columns=columns)
    )


def pie_accuracy(summary: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw dense and variant accuracy on PIEs, non-PIEs and all images by variant.

    Any set chosen by disagreement is hard; the dense runs' accuracy on A/A PIEs, which the dense
    halves disagree on, is what the one on PIEs is to be held against.

    Parameters
    ----------
    summary : DataFrame
        The summary table.
    note : str
        Footnote, plain text.
    """
    info = pie_accuracy_info(summary)
    if info.points.empty:
        reason = "Nothing to show: no compressed variant has runs to hold against dense yet."
        return layout.empty(layout.Words(_TITLE, _X, "", "", note), reason)
    figure = go.Figure()
    for images, (_, _, offset, _) in _SETS.items():
        for population, color in (("dense", theme.BLUE), ("variant", theme.ORANGE)):
            _draw(figure, info, images, population, color, _SYMBOLS[images], offset)
    _draw(figure, info, "A/A PIEs", "dense", theme.BLUE, "x-thin-open", -0.24)
    _connect(figure, info)
    names = [labels.short(name, 32) for name in info.variant_ids]
    n = len(names)
    figure.update_xaxes(tickformat=".3~%", zeroline=False)
    subtitle = (
        "Any images chosen by disagreement are hard: hold dense on PIEs (●) against dense on the "
        "A/A PIEs of its own halves (×)."
        if (info.points["images"] == "A/A PIEs").any()
        else "Any images chosen by disagreement are hard. There are no A/A PIEs, of seeds alone, "
        "to hold them against: they take two dense runs, better ten."
    )
    words = layout.Words(_TITLE, _X, "", subtitle, note)
    return layout.compose(figure, words, plot_height=max(58 * n, 130), rows=names)


def _draw(
    figure: go.Figure, info: PieAccuracyInfo, images: str, population: str, color: str,
    symbol: str, offset: float,
) -> None:  # fmt: skip
    points = info.points
    part = points[(points["images"] == images) & (points["population"] == population)]
    if part.empty:
        return
    name = f"{population} on {images}"
    figure.add_scatter(
        x=part["accuracy"], y=part["place"] + offset, mode="markers", name=name,
        customdata=[[v, labels.escape(v)] for v in part[schema.VARIANT_ID]],
        hovertemplate="<b>%{customdata[1]}</b><br>%{x:.2%}<extra>" + name + "</extra>",
        marker={"color": color, "symbol": symbol, "size": 10, "line": {"width": 2, "color": color}},
    )  # fmt: skip


def _connect(figure: go.Figure, info: PieAccuracyInfo) -> None:
    for (place, images), part in info.points.groupby(["place", "images"]):
        if len(part) == 2:
            y = place + _SETS[images][2]
            figure.add_shape(
                type="line", x0=part["accuracy"].min(), x1=part["accuracy"].max(), y0=y, y1=y,
                line={"color": theme.GREY, "width": 1}, layer="below",
            )  # fmt: skip
