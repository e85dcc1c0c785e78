"""How many seeds and images a difference takes, from the runs that are there."""

import numpy as np
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results.source import Source
from analysis.results.variants import VariantTables
from analysis.stats.classes import ClassRecall
from analysis.stats.planning import (
    detectable_difference,
    detectable_paired,
    image_floor,
    seeds_needed,
)
from analysis.stats.two_way import Changes, class_variances
from analysis.stats.votes import FloatArray


class Plans:
    """What the runs of a sweep say of planning more."""

    def __init__(self, source: Source, variants: VariantTables) -> None:
        self._source = source
        self._variants = variants

    def table(self, variant_id: str, difference: float) -> pd.DataFrame:
        """One row for top-1 of all images, whose class is null, and one a class.

        Raises
        ------
        ValueError
            The difference is not larger than 0.
        """
        source, classes = self._source, self._variants.of_classes
        pairs, changes = classes.pairs(variant_id), classes.changes(variant_id)
        dense, variant = classes.recall(DENSE_ID), classes.recall(variant_id)
        if pairs is not None:
            dense, variant = dense.rows(pairs[0]), variant.rows(pairs[1])
        is_paired = pairs is not None
        tells, variance = _over_runs(dense, variant, is_paired=is_paired)
        floors = _floors(changes, dense, variant)
        n_images = np.array([len(source.label), *source.class_sizes])
        found = pd.DataFrame(
            {
                schema.VARIANT_ID: variant_id,
                schema.CLASS_ID: [np.nan, *range(len(source.class_names))],
                schema.CLASS_NAME: [None, *source.class_names],
                "n_images": n_images,
                "n_runs": len(variant.recall),
                "paired": is_paired,
                "detectable": tells,
                "image_floor": floors,
                "difference": difference,
                "seeds_needed": seeds_needed(variance, difference, is_paired=is_paired),
                "images_needed": np.ceil(n_images * np.maximum(floors / difference, 1.0) ** 2),
            },
            columns=list(schema.PLAN_COLUMNS),
        )
        return found[found["n_images"] > 0].reset_index(drop=True)


def _over_runs(
    dense: ClassRecall, variant: ClassRecall, *, is_paired: bool
) -> tuple[FloatArray, FloatArray]:
    """What so many runs tell, and the variance over runs of one difference; top-1 first."""
    of_dense, of_variant = (
        np.column_stack([one.accuracy, one.shifted]) for one in (dense, variant)
    )
    k_dense, k_variant = len(of_dense), len(of_variant)
    if min(k_dense, k_variant) < 2:
        nothing = np.full(of_dense.shape[1], np.nan)
        return nothing, nothing
    if is_paired:
        variance = (of_variant - of_dense).var(axis=0, ddof=1)
        return detectable_paired(variance, k_dense), variance
    parts = of_variant.var(axis=0, ddof=1), of_dense.var(axis=0, ddof=1)
    return detectable_difference(parts[0], k_variant, parts[1], k_dense), parts[0] + parts[1]


def _floors(changes: Changes, dense: ClassRecall, variant: ClassRecall) -> FloatArray:
    """What no number of seeds tells on so many images; top-1 first."""
    n = len(changes.mean)
    overall = changes.mean.var(ddof=1) / n if n > 1 else np.nan
    parts = class_variances(changes, dense.shifted, variant.shifted)
    images = np.array([overall, *parts.images])
    both = np.array([changes.noise.sum() / n**2, *parts.both])
    return image_floor(images, both)
