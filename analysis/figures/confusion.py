"""Confusion flow: dense and variant modal labels of the PIEs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme
from analysis.figures.cells import with_letters

LARGEST = 60
_ALL_UP_TO = 20
_TITLE = "PIEs by dense and variant modal label"
_NAME = 40


@dataclass(frozen=True)
class ConfusionFlowInfo:
    """Counts [R, R] of PIEs from dense modal label (row) to variant modal label (column).

    ``class_ids`` are the R classes shown; ``n_outside`` PIEs touch a class that is not.
    """

    variant_id: str
    class_ids: tuple[int, ...]
    class_names: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    n_pies: int
    n_outside: int


def confusion_flow_info(images: pd.DataFrame, *, class_names: Sequence[str]) -> ConfusionFlowInfo:
    """Count the PIEs of one variant by dense and variant modal label.

    All classes up to 20; beyond, those with a flow, at most 60, the largest flows first.

    Parameters
    ----------
    images : DataFrame
        Rows of the images table.
    class_names : sequence of str
        Class names in order of class id.

    Raises
    ------
    ValueError
        The frame holds several variants.
    """
    if images[schema.VARIANT_ID].nunique() > 1:
        raise ValueError("confusion_flow draws one variant; the frame holds several")
    pies = images[images["is_pie"].astype(bool)]
    source = pies["dense_modal_label"].to_numpy(np.int64)
    target = pies["modal_label"].to_numpy(np.int64)
    answered = (source >= 0) & (target >= 0)
    source, target = source[answered], target[answered]
    chosen = np.arange(len(class_names))
    if len(class_names) > _ALL_UP_TO:
        chosen = _with_largest_flows(source, target)
    place = np.full(len(class_names), -1)
    place[chosen] = np.arange(len(chosen))
    inside = (place[source] >= 0) & (place[target] >= 0)
    counts = np.zeros((len(chosen), len(chosen)), np.int64)
    np.add.at(counts, (place[source[inside]], place[target[inside]]), 1)
    return ConfusionFlowInfo(
        variant_id=str(images[schema.VARIANT_ID].iloc[0]) if len(images) else "",
        class_ids=tuple(int(c) for c in chosen),
        class_names=tuple(str(class_names[int(c)]) for c in chosen),
        counts=counts,
        n_pies=len(pies),
        n_outside=int((~inside).sum()),
    )


def label_pairs(images: pd.DataFrame, *, class_names: Sequence[str]) -> pd.DataFrame:
    """Count the PIEs by dense and variant modal label, the most frequent pair first.

    Parameters
    ----------
    images : DataFrame
        Rows of the images table of one variant.
    class_names : sequence of str
        Class names in order of class id.

    Returns
    -------
    DataFrame
        ``dense variant n_pies share``: both class names, the number of PIEs, and their share of all
        PIEs, 0..1. Images without an answer are of no pair.
    """
    pies = images[images["is_pie"].astype(bool)]
    labels = pies[["dense_modal_label", "modal_label"]]
    counted = labels[(labels >= 0).all(axis=1)].value_counts(sort=False)
    frame = counted.rename("n_pies").reset_index()
    frame = frame.sort_values("n_pies", ascending=False, kind="stable", ignore_index=True)
    names = pd.Series(list(class_names), dtype=object)
    return pd.DataFrame(
        {
            "dense": names.reindex(frame["dense_modal_label"]).to_numpy(),
            "variant": names.reindex(frame["modal_label"]).to_numpy(),
            "n_pies": frame["n_pies"].astype("int64"),
            "share": frame["n_pies"] / max(len(pies), 1),
        }
    )


def _with_largest_flows(
    source: npt.NDArray[np.int64], target: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Class ids of the largest flows, as many as fit into 60 classes, ascending."""
    pairs, counts = np.unique(np.stack([source, target], axis=1), axis=0, return_counts=True)
    chosen: set[int] = set()
    for a, b in pairs[np.argsort(-counts, kind="stable")].tolist():
        if len(chosen | {a, b}) <= LARGEST:
            chosen |= {a, b}
    return np.array(sorted(chosen), np.int64)


def confusion_flow(
    images: pd.DataFrame, *, class_names: Sequence[str], note: str = ""
) -> go.Figure:
    """Draw the PIEs' flow from dense modal label (row) to variant modal label (column).

    Parameters
    ----------
    images : DataFrame
        The images (or pies) table of one variant; PIEs alone are counted.
    class_names : sequence of str
        Class names in order of class id.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every cell begins with the dense and the variant class name.
    """
    info = confusion_flow_info(images, class_names=class_names)
    title = f"{_TITLE}, {layout.short(info.variant_id, _NAME)}" if info.variant_id else _TITLE
    x, y = "Modal label of the variant", "Modal label of the dense runs"
    if not info.n_pies:
        reason = "No PIE: the modal label of every image is the same as without compression."
        return layout.empty(layout.Words(title, x, y, "", note), reason)
    n = len(info.class_names)
    names = [layout.short(name) for name in info.class_names]
    cell = 32 if n <= 20 else 16
    cells = go.Heatmap(
        z=np.where(info.counts > 0, info.counts, np.nan), zmin=0, zmax=int(info.counts.max()),
        xgap=1, ygap=1, name="", hoverongaps=False, colorscale=theme.SEQUENTIAL,
        texttemplate="%{z}" if n <= 20 else None,
        customdata=[
            [[a, b, layout.escape(a), layout.escape(b)] for b in info.class_names]
            for a in info.class_names
        ],
        hovertemplate=(
            "dense <b>%{customdata[2]}</b><br>variant <b>%{customdata[3]}</b>"
            "<br>%{z} PIEs<extra></extra>"
        ),
        colorbar={"title": {"text": "PIEs"}, "thickness": 14, "outlinewidth": 0, "tickformat":
                  ",d", "lenmode": "pixels", "len": max(min(cell * n, 300), 100), "y": 1,
                  "yanchor": "top", "dtick": max(-(-int(info.counts.max()) // 5), 1)},
    )  # fmt: skip
    figure = go.Figure(with_letters(cells) if n <= 20 else cells)
    axis = {"tickvals": list(range(n)), "ticktext": names, "showgrid": False, "zeroline": False}
    figure.update_xaxes(tickangle=-90, range=[-0.5, n - 0.5], **axis)
    if n > 20:
        figure.update_xaxes(tickfont={"size": 10})
        figure.update_yaxes(tickfont={"size": 10})
    words = layout.Words(title, x, y, _subtitle(info, len(class_names)), note)
    return layout.compose(
        figure,
        words,
        plot_height=max(cell * n, 120),
        rows=names,
        bottom_labels=layout.text_width(names) + 14,
    )


def _subtitle(info: ConfusionFlowInfo, n_classes: int) -> str:
    shown = len(info.class_ids)
    text = f"{info.n_pies:,} PIEs."
    if shown < n_classes:
        text += f" {shown:,} of {n_classes:,} classes shown"
        if info.n_outside:
            text += f", those of the largest flows; {info.n_outside:,} PIEs lie outside"
        else:
            text += ", all that have any"
        text += "."
    return text
