"""How hard PIEs are: accuracy on PIEs and other images, and on A/A PIEs of the dense halves."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme

_ACCURACY_TITLE = "Top-1 accuracy on PIEs, non-PIEs and all images"
_X = "Top-1 accuracy (%)"
_ACCURACY_SETS = {
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
    """Collect the accuracies of every compressed variant with PIE columns.

    Parameters
    ----------
    summary : DataFrame
        The summary table.
    """
    is_dense = summary[schema.VARIANT_ID] == "dense"
    dense_top1 = summary.loc[is_dense, "top1_mean"]
    variants = summary[~is_dense & summary["n_pies"].notna()]
    variants = variants.assign(dense_top1_mean=dense_top1.iloc[0] if len(dense_top1) else None)
    points = []
    for place, row in enumerate(variants.to_dict("records")):
        values = [("A/A PIEs", "dense", row["dense_top1_on_aa_pies"])]
        for images, (dense, variant, _, _) in _ACCURACY_SETS.items():
            values += [(images, "dense", row[dense]), (images, "variant", row[variant])]
        points += [
            (row[schema.VARIANT_ID], place, images, population, float(value))
            for images, population, value in values
            if not pd.isna(value)
        ]
    columns = [schema.VARIANT_ID, "place", "images", "population", "accuracy"]
    return PieAccuracyInfo(
        tuple(variants[schema.VARIANT_ID]), pd.DataFrame(points, columns=columns)
    )


def pie_accuracy(summary: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw dense and variant accuracy on PIEs, non-PIEs and all images by variant.

    Any set chosen by disagreement is hard; the dense runs' accuracy on A/A PIEs, which the dense
    halves disagree on, stands beside the one on PIEs.

    Parameters
    ----------
    summary : DataFrame
        The summary table.
    note : str
        Footnote, plain text.
    """
    info = pie_accuracy_info(summary)
    if info.points.empty:
        reason = "Nothing to show: no compressed variant has runs to compare with dense yet."
        return layout.empty(layout.Words(_ACCURACY_TITLE, _X, "", "", note), reason)
    figure = go.Figure()
    for images, (_, _, offset, _) in _ACCURACY_SETS.items():
        for population, color in (("dense", theme.BLUE), ("variant", theme.ORANGE)):
            _draw(figure, info, images, population, color, _SYMBOLS[images], offset)
    _draw(figure, info, "A/A PIEs", "dense", theme.BLUE, "x-thin-open", -0.24)
    _connect(figure, info)
    names = [layout.short(name, 32) for name in info.variant_ids]
    n = len(names)
    figure.update_xaxes(tickformat=".3~%", zeroline=False)
    subtitle = (
        "Any images chosen by disagreement are hard, the A/A PIEs of the dense halves (×) too."
        if (info.points["images"] == "A/A PIEs").any()
        else "Any images chosen by disagreement are hard. There are no A/A PIEs, of seeds alone, "
        "to compare them with: they take two dense runs, better ten."
    )
    words = layout.Words(_ACCURACY_TITLE, _X, "", subtitle, note)
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
        customdata=[[v, layout.escape(v)] for v in part[schema.VARIANT_ID]],
        hovertemplate="<b>%{customdata[1]}</b><br>%{x:.2%}<extra>" + name + "</extra>",
        marker={"color": color, "symbol": symbol, "size": 10, "line": {"width": 2, "color": color}},
    )  # fmt: skip


def _connect(figure: go.Figure, info: PieAccuracyInfo) -> None:
    lines = []
    for (place, images), part in info.points.groupby(["place", "images"]):
        if len(part) == 2:
            y = place + _ACCURACY_SETS[images][2]
            lines.append(
                {
                    "type": "line", "x0": part["accuracy"].min(), "x1": part["accuracy"].max(),
                    "y0": y, "y1": y, "line": {"color": theme.GREY, "width": 1}, "layer": "below",
                }
            )  # fmt: skip
    # All at once, since each addition checks all traces before it.
    figure.update_layout(shapes=[*figure.layout.shapes, *lines])


_HARD_TITLE = "How hard PIEs are for the dense runs"
_HARD_SETS = {
    "added by compression": ("added", "star", theme.PURPLE, -0.27),
    "PIEs of halves": ("half_pies", "circle", theme.VERMILLION, -0.09),
    "A/A PIEs": ("aa_pies", "x-thin-open", theme.GREY, 0.09),
    "non-PIEs": ("non_pies", "square-open", theme.BLUE, 0.27),
}


@dataclass(frozen=True)
class PieDifficultyInfo:
    """One row a variant: ``top1_*`` 0..1 and ``entropy_*`` in nats of the dense runs, by set."""

    rows: pd.DataFrame


def pie_difficulty_info(summary: pd.DataFrame) -> PieDifficultyInfo:
    """Collect the variants whose PIEs of halves and A/A PIEs can be compared with each other.

    Parameters
    ----------
    summary : DataFrame
        The summary table.
    """
    variants = summary[summary[schema.VARIANT_ID] != "dense"]
    rows = pd.DataFrame({schema.VARIANT_ID: variants[schema.VARIANT_ID]})
    for name, _, _, _ in _HARD_SETS.values():
        for quantity in ("top1", "entropy"):
            rows[f"{quantity}_{name}"] = pd.to_numeric(variants[f"dense_{quantity}_on_{name}"])
    known = rows["top1_half_pies"].notna() & rows["top1_aa_pies"].notna()
    return PieDifficultyInfo(rows[known].reset_index(drop=True))


def pie_difficulty(summary: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw accuracy and vote entropy of the dense runs on PIEs, A/A PIEs and non-PIEs by variant.

    Like for like: PIEs of a variant half against a dense half, and of two dense halves. Any images
    chosen by disagreement are hard; what compression adds to them is computed from the excess,
    where its interval lies above 0.

    Parameters
    ----------
    summary : DataFrame
        The summary table.
    note : str
        Footnote, plain text.
    """
    rows = pie_difficulty_info(summary).rows
    x = "Top-1 of the dense runs (%)"
    if rows.empty:
        reason = (
            "Nothing to compare with A/A PIEs: that takes at least two dense runs, and a "
            "compressed variant with as many runs as half of them and a PIE."
        )
        return layout.empty(layout.Words(_HARD_TITLE, x, "", "", note), reason)
    names = [layout.short(name, 32) for name in rows[schema.VARIANT_ID]]
    figure = go.Figure()
    for title, (name, symbol, color, offset) in _HARD_SETS.items():
        for quantity, panel, written in (
            ("top1", "x", "%{x:.2%}"), ("entropy", "x2", "%{x:.3f} nats")
        ):  # fmt: skip
            figure.add_scatter(
                x=rows[f"{quantity}_{name}"], y=rows.index + offset, mode="markers", name=title,
                xaxis=panel, showlegend=panel == "x", legendgroup=title,
                customdata=[[v, layout.escape(v)] for v in rows[schema.VARIANT_ID]],
                hovertemplate=f"<b>%{{customdata[1]}}</b><br>{written}<extra>{title}</extra>",
                marker={"color": color, "symbol": symbol, "size": 10,
                        "line": {"width": 2, "color": color}},
            )  # fmt: skip
    figure.update_layout(
        xaxis={"domain": [0, 0.48], "tickformat": ".3~%", "zeroline": False},
        xaxis2={"domain": [0.54, 1], "anchor": "y", "zeroline": False,
                "title": {"text": "Entropy of the dense votes (nats)"}},
    )  # fmt: skip
    words = layout.Words(_HARD_TITLE, x, "", _subtitle(rows), note)
    return layout.compose(figure, words, plot_height=max(52 * len(names), 110), rows=names)


def _subtitle(rows: pd.DataFrame) -> str:
    known = rows[rows["top1_added"].notna()]
    start = "Any images chosen by disagreement are hard, those of seeds alone (×) too."
    if known.empty:
        return f"{start} No variant adds images beyond seed noise for certain."
    harder = int((known["top1_added"] < known["top1_non_pies"]).sum())
    return (
        f"{start} The images that compression adds (★) are harder for dense than non-PIEs in "
        f"{harder} of the {len(known)} variants that add any for certain, by accuracy; no test."
    )
