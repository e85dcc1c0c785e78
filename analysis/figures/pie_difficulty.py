"""How hard PIEs are for the dense runs, beside the A/A PIEs of the dense halves."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import labels, layout, theme

_TITLE = "How hard PIEs are for the dense runs"
_SETS = {
    "PIEs of halves": ("half_pies", "circle", theme.VERMILLION, -0.18),
    "A/A PIEs": ("aa_pies", "x-thin-open", theme.GREY, 0.0),
    "non-PIEs": ("non_pies", "square-open", theme.BLUE, 0.18),
}


@dataclass(frozen=True)
class PieDifficultyInfo:
    """One row a variant: ``top1_*`` 0..1 and ``entropy_*`` in nats of the dense runs, by set."""

    rows: pd.DataFrame


def pie_difficulty_info(summary: pd.DataFrame) -> PieDifficultyInfo:
    """Collect the variants whose PIEs of halves and A/A PIEs can be held against each other."""
    variants = summary[summary[schema.VARIANT_ID] != "dense"]
    rows = pd.DataFrame({schema.VARIANT_ID: variants[schema.VARIANT_ID]})
    for name, _, _, _ in _SETS.values():
        for quantity in ("top1", "entropy"):
            rows[f"{quantity}_{name}"] = pd.to_numeric(variants[f"dense_{quantity}_on_{name}"])
    known = rows["top1_half_pies"].notna() & rows["top1_aa_pies"].notna()
    return PieDifficultyInfo(rows[known].reset_index(drop=True))


def pie_difficulty(summary: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw accuracy and vote entropy of the dense runs on PIEs, A/A PIEs and non-PIEs by variant.

    Like for like: PIEs of a variant half against a dense half, and of two dense halves. Any images
    chosen by disagreement are hard, so only the distance between the two says something of
    compression.

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
            "Nothing to hold against A/A PIEs: that takes at least two dense runs, and a "
            "compressed variant with as many runs as half of them and a PIE."
        )
        return layout.empty(layout.Words(_TITLE, x, "", "", note), reason)
    names = [labels.short(name, 32) for name in rows[schema.VARIANT_ID]]
    figure = go.Figure()
    for title, (name, symbol, color, offset) in _SETS.items():
        for quantity, panel, written in (
            ("top1", "x", "%{x:.2%}"), ("entropy", "x2", "%{x:.3f} nats")
        ):  # fmt: skip
            figure.add_scatter(
                x=rows[f"{quantity}_{name}"], y=rows.index + offset, mode="markers", name=title,
                xaxis=panel, showlegend=panel == "x", legendgroup=title,
                customdata=[[v, labels.escape(v)] for v in rows[schema.VARIANT_ID]],
                hovertemplate=f"<b>%{{customdata[1]}}</b><br>{written}<extra>{title}</extra>",
                marker={"color": color, "symbol": symbol, "size": 10,
                        "line": {"width": 2, "color": color}},
            )  # fmt: skip
    figure.update_layout(
        xaxis={"domain": [0, 0.48], "tickformat": ".3~%", "zeroline": False},
        xaxis2={"domain": [0.54, 1], "anchor": "y", "zeroline": False,
                "title": {"text": "Entropy of the dense votes (nats)"}},
    )  # fmt: skip
    words = layout.Words(_TITLE, x, "", _subtitle(rows), note)
    return layout.compose(figure, words, plot_height=max(52 * len(names), 110), rows=names)


def _subtitle(rows: pd.DataFrame) -> str:
    harder = int((rows["top1_half_pies"] < rows["top1_aa_pies"]).sum())
    easier = int((rows["top1_half_pies"] > rows["top1_aa_pies"]).sum())
    return (
        f"Any images chosen by disagreement are hard. Of {len(rows)} variants the PIEs are harder "
        f"than those of seeds alone (×) in {harder} and easier in {easier}, by accuracy; no test."
    )
