"""The excess of halves that leave a third of the dense runs out, for scores made of that third.

A score of the very runs that are compared would be circular: the images on which they disagree are
those that they are unsure of.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.config import DENSE_ID
from analysis.results.source import Source
from analysis.results.variants import VariantTables, votes
from analysis.stats.jackknife import DenseHalves, Jackknife, jackknife
from analysis.stats.seed_noise import NoiseFloor, half_population_frequency, noise_floor
from analysis.stats.votes import FloatArray
from analysis.store import Population

MIN_RUNS = 6


@dataclass(frozen=True)
class HeldOutExcess:
    """How often each image of ``sample`` [n] is a PIE of halves, and how that moves by run."""

    sample: npt.NDArray[np.intp]
    half: FloatArray
    floor: FloatArray
    jackknife: Jackknife | None


class HeldOut:
    """Which dense runs scores are made of, and the excess of the others."""

    def __init__(self, source: Source, variants: VariantTables) -> None:
        self._source = source
        self._variants = variants

    @cached_property
    def n_score_runs(self) -> int:
        """Dense runs that scores are made of, the first ones: a third; 0 with fewer than six."""
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
        """Excess on each image from the runs that no score is made of; None with too few runs."""
        if not self.n_score_runs or self._floor is None:
            return None
        frame = self._variants.kept.shelved(
            "held-out", variant_id, lambda: self._frame(variant_id), always=True
        )
        if not len(frame.columns):
            return None

        def part(name: str) -> FloatArray:
            columns = [column for column in frame.columns if column.startswith(f"{name}-")]
            return frame[columns].to_numpy(np.float64).T

        names = [n for n in ("pair", "dense", "variant") if f"{n}-0" in frame]
        found = None
        if names:
            found = Jackknife(
                tuple(part(n) for n in names), tuple(part(f"floor-{n}") for n in names)
            )
        half, floor = (frame[name].to_numpy(np.float64) for name in ("half", "floor"))
        return HeldOutExcess(self._floor.sample, half, floor, found)

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
        found = jackknife(
            self._halves,
            votes(variant),
            dense_seeds=self._dense.seeds,
            variant_seeds=variant.seeds,
            paired=paired,
            with_floors=True,
        )
        if found is not None and found.floors is not None:
            names = ("pair",) if paired else ("dense", "variant")
            for prefix, parts in (("", found.moved), ("floor-", found.floors)):
                for name, part in zip(names, parts, strict=True):
                    columns |= {f"{prefix}{name}-{j}": row for j, row in enumerate(part)}
        return pd.DataFrame({name: x.astype(np.float32) for name, x in columns.items()})


def _rows(population: Population, first: int) -> Population:
    """Runs of a population from the given one on."""
    columns = {name: values[first:] for name, values in population.columns.items()}
    return Population(population.variant_id, population.seeds[first:], columns)
