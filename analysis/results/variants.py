"""The tables of one variant, each computed once."""

from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results.source import Source
from analysis.stats.accuracy import calibration_error, top_k
from analysis.stats.attributes import HalfPies
from analysis.stats.breaking import breaking_point
from analysis.stats.classes import ClassRecall, class_recall, class_table
from analysis.stats.difficulty import vote_entropy
from analysis.stats.flips import Flips, flips
from analysis.stats.intensification import intensification
from analysis.stats.mcnemar import class_flips
from analysis.stats.modal import FloatArray, IntArray, Modal, modal
from analysis.stats.noise import SPLITS, NoiseFloor, half_population_frequency, noise_floor
from analysis.stats.pairing import paired_rows
from analysis.stats.pie import image_table
from analysis.stats.stability import pie_stability
from analysis.stats.summary import VariantResults, summary_row
from analysis.store import Population

T = TypeVar("T")


class VariantTables:
    """What is computed of single variants, kept once it is there."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: dict[tuple[str, str], Any] = {}

    def _once(self, what: str, variant_id: str, compute: Callable[[], T]) -> T:
        key = (what, variant_id)
        if key not in self._kept:
            self._kept[key] = compute()
        found: T = self._kept[key]
        return found

    # --- the dense population -----------------------------------------------------------------
    @cached_property
    def dense_modal(self) -> Modal:
        """Modal labels of the dense runs."""
        dense = self._source.population(DENSE_ID)
        return modal(dense.prediction, dense[schema.CONFIDENCE], ties=self._source.ties)

    @cached_property
    def floor(self) -> NoiseFloor | None:
        """The noise floor; None with a single dense run."""
        dense = self._source.population(DENSE_ID)
        return noise_floor(
            dense.prediction, dense[schema.CONFIDENCE], self._source.label, ties=self._source.ties
        )

    @cached_property
    def entropy(self) -> FloatArray:
        """Vote entropy of the dense runs in nats, shape (N,)."""
        return vote_entropy(self._source.population(DENSE_ID).prediction)

    # --- tables -------------------------------------------------------------------------------
    def runs(self, variant_id: str) -> pd.DataFrame:
        """One row a run."""
        return self._once("runs", variant_id, lambda: self._make_runs(variant_id))

    def pies(self, variant_id: str) -> pd.DataFrame:
        """One row an image: votes, PIE and kind."""
        source = self._source
        return self._once(
            "pies",
            variant_id,
            lambda: image_table(
                variant_id,
                source.label,
                source.population(DENSE_ID).columns,
                source.population(variant_id).columns,
                ties=source.ties,
                dense_modal=self.dense_modal,
            ),
        )

    def images(self, variant_id: str, columns: Iterable[str] | None = None) -> pd.DataFrame:
        """One row an image, with the columns asked for (all by default); no others are computed."""
        wanted = [
            name
            for name in schema.IMAGES_COLUMNS
            if columns is None or name in (schema.VARIANT_ID, schema.IMAGE_ID, *columns)
        ]
        frame = self.pies(variant_id)
        more: dict[str, Any] = {}
        for names, compute in (
            (schema.DIFFICULTY_COLUMNS, self._difficulty),
            (schema.PAIRED_COLUMNS, self._paired_columns),
            ((schema.BREAKING_POINT,), self._breaking_point),
        ):
            if set(names) & set(wanted):
                more |= self._once(names[0], variant_id, partial(compute, variant_id))
        return frame.assign(**more)[wanted]

    def classes(self, variant_id: str) -> pd.DataFrame:
        """One row a class."""
        return self._once("classes", variant_id, lambda: self._make_classes(variant_id))

    def summary(self, variant_id: str) -> dict[str, Any]:
        """The variant's row of the summary."""
        return self._once(
            "summary",
            variant_id,
            lambda: summary_row(
                variant_id, self.runs(variant_id), self._results(variant_id), self.floor
            ),
        )

    def stability(self, variant_id: str, n_resamples: int) -> pd.DataFrame:
        """One row an image: in which share of the resamples of the seeds it is a PIE."""
        frame = self.pies(variant_id)[[schema.VARIANT_ID, schema.IMAGE_ID, schema.LABEL, "is_pie"]]
        dense, variant = self._both(variant_id)
        return frame.assign(
            stability=pie_stability(
                _votes(dense),
                _votes(variant),
                dense_seeds=dense.seeds,
                variant_seeds=variant.seeds,
                paired=self._source.is_paired(variant_id),
                ties=self._source.ties,
                n_resamples=n_resamples,
            )
        )

    def half_pies(self, variant_id: str) -> HalfPies | None:
        """PIEs of halves beside A/A PIEs, for what is said of sets of images; None without."""
        frequency, floor = self.half_frequency(variant_id), self.floor
        if frequency is None or floor is None:
            return None
        counts = [np.rint(f * SPLITS).astype(np.int64) for f in (frequency, floor.frequency)]
        return HalfPies(floor.sample, *counts)

    def half_frequency(self, variant_id: str) -> FloatArray | None:
        """How often each sampled image is a PIE of a variant half, (n,)."""
        dense, variant = self._both(variant_id)
        return self._once(
            "half",
            variant_id,
            lambda: half_population_frequency(
                _votes(dense),
                _votes(variant),
                dense_seeds=dense.seeds,
                variant_seeds=variant.seeds,
                paired=self._source.is_paired(variant_id),
                ties=self._source.ties,
            ),
        )

    # --- how ----------------------------------------------------------------------------------
    def _both(self, variant_id: str) -> tuple[Population, Population]:
        return self._source.population(DENSE_ID), self._source.population(variant_id)

    def _recall(self, variant_id: str) -> ClassRecall:
        population = self._source.population(variant_id)
        return self._once(
            "recall",
            variant_id,
            lambda: class_recall(
                population.prediction,
                self._source.label,
                len(self._source.class_names),
                population.seeds,
            ),
        )

    def _flips(self, variant_id: str) -> Flips:
        source = self._source
        dense, variant = self._both(variant_id)
        pairs = paired_rows(dense.seeds, variant.seeds, paired=source.is_paired(variant_id))
        return self._once(
            "flips",
            variant_id,
            lambda: flips(source.correct(DENSE_ID), source.correct(variant_id), pairs),
        )

    def _difficulty(self, _: str) -> dict[str, FloatArray]:
        means = (self._source.mean_of(DENSE_ID, c) for c in (schema.TRUE_CONFIDENCE, schema.EL2N))
        return dict(zip(schema.DIFFICULTY_COLUMNS, (self.entropy, *means), strict=True))

    def _paired_columns(self, variant_id: str) -> dict[str, FloatArray]:
        found = self._flips(variant_id)
        kl = self._source.mean_of(variant_id, schema.KL_FROM_DENSE)
        return dict(zip(schema.PAIRED_COLUMNS, (found.to_wrong, found.to_right, kl), strict=True))

    def _breaking_point(self, variant_id: str) -> dict[str, FloatArray]:
        manifest = self._source.manifest
        method = manifest.variant(variant_id).method
        of_method = [manifest.variant(v) for v in self._source.compressed_ids]
        levels = {
            record.variant_id: record.target_sparsity
            for record in of_method
            if record.method == method and record.target_sparsity is not None
        }
        if not levels:
            return {schema.BREAKING_POINT: np.full(len(self._source.label), np.nan)}
        pies = np.stack([self.pies(v)["is_pie"].to_numpy() for v in levels])
        return {schema.BREAKING_POINT: breaking_point(list(levels.values()), pies)}

    def _make_runs(self, variant_id: str) -> pd.DataFrame:
        source = self._source
        population = source.population(variant_id)
        variant, correct = source.manifest.variant(variant_id), source.correct(variant_id)
        records = [source.manifest.run(variant_id, seed) for seed in population.seeds]
        return pd.DataFrame(
            {
                schema.VARIANT_ID: variant_id,
                schema.METHOD: variant.method,
                schema.TARGET_SPARSITY: variant.target_sparsity,
                schema.SPARSITY: [r.sparsity for r in records],
                "weight_bits": [r.weight_bits for r in records],
                "size_bytes": [r.size_bytes for r in records],
                schema.SEED: population.seeds,
                "top1": correct.mean(axis=1),
                "top5": top_k(population[schema.TRUE_RANK], 5),
                "ece": calibration_error(population[schema.CONFIDENCE], correct),
                "latency_ms": [r.latency_ms for r in records],
                "compute_dtype": [r.compute_dtype for r in records],
            },
            columns=list(schema.RUNS_COLUMNS),
        )

    def _make_classes(self, variant_id: str) -> pd.DataFrame:
        source = self._source
        dense, variant = self._recall(DENSE_ID), self._recall(variant_id)
        single = len(dense.recall) == len(variant.recall) == 1
        return class_table(
            variant_id,
            source.class_names,
            source.class_sizes,
            dense,
            variant,
            is_paired=source.is_paired(variant_id),
            flips=class_flips(
                source.correct(DENSE_ID)[0],
                source.correct(variant_id)[0],
                source.label,
                len(source.class_names),
            )
            if single
            else None,
        )

    def _results(self, variant_id: str) -> VariantResults | None:
        if variant_id == DENSE_ID:
            return None
        paired = self._source.is_paired(variant_id)
        # Where nothing is paired the column is null; reading it would cost as much as the votes.
        kl = self._source.mean_of(variant_id, schema.KL_FROM_DENSE) if paired else np.empty(0)
        known = kl[~np.isnan(kl)]
        return VariantResults(
            images=self.pies(variant_id),
            classes=self.classes(variant_id),
            half_frequency=self.half_frequency(variant_id),
            paired=paired,
            entropy=self.entropy,
            flips=self._flips(variant_id),
            intensification=intensification(
                self._recall(DENSE_ID), self._recall(variant_id), paired=paired
            ),
            kl_from_dense=float(known.mean()) if len(known) else None,
        )


def _votes(population: Population) -> tuple[IntArray, FloatArray]:
    return population.prediction, population[schema.CONFIDENCE]
