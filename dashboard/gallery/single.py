"""The gallery of one pair of single models (K = 1): confidence where populations have votes."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.presentation.formatting import percent
from analysis.stats.pairs import COLUMNS, SingleOrder, single_order
from dashboard import data
from dashboard.context import Context
from dashboard.gallery.sort_keys import SORTS

Values = npt.NDArray[np.float64]
MORE_RUNS = (
    "One run a variant: agreement, vote distance, vote entropy and PIE stability take two runs of "
    "dense and of the variant, better ten."
)
NO_FLOOR = (
    "One run a variant: noise floor, PIE excess and the count of classes impacted take two runs of "
    "dense and of the variant, better ten. McNemar's test of single models: see Classes."
)


def is_single(context: Context, variant_id: str | None = None) -> bool:
    """Whether dense and a variant, the chosen one by default, are one run each."""
    return context.manifest.is_single(variant_id or context.variant)


def settled(context: Context) -> Context:
    """Sort single models as :func:`single_order` says unless the address names another order."""
    selection = context.selection
    if selection.sort != "vote_distance" or not is_single(context):
        return context
    order, _ = ordering(context)
    # Dense confidence that no image has leaves the order of image ids, whichever way it is sorted.
    sort = "dense_confidence" if order == "image_id" else order
    return replace(context, selection=replace(selection, sort=sort))


def ordering(context: Context, variant_id: str | None = None) -> tuple[SingleOrder, Values]:
    """Return the column of the default order of images, and its N values."""
    variant = variant_id or context.variant
    columns = {name: data.image_values(context.results, variant, name) for name in COLUMNS}
    return single_order(pd.DataFrame(columns, copy=False))


def sorts(context: Context) -> tuple[str, ...]:
    """Name what can be sorted by."""
    if not is_single(context):
        return tuple(SORTS)
    chosen = context.selection.sort
    return tuple(key for key, one in SORTS.items() if key == chosen or not one.of_populations)


def true_confidences(context: Context) -> tuple[Values, Values]:
    """Return the mean confidence in the true class of dense and the variant, N values each."""
    dense, variant = (
        data.image_values(context.results, context.variant, name)
        for name in ("dense_true_confidence", "true_confidence")
    )
    return dense, variant


def confidence_lost(context: Context) -> Values:
    """Mean confidence in the true class that compression took away, 0..1, or added (negative)."""
    dense, variant = true_confidences(context)
    return dense - variant


def is_known(context: Context) -> bool:
    """Whether the predictions came with confidences in the true class."""
    return not np.isnan(confidence_lost(context)).all()


def confidence_words(context: Context, image_id: int, between: str = " → ") -> str:
    """Write the confidence of both models in the true class; empty where it is not known."""
    dense, variant = (float(values[image_id]) for values in true_confidences(context))
    if np.isnan(dense) or np.isnan(variant):
        return ""
    return f"{percent(dense, 0)}{between}{percent(variant, 0)}"
