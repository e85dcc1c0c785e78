"""Tables of classes: recall with its tests, the long tail, and the plan of seeds and images."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.datasets.rotation import train_counts_by_seed
from analysis.results.source import ResultCache, Source
from analysis.stats.classes import ClassRecall, class_recall, class_table
from analysis.stats.long_tail import LongTail, long_tail
from analysis.stats.pairs import Rows, class_flips, paired_rows
from analysis.stats.planning import (
    detectable_difference,
    detectable_paired,
    image_floor,
    seeds_needed,
)
from analysis.stats.splits import columns_of
from analysis.stats.two_way import Changes, changes, class_variances
from analysis.stats.votes import FloatArray, IntArray


class ClassTables:
    """Recalls, changes and training counts of the classes of single variants, computed once."""

    def __init__(self, source: Source, cache: ResultCache) -> None:
        self._source = source
        self._cache = cache

    def classes(self, variant_id: str) -> pd.DataFrame:
        """One row a class."""
        return self._cache.table("classes", variant_id, lambda: self._make_classes(variant_id))

    def class_runs(self, variant_id: str) -> pd.DataFrame:
        """One row a run and class, ``seed class_id recall``; NaN without test images."""

        def compute() -> pd.DataFrame:
            recall = self.recall(variant_id).recall
            seeds = self._source.population(variant_id).seeds
            n_runs, n_classes = recall.shape
            return pd.DataFrame(
                {
                    schema.SEED: np.repeat(seeds, n_classes),
                    schema.CLASS_ID: np.tile(np.arange(n_classes), n_runs),
                    "recall": recall.ravel(),
                }
            )

        return self._cache.table("class-runs", variant_id, compute)

    def recall(self, variant_id: str) -> ClassRecall:
        """Recall of every run in every class."""
        population = self._source.population(variant_id)
        return self._cache.once(
            "recall",
            variant_id,
            lambda: class_recall(
                population.prediction,
                self._source.label,
                len(self._source.class_names),
                population.seeds,
            ),
        )

    def recall_on(self, variant_id: str, images: npt.NDArray[np.intp]) -> ClassRecall:
        """Recall of every run in every class, on some of the images."""
        if len(images) == len(self._source.label):
            return self.recall(variant_id)
        population = self._source.population(variant_id)
        return self._cache.once(
            f"recall-{len(images)}",
            variant_id,
            lambda: class_recall(
                columns_of(population.prediction, images),
                self._source.label[images],
                len(self._source.class_names),
                population.seeds,
            ),
        )

    def _make_classes(self, variant_id: str) -> pd.DataFrame:
        source = self._source
        dense, variant = self.recall(DENSE_ID), self.recall(variant_id)
        of_dense, of_variant = source.correct(DENSE_ID), source.correct(variant_id)
        n_classes, pairs = len(source.class_names), self.pairs(variant_id)
        single = len(dense.recall) == len(variant.recall) == 1
        return class_table(
            variant_id,
            source.class_names,
            dense,
            variant,
            self.changes(variant_id),
            pairs=pairs,
            flips=class_flips(of_dense[0], of_variant[0], source.label, n_classes)
            if single
            else None,
            n_train=self._mean_train_counts(),
        )

    def changes(self, variant_id: str) -> Changes:
        """Compare the runs of dense and of the variant image by image: which are right."""
        source = self._source
        return changes(
            source.correct(DENSE_ID),
            source.correct(variant_id),
            source.label,
            len(source.class_names),
            self.pairs(variant_id),
        )

    def pairs(self, variant_id: str) -> tuple[Rows, Rows] | None:
        """Rows of the runs that equal seeds pair; None where the variant is not paired."""
        if not self._source.is_paired(variant_id):
            return None
        source = self._source
        seeds = (source.population(v).seeds for v in (DENSE_ID, variant_id))
        return paired_rows(*seeds, paired=True)

    def _mean_train_counts(self) -> FloatArray | None:
        """Training images of each class, (C,); the mean over seeds where the tail is rotated."""
        counts = self.train_counts(DENSE_ID)
        return None if counts is None else counts.mean(axis=0)

    def train_counts(self, variant_id: str) -> IntArray | None:
        """Training images of each class and run, [K, C]; None if unknown."""
        seeds = self._source.population(variant_id).seeds
        return train_counts_by_seed(self._source.manifest, seeds)

    def long_tail(self, variant_id: str) -> LongTail | None:
        """Slope of the change of recall on training images; None if unknown."""
        dense, variant = self.train_counts(DENSE_ID), self.train_counts(variant_id)
        if dense is None or variant is None:
            return None
        source = self._source
        return long_tail(
            source.correct(DENSE_ID),
            source.correct(variant_id),
            source.label,
            dense,
            variant,
            self.pairs(variant_id),
        )


class Plans:
    """Differences that the runs of a sweep can detect, and the runs that a difference takes."""

    def __init__(self, source: Source, classes: ClassTables) -> None:
        self._source = source
        self._classes = classes

    def table(self, variant_id: str, difference: float) -> pd.DataFrame:
        """One row for top-1 of all images, whose class is null, and one a class.

        Raises
        ------
        ValueError
            The difference is not larger than 0.
        """
        source, classes = self._source, self._classes
        pairs, changes = classes.pairs(variant_id), classes.changes(variant_id)
        dense, variant = classes.recall(DENSE_ID), classes.recall(variant_id)
        if pairs is not None:
            dense, variant = dense.rows(pairs[0]), variant.rows(pairs[1])
        is_paired = pairs is not None
        detectable, variance = _over_runs(dense, variant, is_paired=is_paired)
        floors = _floors(changes, dense, variant)
        n_images = np.array([len(source.label), *source.class_sizes])
        table = pd.DataFrame(
            {
                schema.VARIANT_ID: variant_id,
                schema.CLASS_ID: [np.nan, *range(len(source.class_names))],
                schema.CLASS_NAME: [None, *source.class_names],
                "n_images": n_images,
                "n_runs": len(variant.recall),
                "paired": is_paired,
                "detectable": detectable,
                "image_floor": floors,
                "difference": difference,
                "seeds_needed": seeds_needed(variance, difference, is_paired=is_paired),
                "images_needed": np.ceil(n_images * np.maximum(floors / difference, 1.0) ** 2),
            },
            columns=list(schema.PLAN_COLUMNS),
        )
        return table[table["n_images"] > 0].reset_index(drop=True)


def _over_runs(
    dense: ClassRecall, variant: ClassRecall, *, is_paired: bool
) -> tuple[FloatArray, FloatArray]:
    """Detectable difference, and the variance over runs of one difference; top-1 first."""
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
    """Smallest difference that any number of seeds detects on so many images; top-1 first."""
    n = len(changes.mean)
    overall = changes.mean.var(ddof=1) / n if n > 1 else np.nan
    parts = class_variances(changes, dense.shifted, variant.shifted)
    images = np.array([overall, *parts.images])
    both = np.array([changes.noise.sum() / n**2, *parts.both])
    return image_floor(images, both)
