"""Tables of the classes of single variants, and what of the summary rests on classes."""

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
from analysis.stats.splits import columns_of
from analysis.stats.two_way import Changes, changes
from analysis.stats.votes import FloatArray, IntArray


class ClassTables:
    """What is computed of the classes of single variants, kept once it is there."""

    def __init__(self, source: Source, kept: ResultCache) -> None:
        self._source = source
        self._kept = kept

    def classes(self, variant_id: str) -> pd.DataFrame:
        """One row a class."""
        return self._kept.shelved("classes", variant_id, lambda: self._make_classes(variant_id))

    def class_runs(self, variant_id: str) -> pd.DataFrame:
        """One row a run and class, ``seed class_id recall``; NaN without test images."""

        def compute() -> pd.DataFrame:
            found = self.recall(variant_id).recall
            seeds = self._source.population(variant_id).seeds
            n_runs, n_classes = found.shape
            return pd.DataFrame(
                {
                    schema.SEED: np.repeat(seeds, n_classes),
                    schema.CLASS_ID: np.tile(np.arange(n_classes), n_runs),
                    "recall": found.ravel(),
                }
            )

        return self._kept.shelved("class-runs", variant_id, compute)

    def recall(self, variant_id: str) -> ClassRecall:
        """Recall of every run in every class."""
        population = self._source.population(variant_id)
        return self._kept.once(
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
        return self._kept.once(
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
        """What the runs of dense and of the variant get right, image by image."""
        source = self._source
        return changes(
            source.correct(DENSE_ID),
            source.correct(variant_id),
            source.label,
            len(source.class_names),
            self.pairs(variant_id),
        )

    def pairs(self, variant_id: str) -> tuple[Rows, Rows] | None:
        """Rows of runs that equal seeds tie; None where nothing does."""
        if not self._source.is_paired(variant_id):
            return None
        source = self._source
        seeds = (source.population(v).seeds for v in (DENSE_ID, variant_id))
        return paired_rows(*seeds, paired=True)

    def _mean_train_counts(self) -> FloatArray | None:
        """Training images of each class, (C,); of a tail that is rotated the mean over seeds."""
        counts = self.train_counts(DENSE_ID)
        return None if counts is None else counts.mean(axis=0)

    def train_counts(self, variant_id: str) -> IntArray | None:
        """Training images of each class and run, [K, C]; None where they are not known."""
        seeds = self._source.population(variant_id).seeds
        return train_counts_by_seed(self._source.manifest, seeds)

    def long_tail(self, variant_id: str) -> LongTail | None:
        """Slope of the change of recall on training images; None where they are not known."""
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
