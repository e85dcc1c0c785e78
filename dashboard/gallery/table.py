"""The images of one page as rows: what the tiles say, and the numbers they are sorted by."""

from typing import Any

import numpy as np
import numpy.typing as npt

from analysis import schema
from analysis.presentation.formatting import NOTHING, class_name, percent
from analysis.stats.pie import KINDS
from dashboard import data
from dashboard.context import Context
from dashboard.gallery import fates, ranges, single, sorts
from dashboard.gallery.query import ImageIndex
from dashboard.gallery.range_keys import sort_of_range
from dashboard.gallery.sort_keys import Sort, sort_of

# Numbers that take the predictions of every run are shown at once where those are few.
_NUMBERS = ("dense_confidence", "confidence_lost", "kl", "margin", "breaking_point")
_DIGITS = {"stability": 2, "breaking_point": 3}
Ids = npt.NDArray[np.integer]


def rows(context: Context, index: ImageIndex, ids: Ids) -> dict[str, Any]:
    """Return the columns, and the cells of each image as text.

    Returns
    -------
    dict
        ``columns``: each with ``name label sort order number``, the last two empty where it cannot
        be sorted by or is not; ``rows``: a list of text an image.
    """
    columns = [
        *_said(context, index, ids),
        *_fates(context, ids),
        *_voted(context, index, ids),
        *_numbers(context, ids),
        *_tags(context, ids),
    ]
    selection = context.selection
    return {
        "columns": [
            {
                "name": name,
                "label": label,
                "sort": sort,
                "order": selection.order if sort and sort == selection.sort else "",
                "number": is_number,
            }
            for name, label, sort, is_number, _ in columns
        ],
        "rows": [list(cells) for cells in zip(*(one[-1] for one in columns), strict=True)],
    }


# Name, label, key of its sort, whether it is a number, and a text an image.
_Column = tuple[str, str, str, bool, list[str]]


def _said(context: Context, index: ImageIndex, ids: Ids) -> list[_Column]:
    names = context.results.class_names

    def named(labels: npt.NDArray[np.int32]) -> list[str]:
        return [class_name(names, one) for one in labels[ids]]

    kinds = [KINDS[code] if code >= 0 else "no PIE" for code in index.kind[ids]]
    ties = [", tied" if one else "" for one in index.tied[ids]]
    return [
        (schema.IMAGE_ID, "Image", "image_id", True, [str(one) for one in ids]),
        ("label", "True", "label", False, named(index.label)),
        ("dense", "Dense says", "", False, named(index.dense_label)),
        ("variant", "Variant says", "", False, named(index.variant_label)),
        ("kind", "Kind", "", False, [f"{a}{b}" for a, b in zip(kinds, ties, strict=True)]),
    ]


def _voted(context: Context, index: ImageIndex, ids: Ids) -> list[_Column]:
    if single.is_single(context):
        return []
    dense, variant = (one[ids] for one in (index.dense_agreement, index.agreement))
    pairs = [f"{percent(a, 0)} → {percent(b, 0)}" for a, b in zip(dense, variant, strict=True)]
    distances = [f"{one:.2f}" for one in index.distance[ids]]
    return [
        ("agreement", "Agreement", "agreement_drop", True, pairs),
        ("distance", "Vote distance", "vote_distance", True, distances),
    ]


def _numbers(context: Context, ids: Ids) -> list[_Column]:
    """Return the numbers that are known, and those the selection sorts or filters by."""
    keys = [sort_of(context.selection.sort).key]
    keys += [sort_of_range(one.column).key for one in context.selection.ranges]
    usual = _NUMBERS if ranges.is_small(context) else ()
    shown = {"image_id", "label", "agreement_drop", "vote_distance"}
    made: list[_Column] = []
    for key in dict.fromkeys([*usual, *keys]):
        sort = sort_of(key)
        values = None if key in shown else sorts.computed(context, sort)
        if values is not None and not np.isnan(np.asarray(values, np.float64)).all():
            cells = [_written(sort, float(values[one])) for one in ids]
            made.append((key, sort.label, key, True, cells))
    return made


def _written(sort: Sort, value: float) -> str:
    if np.isnan(value):
        return NOTHING
    return f"{value:.{_DIGITS.get(sort.key, 3)}f}".rstrip("0").rstrip(".")


def _fates(context: Context, ids: Ids) -> list[_Column]:
    """Return the column of the strips, which are drawn from the tiles."""
    is_known = fates.known(context) is not None
    return [("fates", "Fate by sparsity", "", False, [""] * len(ids))] if is_known else []


def _tags(context: Context, ids: Ids) -> list[_Column]:
    tags = data.marks(context.results.folder).tags
    if not tags:
        return []
    listed = [", ".join(tag for tag, tagged in tags.items() if one in tagged) for one in ids]
    return [("tags", "Tags", "", False, listed)]
