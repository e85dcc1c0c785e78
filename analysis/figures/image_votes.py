"""One image: votes of the runs of every variant, and the confidence of each run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme
from analysis.figures.cells import with_letters
from analysis.presentation.formatting import class_name

LARGEST = 12
_TITLE = "Votes of every variant"
_CONFIDENCE = "Confidence of every run"
_X = "Class the runs predict"


@dataclass(frozen=True)
class ImageVotesInfo:
    """Votes [variants, classes] and their share; ``n_others`` classes are left out."""

    variant_ids: tuple[str, ...]
    class_ids: tuple[int, ...]
    votes: npt.NDArray[np.int64]
    n_runs: npt.NDArray[np.int64]
    n_others: int


def image_votes_info(runs: pd.DataFrame, label: int) -> ImageVotesInfo:
    """Count the votes on one image: the true class first, then those with the most votes.

    Parameters
    ----------
    runs : DataFrame
        What every run predicts of one image, a row a run.
    label : int
        True class id of the image.
    """
    variants = tuple(runs[schema.VARIANT_ID].unique())
    counted = runs.groupby(schema.PREDICTION).size().sort_index()
    others = counted.drop(label, errors="ignore").sort_values(ascending=False, kind="stable")
    class_ids = (label, *(int(c) for c in others.index[: LARGEST - 1]))
    table = (
        runs.groupby([schema.VARIANT_ID, schema.PREDICTION])
        .size()
        .unstack(fill_value=0)
        .reindex(index=list(variants), columns=list(class_ids), fill_value=0)
    )
    n_runs = runs.groupby(schema.VARIANT_ID).size().reindex(list(variants))
    n_others = max(len(others) - (LARGEST - 1), 0)
    return ImageVotesInfo(variants, class_ids, table.to_numpy(), n_runs.to_numpy(), n_others)


def image_votes(
    runs: pd.DataFrame, *, label: int, class_names: Sequence[str], note: str = ""
) -> go.Figure:
    """Draw the share of each variant's runs that predict a class, the true class first.

    Parameters
    ----------
    runs : DataFrame
        What every run says of the image: ``variant_id seed prediction``.
    label : int
        The image's true class.
    class_names : sequence of str
        Class names in order of class id.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of every cell is variant and class name.
    """
    info = image_votes_info(runs, label)
    names = [class_name(class_names, c) for c in info.class_ids]
    shown = [layout.short(name) for name in names]
    shown[0] = f"✓ {shown[0]}"
    share = info.votes / info.n_runs[:, None]
    rows = [layout.short(v, 32) for v in info.variant_ids]
    cells = go.Heatmap(
        z=np.where(info.votes > 0, share, np.nan), zmin=0, zmax=1, xgap=2, ygap=2, name="",
        hoverongaps=False, showscale=False, colorscale=theme.SEQUENTIAL,
        text=[
            [f"{v} of {n}" if v else "" for v in row]
            for row, n in zip(info.votes.tolist(), info.n_runs.tolist(), strict=True)
        ],
        texttemplate="%{text}",
        customdata=[
            [[v, name, layout.escape(v), layout.escape(name)] for name in names]
            for v in info.variant_ids
        ],
        hovertemplate=(
            "<b>%{customdata[2]}</b><br>%{customdata[3]}: %{text} runs<extra></extra>"
        ),
    )  # fmt: skip
    figure = go.Figure(with_letters(cells))
    figure.update_xaxes(
        tickvals=list(range(len(names))), ticktext=shown, showgrid=False, zeroline=False,
        range=[-0.5, len(names) - 0.5], tickangle=-90 if len(names) > 4 else 0,
    )  # fmt: skip
    subtitle = "✓ marks the true class."
    if info.n_others:
        subtitle += f" {info.n_others:,} more classes have votes and are not shown."
    words = layout.Words(_TITLE, _X, "", subtitle, note)
    below = layout.text_width(shown) + 14 if len(names) > 4 else 24
    height = max(30 * len(rows), 90)
    return layout.compose(figure, words, plot_height=height, rows=rows, bottom_labels=below)


def image_confidence(
    runs: pd.DataFrame, *, class_names: Sequence[str], note: str = ""
) -> go.Figure:
    """Draw the confidence of every run in its prediction, right and wrong ones apart.

    Parameters
    ----------
    runs : DataFrame
        What every run says of the image: ``variant_id seed prediction confidence correct``.
    class_names : sequence of str
        Class names in order of class id.
    note : str
        Footnote, plain text.
    """
    known = runs[runs[schema.CONFIDENCE].notna()]
    words = layout.Words(_CONFIDENCE, "Softmax probability of the predicted class", "", "", note)
    if known.empty:
        return layout.empty(words, "No confidence is known of any run.")
    variants = list(known[schema.VARIANT_ID].unique())
    figure = go.Figure()
    for is_right, name, color, symbol, lift in (
        (True, "right", theme.BLUE, "circle", -0.14),
        (False, "wrong", theme.VERMILLION, "x-thin-open", 0.14),
    ):
        part = known[known["correct"] == is_right]
        places = part[schema.VARIANT_ID].map(variants.index).astype(float) + lift
        data: list[list[Any]] = [
            [variant, name, int(seed), layout.escape(name)]
            for variant, seed, name in zip(
                part[schema.VARIANT_ID],
                part[schema.SEED],
                (class_name(class_names, c) for c in part[schema.PREDICTION]),
                strict=True,
            )
        ]
        figure.add_scatter(
            x=part[schema.CONFIDENCE], y=places, mode="markers", name=name, customdata=data,
            marker={"color": color, "symbol": symbol, "size": 9, "opacity": 0.75,
                    "line": {"width": 2, "color": color}},
            hovertemplate="seed %{customdata[2]}: <b>%{customdata[3]}</b>, %{x:.3f}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(range=[-0.02, 1.02])
    rows = [layout.short(v, 32) for v in variants]
    return layout.compose(figure, words, plot_height=max(30 * len(rows), 90), rows=rows)
