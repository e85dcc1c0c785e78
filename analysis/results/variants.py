"""Tables of single variants: runs, PIEs, summary and curves; pairs of variants compared."""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results.class_tables import ClassTables
from analysis.results.frames import stack, typed
from analysis.results.source import ResultCache, Source
from analysis.stats.accuracy import calibration_error, top_k
from analysis.stats.attributes import HalfPies
from analysis.stats.curves import accuracy_on, curve_rows, curve_table
from analysis.stats.intensification import intensification
from analysis.stats.pairs import (
    Flips,
    SeedTie,
    flips,
    pair,
    paired_rows,
    seed_tie,
)
from analysis.stats.pie import image_table, pie_overlap
from analysis.stats.seed_noise import (
    NoiseFloor,
    aa_pies,
    half_population_frequency,
    noise_floor,
)
from analysis.stats.summary import VariantResults, summary_row
from analysis.stats.votes import BoolArray, FloatArray, IntArray, Modal, modal, vote_entropy
from analysis.store import Population

# Some seeds and images suffice to see a tie.
_TIE_SEEDS, _TIE_IMAGES = 4, 10_000
Accuracies = npt.NDArray[np.float64]


class VariantTables:
    """Tables of single variants, each computed once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.cache = ResultCache(source)
        self.of_classes = ClassTables(source, self.cache)

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
            dense.prediction,
            dense[schema.CONFIDENCE],
            self._source.label,
            ties=self._source.ties,
            n_splits=self._source.n_splits,
        )

    @cached_property
    def aa_pies(self) -> BoolArray | None:
        """Whether each image is an A/A PIE of one split of the dense runs, (N,)."""
        return aa_pies(*votes(self._source.population(DENSE_ID)), ties=self._source.ties)

    @cached_property
    def entropy(self) -> FloatArray:
        """Vote entropy of the dense runs in nats, shape (N,)."""
        return vote_entropy(self._source.population(DENSE_ID).prediction)

    # --- tables -------------------------------------------------------------------------------
    def runs(self, variant_id: str) -> pd.DataFrame:
        """One row a run."""
        return self.cache.table("runs", variant_id, lambda: self._make_runs(variant_id))

    def pies(self, variant_id: str) -> pd.DataFrame:
        """One row an image: votes, PIE and kind."""
        source = self._source
        return self.cache.table(
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

    def summary(self, variant_id: str) -> dict[str, Any]:
        """The variant's row of the summary."""
        return self.cache.once(
            "summary",
            variant_id,
            lambda: summary_row(
                variant_id, self.runs(variant_id), self._results(variant_id), self.floor
            ),
        )

    def curve_rows(self, variant_id: str) -> list[dict[str, Any]]:
        """The variant's rows of the curves, one a metric."""
        summary, runs = self.summary(variant_id), self.runs(variant_id)
        if variant_id == DENSE_ID:
            return curve_rows(summary, runs, agreement=float(self.dense_modal.agreement.mean()))
        on_pies, on_non_pies = self._accuracy_on_pies(variant_id)
        return curve_rows(
            summary,
            runs,
            agreement=float(self.pies(variant_id)["agreement"].mean()),
            on_pies=on_pies,
            on_non_pies=on_non_pies,
        )

    def pair(self, variant_id: str) -> pd.DataFrame:
        """The first runs of dense and of the variant, compared image by image: one row."""

        def compute() -> pd.DataFrame:
            compared = pair(self._source.correct(DENSE_ID)[0], self._source.correct(variant_id)[0])
            kl = self._mean_kl(variant_id)
            known = {schema.KL_FROM_DENSE: np.nan if kl is None else kl}
            return pd.DataFrame([{schema.VARIANT_ID: variant_id, **compared.row(), **known}])

        return self.cache.table("pair", variant_id, compute)

    def seed_tie(self, variant_id: str) -> SeedTie:
        """Compare how far runs of equal and of other seeds agree, on some seeds and images."""

        def compute() -> pd.DataFrame:
            dense, variant = self.both(variant_id)
            rows = paired_rows(dense.seeds, variant.seeds, paired=True)
            some = (rows[0][:_TIE_SEEDS], rows[1][:_TIE_SEEDS])
            step = max(1, len(self._source.label) // _TIE_IMAGES)
            tie = seed_tie(dense.prediction[:, ::step], variant.prediction[:, ::step], some)
            return pd.DataFrame([vars(tie)])

        tie = self.cache.table("seed-tie", variant_id, compute)
        return SeedTie(float(tie["equal"].iloc[0]), float(tie["different"].iloc[0]))

    def half_pies(self, variant_id: str) -> HalfPies | None:
        """PIEs of halves beside A/A PIEs; None with too few runs."""
        frequency, floor = self.half_frequency(variant_id), self.floor
        if frequency is None or floor is None:
            return None
        counts = [
            np.rint(f * floor.n_splits).astype(np.int64) for f in (frequency, floor.frequency)
        ]
        return HalfPies(floor.sample, *counts)

    def half_frequency(self, variant_id: str) -> FloatArray | None:
        """How often each sampled image is a PIE of a variant half, (n,)."""
        floor = self.floor
        if floor is None:
            return None
        dense, variant = self.both(variant_id)
        return self.cache.once(
            "half",
            variant_id,
            lambda: half_population_frequency(
                floor,
                *votes(variant),
                dense_seeds=dense.seeds,
                variant_seeds=variant.seeds,
                paired=self._source.is_paired(variant_id),
                ties=self._source.ties,
            ),
        )

    def flips(self, variant_id: str) -> Flips:
        """Share of the runs that flip on each image, either way."""
        source = self._source
        dense, variant = self.both(variant_id)
        pairs = paired_rows(dense.seeds, variant.seeds, paired=source.is_paired(variant_id))
        return self.cache.once(
            "flips",
            variant_id,
            lambda: flips(source.correct(DENSE_ID), source.correct(variant_id), pairs),
        )

    def _accuracy_on_pies(self, variant_id: str) -> tuple[Accuracies, Accuracies]:
        """Accuracy of every run on the PIEs and on the non-PIEs, (K,) each."""
        pie = self.pies(variant_id)["is_pie"].to_numpy()

        def compute() -> tuple[Accuracies, Accuracies]:
            correct = self._source.correct(variant_id)
            return accuracy_on(correct, pie), accuracy_on(correct, ~pie)

        return self.cache.once("on_pies", variant_id, compute)

    def both(self, variant_id: str) -> tuple[Population, Population]:
        """Return the dense population and the variant's."""
        return self._source.population(DENSE_ID), self._source.population(variant_id)

    # --- computing ----------------------------------------------------------------------------
    def _make_runs(self, variant_id: str) -> pd.DataFrame:
        source = self._source
        population = source.population(variant_id)
        variant, correct = source.manifest.variant(variant_id), source.correct(variant_id)
        records = [source.manifest.run(variant_id, seed) for seed in population.seeds]
        answered = population.prediction != schema.NO_ANSWER
        without, ties = source.class_sizes == 0, source.score_ties(variant_id)
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
                "ece": calibration_error(population[schema.CONFIDENCE], correct, answered),
                "latency_ms": [r.latency_ms for r in records],
                "compute_dtype": [r.compute_dtype for r in records],
                "n_no_answer": (~answered).sum(axis=1),
                "n_score_tied": np.where(
                    np.isnan(ties).all(axis=1), np.nan, (ties > 1).sum(axis=1)
                ),
                "n_outside": [int((without[row[row >= 0]]).sum()) for row in population.prediction],
            },
            columns=list(schema.RUNS_COLUMNS),
        )

    def _results(self, variant_id: str) -> VariantResults | None:
        if variant_id == DENSE_ID:
            return None
        paired = self._source.is_paired(variant_id)
        # For the curves, while the population is in memory.
        self._accuracy_on_pies(variant_id)
        self.of_classes.class_runs(variant_id)
        # Unpaired, the column is null, and reading it would cost as much as the votes.
        has_kl = paired or all(len(population.seeds) == 1 for population in self.both(variant_id))
        return VariantResults(
            images=self.pies(variant_id),
            classes=self.of_classes.classes(variant_id),
            half_frequency=self.half_frequency(variant_id),
            paired=paired,
            entropy=self.entropy,
            flips=self.flips(variant_id),
            intensification=intensification(
                self.of_classes.recall(DENSE_ID), self.of_classes.recall(variant_id), paired=paired
            ),
            kl_from_dense=self._mean_kl(variant_id) if has_kl else None,
            tied_with_truth=self._tied_with_truth(variant_id),
            long_tail=self.of_classes.long_tail(variant_id),
        )

    def _tied_with_truth(self, variant_id: str) -> BoolArray | None:
        """Whether the true class shares the top score of the only run, (N,); None with several."""
        population = self._source.population(variant_id)
        if len(population.seeds) != 1:
            return None
        of_true = self._source.mean_of(variant_id, schema.TRUE_CONFIDENCE)
        ties = self._source.score_ties(variant_id)[0]
        if np.isnan(ties).all():
            return None
        return np.asarray((ties > 1) & (of_true == population[schema.CONFIDENCE][0]))

    def _mean_kl(self, variant_id: str) -> float | None:
        """Mean KL from dense over the images, nats; None where no run has any."""
        kl = self._source.mean_of(variant_id, schema.KL_FROM_DENSE)
        known = kl[~np.isnan(kl)]
        return float(known.mean()) if len(known) else None

    def overlap(self) -> pd.DataFrame:
        """One row a pair of variants: Jaccard overlap of their PIEs."""
        ids = self._source.compressed_ids
        if not ids:
            return stack([], schema.OVERLAP_COLUMNS)
        return pie_overlap(ids, np.stack([self.pies(v)["is_pie"].to_numpy() for v in ids]))

    def seed_ties(self) -> dict[str, SeedTie]:
        """Compare runs of equal seeds with others, for variants declared independent.

        Empty for sweeps trained here, whose pairing is known.
        """
        manifest = self._source.manifest
        if manifest.origin == "trained":
            return {}
        dense = {*manifest.done_seeds(DENSE_ID)}
        independent = [
            v
            for v in self._source.compressed_ids
            if not self._source.is_paired(v) and len(dense & {*manifest.done_seeds(v)}) > 1
        ]
        return {v: self.seed_tie(v) for v in independent}

    def all_summaries(self) -> pd.DataFrame:
        """One row a variant, dense first; empty without dense runs."""
        rows = [self.summary(v) for v in self._with_dense()]
        return typed(pd.DataFrame(rows, columns=list(schema.SUMMARY_COLUMNS)))

    def all_curves(self) -> pd.DataFrame:
        """One row a variant and metric; empty without dense runs."""
        return typed(curve_table([row for v in self._with_dense() for row in self.curve_rows(v)]))

    def _with_dense(self) -> list[str]:
        ids = self._source.variant_ids
        return ids if DENSE_ID in ids else []


def votes(population: Population) -> tuple[IntArray, FloatArray]:
    """Predictions and confidences of a population, [K, N] each."""
    return population.prediction, population[schema.CONFIDENCE]
