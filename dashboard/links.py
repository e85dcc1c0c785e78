"""From a figure or a table into the gallery, with the filters of what was clicked."""

from collections.abc import Mapping
from typing import Any

from analysis import schema
from analysis.config import DENSE_ID
from dashboard import pages, state
from dashboard.context import Context
from dashboard.gallery.range_keys import Range
from dashboard.selection import Selection


def open_gallery(context: Context, **filters: Any) -> None:
    """Open the gallery of this sweep and variant with these filters and no others."""
    here = context.selection
    variant = {"variant": here.variant, "method": here.method, "sparsity": here.sparsity}
    if "variant" in filters:
        variant = {}
    selection = Selection(**{"sweep": here.sweep, "ties": here.ties, **variant, **filters})
    state.open_page(pages.page("gallery"), selection, context.default_variant)


Point = Mapping[str, Any]
# Ranges of the gallery that measure, over all dense runs, what a score does over a third of them.
_SCORE_RANGES = {"confidence": "dense_confidence", "entropy": "entropy"}


def open_variant(context: Context, point: Point) -> None:
    """Open the PIEs of the variant that a mark is of; dense has none."""
    _of_variant(context, str(point["customdata"][0]))


def open_kind(context: Context, point: Point) -> None:
    """Open the PIEs of a variant that are of one kind."""
    variant_id, kind = (str(one) for one in point["customdata"][:2])
    _of_variant(context, variant_id, kinds=(kind,))


def open_overlap(context: Context, point: Point) -> None:
    """Open the images that are PIEs of both variants of a cell."""
    one, other = (str(one) for one in point["customdata"][:2])
    _of_variant(context, one, **({} if one == other else {"pie_in": (other,)}))


def open_under_shift(context: Context, point: Point) -> None:
    """Open the PIEs of the variant of a cell, whose rows are shifts."""
    _of_variant(context, str(point["customdata"][1]))


def open_votes(context: Context, point: Point) -> None:
    """Open the images that the runs of a variant take for a class."""
    variant_id, name = (str(one) for one in point["customdata"][:2])
    if name not in context.results.class_names:
        return
    if variant_id == DENSE_ID:
        open_gallery(context, classes=(name,), class_of="dense", population="all")
    else:
        _of_variant(context, variant_id, becomes=(name,), population="all")


def open_on_curve(context: Context, point: Point) -> None:
    """Open the PIEs of the variant of a method that is nearest to a point's sparsity."""
    sparsity, method = float(point["customdata"][0]), str(point["customdata"][3])
    summary, ids = context.summary, context.results.compressed_ids
    ours = summary[summary[schema.VARIANT_ID].isin(ids) & (summary[schema.METHOD] == method)]
    if ours.empty:
        return
    target = ours[schema.TARGET_SPARSITY].astype(float)
    distance = (ours[schema.SPARSITY].astype(float).fillna(target) - sparsity).abs()
    nearest = ours[schema.VARIANT_ID].iloc[int(distance.fillna(0).to_numpy().argmin())]
    open_gallery(context, variant=str(nearest))


def open_breaking_point(context: Context, point: Point) -> None:
    """Open the images of a method that break at a sparsity."""
    method, level = str(point["customdata"][0]), float(point["customdata"][1])
    rungs = context.methods.get(method, ())
    if rungs:
        ranges = (Range("breaking_point", level, level),)
        open_gallery(context, variant=rungs[-1].variant_id, population="all", ranges=ranges)


def open_values(context: Context, column: str, point: Point, **filters: Any) -> None:
    """Open the PIEs among the images of a tenth of a number."""
    low, high = (float(one) for one in point["customdata"][:2])
    open_gallery(context, ranges=(Range(column, low, high),), **filters)


def open_forgotten(context: Context, _: Point) -> None:
    """Open the forgotten images of the variant that a page is of."""
    open_gallery(context, kinds=("forgotten",))


def open_score(context: Context, score: str, point: Point) -> None:
    """Open the PIEs among the images of a tenth of a score; all PIEs where no filter is of it."""
    if score in _SCORE_RANGES:
        open_values(context, _SCORE_RANGES[score], point)
    else:
        open_gallery(context)


def _of_variant(context: Context, variant_id: str, **filters: Any) -> None:
    if variant_id in context.results.compressed_ids:
        open_gallery(context, variant=variant_id, **filters)
