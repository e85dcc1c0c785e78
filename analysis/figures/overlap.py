"""Overlap of the PIE sets of every two variants."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme
from analysis.figures.cells import with_letters

_TITLE = "Overlap of the PIE sets"
_X = "Variant"


@dataclass(frozen=True)
class PieOverlapInfo:
    """Jaccard index and images in both sets, [V, V]; NaN where neither variant has a PIE."""

    variant_ids: tuple[str, ...]
    jaccard: npt.NDArray[np.float64]
    n_both: npt.NDArray[np.int64]


def pie_overlap_info(overlap: pd.DataFrame) -> PieOverlapInfo:
    """Pivot the overlap table to variant x variant, in order of appearance.

    Parameters
    ----------
    overlap : DataFrame
        The overlap table.
    """
    ids = list(dict.fromkeys(overlap[schema.VARIANT_ID]))

    def spread(column: str) -> npt.NDArray[np.float64]:
        wide = overlap.pivot(index=schema.VARIANT_ID, columns="other_variant_id", values=column)
        return np.asarray(wide.reindex(index=ids, columns=ids), np.float64)

    return PieOverlapInfo(tuple(ids), spread("jaccard"), spread("n_both").astype(np.int64))


def pie_overlap(overlap: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw the Jaccard index of the PIE sets of every two variants, 0..1.

    Parameters
    ----------
    overlap : DataFrame
        The overlap table.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every cell begins with the two variants.
    """
    if overlap[schema.VARIANT_ID].nunique() < 2:
        reason = "Nothing to compare: an overlap takes two compressed variants with runs."
        return layout.empty(layout.Words(_TITLE, _X, "", "", note), reason)
    info = pie_overlap_info(overlap)
    names = [layout.short(name, 32) for name in info.variant_ids]
    n = len(names)
    custom = [
        [
            [a, b, layout.escape(a), layout.escape(b), int(info.n_both[i, j])]
            for j, b in enumerate(info.variant_ids)
        ]
        for i, a in enumerate(info.variant_ids)
    ]
    cells = go.Heatmap(
        z=info.jaccard, customdata=custom, zmin=0, zmax=1, xgap=1, ygap=1, name="",
        colorscale=theme.SEQUENTIAL, hoverongaps=False, texttemplate="%{text}",
        text=[[_brief(share) for share in row] for row in info.jaccard],
        hovertemplate=(
            "<b>%{customdata[2]}</b> and <b>%{customdata[3]}</b><br>%{z:.2f}: "
            "%{customdata[4]:,} images are PIEs of both<extra></extra>"
        ),
        showscale=False,
    )  # fmt: skip
    figure = go.Figure(with_letters(cells))
    figure.update_xaxes(
        tickvals=list(range(n)), ticktext=names, tickangle=-90, range=[-0.5, n - 0.5],
        showgrid=False, zeroline=False,
    )  # fmt: skip
    subtitle = (
        "Jaccard index: images that are PIEs of both, as a share of those that are of either. Some "
        "overlap needs no common cause: the same images are hard for all."
    )
    return layout.compose(
        figure,
        layout.Words(_TITLE, _X, "", subtitle, note),
        plot_height=max(34 * n, 110),
        rows=names,
        bottom_labels=layout.text_width(names) + 14,
    )


def _brief(share: float) -> str:
    """Format a share briefly, for a cell of a narrow figure: .44, 1."""
    if np.isnan(share):
        return ""
    return f"{share:.2f}".removeprefix("0") if share < 0.995 else "1"
