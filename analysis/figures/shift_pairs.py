"""Pairs of single models under shifts: on how many images each is right."""

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout
from analysis.figures.shift_grid import ALPHA, ShiftGrid, shift_heatmap, spread

CLEAN = "clean"


def shift_pairs_info(table: pd.DataFrame, clean: pd.DataFrame) -> ShiftGrid:
    """Spread the changes of accuracy of pairs of single models to shift x variant.

    Parameters
    ----------
    table : DataFrame
        The shift-pairs table.
    clean : DataFrame
        The pairs table: the test images as they are, as a first row ``clean`` without q.
    """
    first = clean[clean[schema.VARIANT_ID].isin(table[schema.VARIANT_ID])]
    rows = pd.concat([first.assign(**{schema.SHIFT: CLEAN}), table], ignore_index=True)
    return spread(rows, ("top1_delta", "top1", "dense_top1", "mcnemar_p", "mcnemar_q"))


def shift_pairs_heatmap(table: pd.DataFrame, clean: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw shift x variant: top-1 accuracy minus that of dense, of one model each.

    Marks as in :func:`robustness_heatmap`, of McNemar's exact test over images. The first row are
    the test images as they are.

    Parameters
    ----------
    table : DataFrame
        The shift-pairs table.
    clean : DataFrame
        The pairs table.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every cell begins with shift and variant as they are in the data.
    """
    title = "Top-1 accuracy under shifts, minus that of dense"
    if table.empty:
        words = layout.Words(title, "Variant", "", "", note)
        return layout.empty(words, "Nothing to show: no pair of single models has runs on a shift.")
    info = shift_pairs_info(table, clean)
    tested = table[table["mcnemar_p"] <= ALPHA]
    at_q = table[table["mcnemar_q"] <= ALPHA]
    subtitle = (
        f"One model each, compared image by image. Of {len(table):,} cells {len(tested):,} are at "
        f"McNemar's p ≤ {ALPHA}; at q ≤ {ALPHA} fewer images are right in "
        f"{int((at_q['top1_delta'] < 0).sum()):,} and more in "
        f"{int((at_q['top1_delta'] > 0).sum()):,}."
    )
    hover = "right on %{customdata[4]:.1%}, dense on %{customdata[5]:.1%}"
    return shift_heatmap(info, layout.Words(title, "Variant", "", subtitle, note), hover)
