"""A sweep's results: the tables of the contract, computed from the cache on demand, each once."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import CacheError
from analysis.manifest import Manifest
from analysis.stats.accuracy import calibration_error, top_k
from analysis.stats.classes import ClassRecall, class_recall, class_table
from analysis.stats.curves import accuracy_on, curve_rows, curve_table
from analysis.stats.modal import Modal, TieRule, modal
from analysis.stats.noise import NoiseFloor, half_population_frequency, noise_floor
from analysis.stats.pie import image_table, sort_pies
from analysis.stats.summary import VariantResults, summary_row
from analysis.store import Cache, Population, SweepFolder

TABLES = ("runs", "images", "pies", "classes", "summary", "curves")
_VOTES = (schema.PREDICTION, schema.CONFIDENCE)


def load_sweep(
    name: str, *, cache: str | Path = "cache", ties: TieRule = "confidence"
) -> "SweepResults":
    """Open a sweep of the cache; nothing but its manifest is read until a table is asked for.

    Raises
    ------
    UserError
        There is no sweep of that name, or its manifest is damaged.
    """
    return SweepResults(Cache(cache).existing(name), ties=ties)


class SweepResults:
    """The results of one sweep under one tie rule.

    Variants count as soon as one of their runs is done; ``n_runs`` says how many there are.
    """

    def __init__(self, folder: SweepFolder, *, ties: TieRule = "confidence") -> None:
        self.folder = folder
        self.ties = ties
        self.manifest: Manifest = folder.manifest()
        self._populations: dict[str, Population] = {}
        self._images: dict[str, pd.DataFrame] = {}
        self._classes: dict[str, pd.DataFrame] = {}
        self._runs: dict[str, pd.DataFrame] = {}

    # --- what there is ----------------------------------------------------------------------
    @property
    def class_names(self) -> list[str]:
        """Class names in order of class id."""
        return self.manifest.class_names

    @cached_property
    def label(self) -> npt.NDArray[np.int32]:
        """True classes, shape (N,)."""
        return np.asarray(self.folder.read_images([schema.LABEL])[schema.LABEL].to_numpy())

    @property
    def variant_ids(self) -> list[str]:
        """Variants with at least one run done, dense first, in the order of the manifest."""
        return [
            v.variant_id for v in self.manifest.variants if self.manifest.done_seeds(v.variant_id)
        ]

    @property
    def compressed_ids(self) -> list[str]:
        """Variants besides dense, where the dense population has runs to hold them against."""
        ids = self.variant_ids
        return [v for v in ids if v != DENSE_ID] if DENSE_ID in ids else []

    def default_variant(self) -> str | None:
        """Name the most compressed pruned variant; without any, the last one."""
        ids = self.compressed_ids
        pruned = [v for v in ids if self.manifest.variant(v).target_sparsity]
        if pruned:
            return max(pruned, key=lambda v: self.manifest.variant(v).target_sparsity or 0)
        return ids[-1] if ids else None

    def population(self, variant_id: str) -> Population:
        """Return all runs of one variant: predictions, confidences and ranks, [K, N].

        Raises
        ------
        CacheError
            There is no such variant, none of its runs is done, or a file is missing or damaged.
        """
        if variant_id not in self._populations:
            self.manifest.variant(variant_id)
            seeds = self.manifest.done_seeds(variant_id)
            if not seeds:
                raise CacheError(f"sweep '{self.folder.name}' has no run of '{variant_id}' yet")
            self._populations[variant_id] = self.folder.read_population(
                variant_id, (*_VOTES, schema.TRUE_RANK), seeds, len(self.label)
            )
        return self._populations[variant_id]

    # --- the tables -------------------------------------------------------------------------
    def runs(self) -> pd.DataFrame:
        """One row a run, dense included: accuracy, calibration error, size and latency."""
        return _stack([self._runs_of(v) for v in self.variant_ids], schema.RUNS_COLUMNS)

    def images(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row an image (and variant, where none is named): modal labels, PIE, kind, votes."""
        return _stack([self._images_of(v) for v in self._asked(variant_id)], schema.IMAGES_COLUMNS)

    def pies(self, variant_id: str | None = None) -> pd.DataFrame:
        """Return the PIEs of ``images``, by falling vote distance within a variant."""
        frames = [sort_pies(self._images_of(v)) for v in self._asked(variant_id)]
        return _stack(frames, schema.IMAGES_COLUMNS)

    def classes(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a class (and variant): recall deltas, Welch's t, p, q and intervals."""
        frames = [self._classes_of(v) for v in self._asked(variant_id)]
        return _stack(frames, schema.CLASSES_COLUMNS)

    def summary(self) -> pd.DataFrame:
        """One row a variant, dense first."""
        return pd.DataFrame(self._summary_rows, columns=list(schema.SUMMARY_COLUMNS))

    def curves(self) -> pd.DataFrame:
        """One row a variant and metric, with 95 % intervals over runs."""
        rows = []
        for summary in self._summary_rows:
            variant_id = summary[schema.VARIANT_ID]
            runs = self._runs_of(variant_id)
            if variant_id == DENSE_ID:
                agreement = float(self._dense_modal.agreement.mean())
                rows.extend(curve_rows(summary, runs, agreement=agreement))
                continue
            images = self._images_of(variant_id)
            correct, pie = self._correct(variant_id), images["is_pie"].to_numpy()
            rows.extend(
                curve_rows(
                    summary,
                    runs,
                    agreement=float(images["agreement"].mean()),
                    on_pies=accuracy_on(correct, pie),
                    on_non_pies=accuracy_on(correct, ~pie),
                )
            )
        return curve_table(rows)

    def table(self, name: str, variant_id: str | None = None) -> pd.DataFrame:
        """Return a table by its name in the contract; ``variant_id`` keeps one variant's rows.

        Raises
        ------
        CacheError
            The sweep has no such variant.
        """
        if name in ("images", "pies", "classes"):
            tables = {"images": self.images, "pies": self.pies, "classes": self.classes}
            return tables[name](variant_id)
        whole = {"runs": self.runs, "summary": self.summary, "curves": self.curves}[name]()
        if variant_id is None:
            return whole
        record = self.manifest.variant(variant_id)
        if schema.VARIANT_ID in whole:
            return whole[whole[schema.VARIANT_ID] == variant_id].reset_index(drop=True)
        same_level = (
            whole[schema.TARGET_SPARSITY].isna()
            if record.target_sparsity is None
            else whole[schema.TARGET_SPARSITY] == record.target_sparsity
        )
        kept = whole[(whole[schema.METHOD] == record.method) & same_level]
        return kept.reset_index(drop=True)

    def votes(self, image_id: int) -> pd.DataFrame:
        """Votes of every variant on one image: ``variant_id class_id votes share``, most first."""
        rows = []
        for variant_id in self.variant_ids:
            prediction = self.population(variant_id).prediction[:, image_id]
            classes, votes = np.unique(prediction, return_counts=True)
            for class_id, count in sorted(zip(classes, votes, strict=True), key=lambda v: -v[1]):
                rows.append((variant_id, int(class_id), int(count), count / len(prediction)))
        return pd.DataFrame(rows, columns=[schema.VARIANT_ID, schema.CLASS_ID, "votes", "share"])

    # --- one variant at a time, each computed once ------------------------------------------
    def _asked(self, variant_id: str | None) -> list[str]:
        if variant_id is None:
            return self.compressed_ids
        self.manifest.variant(variant_id)
        if variant_id == DENSE_ID:
            raise CacheError(
                "'dense' is what the other variants are held against and has no such table; "
                f"choose among {', '.join(self.compressed_ids) or 'none yet'}"
            )
        self.population(variant_id), self.population(DENSE_ID)
        return [variant_id]

    def _correct(self, variant_id: str) -> npt.NDArray[np.bool_]:
        return np.asarray(self.population(variant_id).prediction == self.label)

    @cached_property
    def _dense_modal(self) -> Modal:
        dense = self.population(DENSE_ID)
        return modal(dense.prediction, dense[schema.CONFIDENCE], ties=self.ties)

    @cached_property
    def _floor(self) -> NoiseFloor | None:
        dense = self.population(DENSE_ID)
        return noise_floor(dense.prediction, dense[schema.CONFIDENCE], self.label, ties=self.ties)

    @cached_property
    def _dense_recall(self) -> ClassRecall:
        return self._recall_of(DENSE_ID)

    def _recall_of(self, variant_id: str) -> ClassRecall:
        population = self.population(variant_id)
        return class_recall(
            population.prediction, self.label, len(self.class_names), population.seeds
        )

    def _images_of(self, variant_id: str) -> pd.DataFrame:
        if variant_id not in self._images:
            self._images[variant_id] = image_table(
                variant_id,
                self.label,
                self.population(DENSE_ID).columns,
                self.population(variant_id).columns,
                ties=self.ties,
                dense_modal=self._dense_modal,
            )
        return self._images[variant_id]

    def _classes_of(self, variant_id: str) -> pd.DataFrame:
        if variant_id not in self._classes:
            self._classes[variant_id] = class_table(
                variant_id,
                self.class_names,
                np.bincount(self.label, minlength=len(self.class_names)),
                self._dense_recall,
                self._recall_of(variant_id),
                is_paired=self.manifest.variant(variant_id).paired,
            )
        return self._classes[variant_id]

    def _runs_of(self, variant_id: str) -> pd.DataFrame:
        if variant_id not in self._runs:
            population = self.population(variant_id)
            variant = self.manifest.variant(variant_id)
            rank = population[schema.TRUE_RANK]
            records = [self.manifest.run(variant_id, seed) for seed in population.seeds]
            self._runs[variant_id] = pd.DataFrame(
                {
                    schema.VARIANT_ID: variant_id,
                    schema.METHOD: variant.method,
                    schema.TARGET_SPARSITY: variant.target_sparsity,
                    schema.SPARSITY: [r.sparsity for r in records],
                    "weight_bits": [r.weight_bits for r in records],
                    "size_bytes": [r.size_bytes for r in records],
                    schema.SEED: population.seeds,
                    "top1": self._correct(variant_id).mean(axis=1),
                    "top5": top_k(rank, 5),
                    "ece": calibration_error(
                        population[schema.CONFIDENCE], self._correct(variant_id)
                    ),
                    "latency_ms": [r.latency_ms for r in records],
                    "compute_dtype": [r.compute_dtype for r in records],
                },
                columns=list(schema.RUNS_COLUMNS),
            )
        return self._runs[variant_id]

    @cached_property
    def _summary_rows(self) -> list[dict[str, Any]]:
        if DENSE_ID not in self.variant_ids:
            return []
        return [
            summary_row(v, self._runs_of(v), self._results_of(v), self._floor)
            for v in self.variant_ids
        ]

    def _results_of(self, variant_id: str) -> VariantResults | None:
        if variant_id == DENSE_ID:
            return None
        dense, variant = self.population(DENSE_ID), self.population(variant_id)
        paired = self.manifest.variant(variant_id).paired
        frequency = half_population_frequency(
            (dense.prediction, dense[schema.CONFIDENCE]),
            (variant.prediction, variant[schema.CONFIDENCE]),
            dense_seeds=dense.seeds,
            variant_seeds=variant.seeds,
            paired=paired,
            ties=self.ties,
        )
        return VariantResults(
            self._images_of(variant_id), self._classes_of(variant_id), frequency, paired
        )


def _stack(frames: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    if not frames:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(frames, ignore_index=True)
