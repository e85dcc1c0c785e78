"""Scores and forecast of images from dense runs, and the excess that leaves these runs out.

A score of the very runs that are compared would be circular: the images on which they disagree are
those that they are unsure of. So scores come from a third of the dense runs, the excess from the
others.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results.frames import stack
from analysis.results.source import Source
from analysis.results.variants import VariantTables, votes
from analysis.stats.deciles import deciles
from analysis.stats.excess import group_excess
from analysis.stats.forecast import Skill, forecast_table, skill
from analysis.stats.image_scores import SCORES, atypicality, runs_scores
from analysis.stats.jackknife import DenseHalves, Jackknife, jackknife
from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.score_tests import auc_test
from analysis.stats.seed_noise import NoiseFloor, half_population_frequency, noise_floor
from analysis.stats.votes import FloatArray
from analysis.store import Population
from analysis.store.features import read_features

MIN_RUNS = 6


@dataclass(frozen=True)
class HeldOutExcess:
    """How often each image of ``sample`` [n] is a PIE of halves, and how that moves by run."""

    sample: npt.NDArray[np.intp]
    half: FloatArray
    floor: FloatArray
    jackknife: Jackknife | None


class HeldOut:
    """The dense runs that scores are computed from, and the excess of the others."""

    def __init__(self, source: Source, variants: VariantTables) -> None:
        self._source = source
        self._variants = variants

    @cached_property
    def n_score_runs(self) -> int:
        """Number of dense runs that scores use: the first third; 0 with fewer than six."""
        k = len(self._source.manifest.done_seeds(DENSE_ID))
        return k // 3 if k >= MIN_RUNS else 0

    @cached_property
    def _dense(self) -> Population:
        return _rows(self._source.population(DENSE_ID), self.n_score_runs)

    @cached_property
    def _floor(self) -> NoiseFloor | None:
        prediction, confidence = votes(self._dense)
        label, source = self._source.label, self._source
        return noise_floor(
            prediction, confidence, label, ties=source.ties, n_splits=source.n_splits
        )

    @cached_property
    def _halves(self) -> DenseHalves:
        floor = self._floor
        assert floor is not None
        return DenseHalves(votes(self._dense), floor.sample, ties=self._source.ties)

    def excess(self, variant_id: str) -> HeldOutExcess | None:
        """Excess on each image, from the runs that no score uses; None with too few runs."""
        if not self.n_score_runs or self._floor is None:
            return None
        frame = self._variants.cache.table(
            "held-out", variant_id, lambda: self._frame(variant_id), always=True
        )
        if not len(frame.columns):
            return None

        def part(name: str) -> FloatArray:
            columns = [column for column in frame.columns if column.startswith(f"{name}-")]
            return frame[columns].to_numpy(np.float64).T

        names = [n for n in ("pair", "dense", "variant") if f"{n}-0" in frame]
        moves = None
        if names:
            moves = Jackknife(
                tuple(part(n) for n in names), tuple(part(f"floor-{n}") for n in names)
            )
        half, floor = (frame[name].to_numpy(np.float64) for name in ("half", "floor"))
        return HeldOutExcess(self._floor.sample, half, floor, moves)

    def _frame(self, variant_id: str) -> pd.DataFrame:
        """One row an image: both shares, and a column a deleted run; none with too few runs."""
        floor, paired = self._floor, self._source.is_paired(variant_id)
        variant = self._source.population(variant_id)
        assert floor is not None
        half = half_population_frequency(
            floor,
            *votes(variant),
            dense_seeds=self._dense.seeds,
            variant_seeds=variant.seeds,
            paired=paired,
            ties=self._source.ties,
        )
        if half is None:
            return pd.DataFrame()
        columns = {"half": half, "floor": floor.frequency}
        moves = jackknife(
            self._halves,
            votes(variant),
            dense_seeds=self._dense.seeds,
            variant_seeds=variant.seeds,
            paired=paired,
            with_floors=True,
        )
        if moves is not None and moves.floors is not None:
            names = ("pair",) if paired else ("dense", "variant")
            for prefix, parts in (("", moves.moved), ("floor-", moves.floors)):
                for name, part in zip(names, parts, strict=True):
                    columns |= {f"{prefix}{name}-{j}": row for j, row in enumerate(part)}
        return pd.DataFrame({name: x.astype(np.float32) for name, x in columns.items()})


def _rows(population: Population, first: int) -> Population:
    """Drop the first runs of a population."""
    columns = {name: values[first:] for name, values in population.columns.items()}
    return Population(population.variant_id, population.seeds[first:], columns)


_OF_RUN = (schema.TRUE_CONFIDENCE, schema.MARGIN, schema.EL2N)


def dense_doubt(source: Source) -> FloatArray:
    """Doubt of all dense runs, (N,): 1 - mean confidence; of one run 1 - its margin, if known.

    NaN where the runs give labels alone.
    """
    if len(source.population(DENSE_ID).seeds) == 1:
        margin = source.mean_of(DENSE_ID, schema.MARGIN)
        if not np.isnan(margin).all():
            return np.asarray(1 - margin)
    return np.asarray(1 - source.mean_of(DENSE_ID, schema.CONFIDENCE))


class DoubtTables:
    """Scores of images tested against seed noise, and the forecast, of one sweep."""

    def __init__(self, source: Source, variants: VariantTables) -> None:
        self._source = source
        self._variants = variants
        self.held_out = HeldOut(source, variants)

    @cached_property
    def image_scores(self) -> dict[str, FloatArray]:
        """Scores of all images by name, (N,) each, from the dense runs that are in no half."""
        n_runs, label = self.held_out.n_score_runs, self._source.label
        dense = self._source.population(DENSE_ID)
        columns = self._source.folder.read_population(
            DENSE_ID, _OF_RUN, list(dense.seeds[:n_runs]), len(label)
        )
        scores = runs_scores(
            dense.prediction[:n_runs],
            dense[schema.CONFIDENCE][:n_runs],
            columns[schema.TRUE_CONFIDENCE],
            columns[schema.MARGIN],
            columns[schema.EL2N],
            label,
        )
        features = read_features(self._source.folder)
        if features is not None:
            scores["atypicality"] = atypicality(features, label)
        counts = self._variants.of_classes.train_counts(DENSE_ID)
        if counts is not None:
            n_train = counts.mean(axis=0)
            if len(np.unique(n_train)) > 1:
                rarity = -np.log2(np.where(n_train > 0, n_train, np.nan))
                scores["class_rarity"] = rarity[label]
        return scores

    def scores(self, variant_id: str) -> pd.DataFrame:
        """One row a score and decile of it: the PIE excess, and in every row the score's test."""
        excess = self.held_out.excess(variant_id)
        if excess is None:
            return pd.DataFrame(columns=list(schema.SCORES_COLUMNS))
        frames, tests = [], []
        for one in SCORES:
            values = self.image_scores.get(one.name)
            if values is None or np.isnan(values).all():
                continue
            here = values[excess.sample]
            code, edges = deciles(here)
            n = max(len(edges) - 1, 0)
            of_deciles = group_excess(excess.half, excess.floor, excess.jackknife, code, n).risk
            test = auc_test(here, excess.half, excess.floor, excess.jackknife)
            tests.append(float(test.difference.p[0]))
            frames.append(
                pd.DataFrame(
                    {
                        schema.VARIANT_ID: variant_id,
                        "score": one.name,
                        "decile": np.arange(1, n + 1),
                        "n": np.bincount(code[code >= 0], minlength=n),
                        "excess": of_deciles.difference,
                        "low": of_deciles.low,
                        "high": of_deciles.high,
                        "from_value": edges[:-1],
                        "to_value": edges[1:],
                        "auc_halves": test.halves,
                        "auc_aa": test.aa,
                        "auc_difference": float(test.difference.difference[0]),
                        "auc_low": float(test.difference.low[0]),
                        "auc_high": float(test.difference.high[0]),
                        "auc_p": tests[-1],
                        "n_score_runs": self.held_out.n_score_runs,
                    }
                )
            )
        corrected = benjamini_hochberg(np.array(tests))
        frames = [frame.assign(auc_q=q) for frame, q in zip(frames, corrected, strict=True)]
        return stack(frames, schema.SCORES_COLUMNS)[list(schema.SCORES_COLUMNS)]

    # --- the forecast -------------------------------------------------------------------------
    @cached_property
    def doubt(self) -> FloatArray:
        """Doubt of all dense runs, (N,)."""
        return dense_doubt(self._source)

    def event(self, variant_id: str) -> FloatArray:
        """The event that is forecast, 0..1 an image: flips of paired runs, else being a PIE."""
        manifest = self._source.manifest
        if manifest.is_single(variant_id) or self._source.is_paired(variant_id):
            flips = self._variants.flips(variant_id)
            return np.asarray(flips.to_wrong + flips.to_right, np.float64)
        return self._variants.pies(variant_id)["is_pie"].to_numpy(np.float64)

    def event_name(self, variant_id: str) -> str:
        """Name the event that is forecast: ``flips`` or ``PIEs``."""
        manifest = self._source.manifest
        is_tied = manifest.is_single(variant_id) or self._source.is_paired(variant_id)
        return "flips" if is_tied else "PIEs"

    def forecast(self, variant_id: str | None) -> pd.DataFrame:
        """One row an image, the most doubtful first; without a variant the event is null."""
        if variant_id is None:
            return forecast_table(None, self.doubt, np.full(len(self.doubt), np.nan))
        return forecast_table(variant_id, self.doubt, self.event(variant_id))

    def skill(self, variant_id: str) -> Skill:
        """How well doubt ranks the images of the variant's event."""
        return skill(self.doubt, self.event(variant_id))
