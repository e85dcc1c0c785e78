"""Class heat map: one figure of merit of every class under every variant."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme
from analysis.figures.class_impact import usual_rule
from analysis.presentation.formatting import expected

ALPHA = 0.05
FloatArray = npt.NDArray[np.float64]
_NAMES = {
    "normalized_recall_delta": "Normalized change of recall",
    "recall_delta": "Change of recall",
    "recall": "Recall",
    "dense_recall": "Recall of the dense runs",
}
_SINGLE = "One model each, tested over images: McNemar's exact test of the change of recall."


@dataclass(frozen=True)
class ClassHeatmapInfo:
    """Values, p and q of every class under every variant, [C, V]; NaN if unknown.

    ``value`` names what the values are; p is over runs (the paper's), q over runs and images; of
    models that are ``is_single`` both are McNemar's.
    """

    class_names: tuple[str, ...]
    variant_ids: tuple[str, ...]
    values: FloatArray
    p: FloatArray
    q: FloatArray
    value: str
    is_single: bool

    @property
    def p_significant(self) -> npt.NDArray[np.bool_]:
        """Where p <= 0.05, the paper's rule."""
        return self.p <= ALPHA

    @property
    def q_significant(self) -> npt.NDArray[np.bool_]:
        """Where q <= 0.05."""
        return self.q <= ALPHA


def class_heatmap_info(classes: pd.DataFrame, *, value: str | None = None) -> ClassHeatmapInfo:
    """Pivot a classes table of any variants to class x variant, in order of appearance.

    Of single models ``value`` is by default the change of recall, which McNemar's test is of.

    Parameters
    ----------
    classes : DataFrame
        The classes table of one variant or several.
    value : str
        Column of the table that is drawn.

    Raises
    ------
    ValueError
        ``value`` is no column of the table.
    """
    is_single = usual_rule(classes) == "mcnemar_p"
    value = value or _tested(is_single)
    if value not in classes:
        raise ValueError(f"value must be a column of the classes table, not {value!r}")
    variants = list(dict.fromkeys(classes[schema.VARIANT_ID]))
    names = classes.drop_duplicates(schema.CLASS_ID).set_index(schema.CLASS_ID)[schema.CLASS_NAME]

    def spread(column: str) -> FloatArray:
        wide = classes.pivot(index=schema.CLASS_ID, columns=schema.VARIANT_ID, values=column)
        return np.asarray(wide.reindex(index=names.index, columns=variants), np.float64)

    p, q = (spread(n) for n in (("mcnemar_p", "mcnemar_q") if is_single else ("p", "q_two_way")))
    return ClassHeatmapInfo(tuple(names), tuple(variants), spread(value), p, q, value, is_single)


def _tested(is_single: bool) -> str:
    """Name the change that is drawn by default, which the tests are of."""
    return "recall_delta" if is_single else "normalized_recall_delta"


def most_changed(classes: pd.DataFrame, n: int) -> pd.DataFrame:
    """Keep the n classes that changed most under any variant, in their order.

    By normalized recall, of single models by recall.

    Parameters
    ----------
    classes : DataFrame
        The classes table of one variant or several.
    n : int
        Number of classes to keep.
    """
    column = _tested(usual_rule(classes) == "mcnemar_p")
    largest = classes.groupby(schema.CLASS_ID)[column].agg(lambda values: values.abs().max())
    return classes[classes[schema.CLASS_ID].isin(largest.nlargest(n).index)]


def class_heatmap(classes: pd.DataFrame, *, value: str | None = None, note: str = "") -> go.Figure:
    """Draw class x variant on a diverging scale centred on 0; significant cells are marked.

    Parameters
    ----------
    classes : DataFrame
        The classes table of any number of variants.
    value : str, optional
        Column to draw; a fraction. By default the normalized change of recall; of single models
        (K = 1) the change of recall, whose cells are marked by McNemar's test.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every cell begins with the unescaped class name and variant.
    """
    info = class_heatmap_info(classes, value=value)
    quantity = _NAMES.get(info.value, info.value.replace("_", " ").capitalize())
    title = f"{quantity} by class and variant"
    words = layout.Words(title, "Variant", "", "", note)
    if not np.isfinite(info.values).any():
        return layout.empty(words, "No class to show: no compressed variant has runs yet.")
    n, n_variants = info.values.shape
    names = [layout.short(name) for name in info.class_names]
    variants = [layout.short(variant) for variant in info.variant_ids]
    height = max(min(20 * n, 2200), 120)
    # Changes are in points; recall itself is a share.
    is_change = info.value.endswith("_delta")
    values = 100 * info.values if is_change else info.values
    limit = float(np.nanmax(np.abs(values))) or 0.01
    figure = go.Figure(
        go.Heatmap(
            z=values, customdata=_custom(info), colorscale=theme.DIVERGING, zmid=0,
            zmin=-limit, zmax=limit, xgap=1, ygap=1 if n <= 110 else 0, name="",
            hovertemplate=(
                "<b>%{customdata[2]}</b><br>%{customdata[3]}<br>" + quantity.lower()
                + (" %{z:+.2f} points" if is_change else " %{z:.2%}")
                + "<br>%{customdata[4]}<extra></extra>"
            ),
            colorbar={
                "title": {"text": "percentage<br>points" if is_change else "share"},
                "tickformat": "+.3~f" if is_change else ".2~%", "thickness": 14,
                "outlinewidth": 0, "lenmode": "pixels", "len": min(height, 320), "y": 1,
                "yanchor": "top",
            },
        )
    )  # fmt: skip
    paper = "p ≤ 0.05" if info.is_single else "p ≤ 0.05, other seeds"
    others = "q ≤ 0.05" if info.is_single else "q ≤ 0.05, other seeds and images"
    _mark(figure, info.p_significant & ~info.q_significant, paper, "diamond", "#FFFFFF", n)
    _mark(figure, info.q_significant, others, "circle", "#111111", n)
    angle = 0 if n_variants <= 3 else -90
    figure.update_xaxes(
        tickvals=list(range(n_variants)), ticktext=variants, tickangle=angle, side="bottom",
        range=[-0.5, n_variants - 0.5], showgrid=False, zeroline=False,
    )  # fmt: skip
    below = 24 if angle == 0 else layout.text_width(variants) + 14
    words = layout.Words(title, "Variant", "", _subtitle(info), note)
    return layout.compose(figure, words, plot_height=height, rows=names, bottom_labels=below)


def _mark(
    figure: go.Figure, where: npt.NDArray[np.bool_], name: str, symbol: str, color: str, n: int
) -> None:
    """Mark cells by shape, since one of two colours would be invisible on a dark ground."""
    y, x = np.nonzero(where)
    if len(y):
        figure.add_scatter(
            x=x, y=y, mode="markers", name=name, hoverinfo="skip",
            marker={"size": 8 if n <= 110 else 4, "symbol": symbol, "color": color, "line": {
                "color": "#111111" if color == "#FFFFFF" else "#FFFFFF", "width": 1.2}},
        )  # fmt: skip


def _custom(info: ClassHeatmapInfo) -> list[list[list[Any]]]:
    def significance(i: int, j: int) -> str:
        if np.isnan(info.p[i, j]):
            return "not tested"
        if info.q_significant[i, j]:
            return "significant at q ≤ 0.05"
        return (
            "significant at the paper's p ≤ 0.05 alone"
            if info.p_significant[i, j]
            else "not significant"
        )

    return [
        [
            [name, variant, layout.escape(name), layout.escape(variant), significance(i, j)]
            for j, variant in enumerate(info.variant_ids)
        ]
        for i, name in enumerate(info.class_names)
    ]


def _subtitle(info: ClassHeatmapInfo) -> str:
    p, q = int(info.p_significant.sum()), int(info.q_significant.sum())
    tests = int(np.isfinite(info.p).sum())
    if not tests:
        return "No test: significance needs at least two runs of both populations."
    by = "McNemar's " if info.is_single else ""
    about = f" {_SINGLE}" if info.is_single else ""
    if not p and not q:
        return f"No class is significant ({by}p ≤ {ALPHA}) under any variant.{about}"
    if info.is_single:
        return (
            f"Of {tests:,} cells tested {p:,} are significant at {by}p ≤ {ALPHA} (diamond), {q:,} "
            f"of them also at q ≤ {ALPHA} (dot).{about}"
        )
    return (
        f"Of {tests:,} cells tested {q:,} are significant for other seeds and other images "
        f"(q ≤ {ALPHA}, dot), {p:,} by the paper's rule (p ≤ {ALPHA}, other seeds on these "
        f"images; {expected(ALPHA * tests)} are by chance; diamond where it is alone)."
    )
