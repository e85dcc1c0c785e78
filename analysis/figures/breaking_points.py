"""Breaking points: the smallest sparsity from which on images are PIEs."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme

_TITLE = "Breaking points of the images"
_X, _Y = "Target sparsity of the breaking point", "Images"


@dataclass(frozen=True)
class BreakingPointsInfo:
    """Counts: one row a method and level, ``method breaking_point n``; ``n_never`` by method."""

    counts: pd.DataFrame
    n_never: dict[str, int]
    n_images: int


def breaking_points_info(images: pd.DataFrame) -> BreakingPointsInfo:
    """Count the images of each method by breaking point.

    Parameters
    ----------
    images : DataFrame
        ``method image_id breaking_point``, a row an image and method.
    """
    known = images[images[schema.BREAKING_POINT].notna()]
    counts = known.groupby([schema.METHOD, schema.BREAKING_POINT], sort=True).size()
    never = images[schema.BREAKING_POINT].isna().groupby(images[schema.METHOD]).sum()
    sizes = images.groupby(schema.METHOD).size()
    return BreakingPointsInfo(
        counts.rename("n").reset_index(),
        {str(method): int(n) for method, n in never.items()},
        int(sizes.max()) if len(sizes) else 0,
    )


def breaking_points(images: pd.DataFrame, *, note: str = "") -> go.Figure:
    """Draw the number of images that break at each sparsity: PIEs there and at all larger ones.

    Parameters
    ----------
    images : DataFrame
        One row an image and pruning method: ``method`` and ``breaking_point``, null where the image
        is no PIE at the largest sparsity.
    note : str
        Footnote, plain text.
    """
    info = breaking_points_info(images)
    if info.counts.empty:
        reason = "No image has a breaking point: none is a PIE at the largest sparsity of a method."
        return layout.empty(layout.Words(_TITLE, _X, _Y, "", note), reason)
    levels = sorted(info.counts[schema.BREAKING_POINT].unique())
    places = {level: place for place, level in enumerate(levels)}
    figure = go.Figure()
    for method, part in info.counts.groupby(schema.METHOD, sort=False):
        color = theme.method_color(str(method))
        figure.add_bar(
            x=[places[level] for level in part[schema.BREAKING_POINT]], y=part["n"],
            name=layout.short(method, 40), text=[f"{n:,}" for n in part["n"]],
            textposition="outside", cliponaxis=False,
            customdata=[[method, level] for level in part[schema.BREAKING_POINT]],
            hovertemplate="%{y:,} images break at %{customdata[1]:.1%}<extra></extra>",
            marker={"color": theme.faded(color, 0.75), "line": {"color": color, "width": 1}},
        )  # fmt: skip
    figure.update_layout(barmode="group", bargap=0.35)
    figure.update_xaxes(
        tickvals=list(places.values()), ticktext=[f"{100 * level:g} %" for level in levels]
    )
    figure.update_yaxes(rangemode="tozero", tickformat=",d")
    never = "; ".join(
        f"{method}: {n:,} of {info.n_images:,} never" for method, n in info.n_never.items()
    )
    subtitle = (
        "The smallest sparsity from which on an image is a PIE at every larger one tested. "
        f"Seed noise breaks images too. {never}."
    )
    return layout.compose(figure, layout.Words(_TITLE, _X, _Y, subtitle, note), plot_height=260)
