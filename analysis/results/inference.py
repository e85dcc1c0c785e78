"""Inference for other seeds: jackknife of the PIE excess, test over seeds, A/A halves.

All take long, so they are computed once, when a sweep ends, and stored with it.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results.frames import stack, typed
from analysis.results.source import Source
from analysis.results.variants import VariantTables, votes
from analysis.stats.excess import Groups, excess_test, group_excess
from analysis.stats.half_scalars import Runs, beside_seeds, half_scalars, some_splits
from analysis.stats.jackknife import DenseHalves, Jackknife, jackknife
from analysis.stats.multiple import holm
from analysis.stats.pairs import Rows, paired_rows
from analysis.stats.seed_noise import NoiseFloor, variant_halves
from analysis.stats.seed_test import seed_test
from analysis.stats.splits import columns_of, drawn_runs, sample_images
from analysis.stats.votes import DrawnModal, IntArray, drawn_modal


class HalfTables:
    """Scalars of halves of the runs, of variants beside A/A halves, which seeds alone separate."""

    def __init__(self, source: Source, variants: VariantTables) -> None:
        self._source = source
        self._variants = variants

    def is_known(self, variant_id: str) -> bool:
        """Whether the table is computed already."""
        return self._variants.cache.is_known("halves", variant_id)

    def table(self, variant_id: str) -> pd.DataFrame:
        """One row a scalar: of a half of the variant's runs, and of A/A halves of the dense ones.

        Empty with a single dense run, which has no halves.
        """
        halves = self._variants.cache.table(
            "halves", variant_id, lambda: self._table(variant_id), always=True
        )
        return halves.reindex(columns=list(schema.HALVES_COLUMNS))

    def _table(self, variant_id: str) -> pd.DataFrame:
        floor = self._variants.floor
        if floor is None:
            return pd.DataFrame(columns=list(schema.HALVES_COLUMNS))
        dense, variant = self._variants.both(variant_id)
        rows = variant_halves(
            floor.splits,
            dense.seeds,
            variant.seeds,
            paired=self._source.is_paired(variant_id),
        )
        of_variant = self._compared(floor, variant_id, rows) if rows is not None else []
        return beside_seeds(of_variant, self._of_seeds).assign(**{schema.VARIANT_ID: variant_id})

    @cached_property
    def _of_seeds(self) -> list[dict[str, float]]:
        floor = self._variants.floor
        if floor is None:
            return []
        return self._compared(floor, DENSE_ID, [split.b for split in floor.splits])

    def _compared(
        self, floor: NoiseFloor, variant_id: str, rows: Sequence[Rows]
    ) -> list[dict[str, float]]:
        """Compare half A of the dense runs with a half of a population, in some of the splits."""
        label = self._source.label[floor.sample]
        chosen = some_splits(len(floor.splits))
        drawn = self._modal(floor, variant_id, [rows[i] for i in chosen])
        first = DrawnModal(floor.half.label[:, chosen], floor.half.tied[:, chosen])
        pie = first.differs(drawn, self._source.ties)
        dense, other = (self._runs(floor, name) for name in (DENSE_ID, variant_id))
        return [
            half_scalars(
                dense.half(floor.splits[split].a, first.label[:, i]),
                other.half(rows[split], drawn.label[:, i]),
                pie[:, i],
                label,
                self._source.class_names,
            )
            for i, split in enumerate(chosen)
        ]

    def _modal(self, floor: NoiseFloor, variant_id: str, rows: Sequence[Rows]) -> DrawnModal:
        prediction, confidence = votes(self._source.population(variant_id))
        return drawn_modal(
            columns_of(prediction, floor.sample),
            columns_of(confidence, floor.sample),
            drawn_runs(len(prediction), rows),
            ties=self._source.ties,
        )

    def _runs(self, floor: NoiseFloor, variant_id: str) -> Runs:
        of_classes = self._variants.of_classes
        return Runs(
            of_classes.recall_on(variant_id, floor.sample),
            columns_of(self._source.correct(variant_id), floor.sample),
            of_classes.train_counts(variant_id),
        )


_COLUMNS = (
    schema.VARIANT_ID, "pie_excess_low", "pie_excess_high", "seed_p", "seed_p_holm",
    "seed_p_fewer", "seed_p_fewer_holm", "seed_smallest_p",
)  # fmt: skip
_NAME, _ALL = "inference", "all"
_SEPARATE, _PAIRED = ("dense", "variant"), ("pair",)


class SeedInference:
    """Intervals and tests over runs and images of PIE shares, of one sweep."""

    def __init__(self, source: Source, variants: VariantTables) -> None:
        self._source = source
        self._variants = variants
        self.halves = HalfTables(source, variants)
        # The jackknife of the latest variant: every attribute of a page needs the same one.
        self._last: tuple[str, Jackknife | None] | None = None

    @property
    def is_known(self) -> bool:
        """Whether the columns of the summary are computed already."""
        return self._variants.cache.is_known(_NAME, _ALL)

    def keep(self, on_progress: Callable[[str, int, int], None]) -> None:
        """Compute and store everything, reporting progress."""
        ids = self._source.compressed_ids
        for done, variant_id in enumerate(ids):
            on_progress("seed noise", done, len(ids))
            self.seed_test(variant_id)
            self.jackknife(variant_id)
            self.halves.table(variant_id)
        self.columns()
        on_progress("seed noise", len(ids), len(ids))

    def columns(self) -> pd.DataFrame:
        """One row a variant: the columns of the summary that rest on other seeds."""
        return self._variants.cache.table(_NAME, _ALL, self._columns, always=True)

    def take(self, other: "SeedInference") -> None:
        """Copy the results that another has computed of the same sweep."""
        self._variants.cache.take(
            other._variants.cache, (_NAME, "seed-test", "jackknife", "halves")
        )

    def _columns(self) -> pd.DataFrame:
        ids = self._source.compressed_ids
        tests = self.seed_tests().set_index(schema.VARIANT_ID)
        fewer = dict(zip(tests.index, holm(tests["p_fewer"].to_numpy(np.float64)), strict=True))
        rows = []
        for variant_id in ids:
            excess, test = self.excess(variant_id), tests.loc[variant_id]
            rows.append(
                {
                    schema.VARIANT_ID: variant_id,
                    **excess,
                    "seed_p": test["p"],
                    "seed_p_holm": test["p_holm"],
                    "seed_p_fewer": test["p_fewer"],
                    "seed_p_fewer_holm": fewer[variant_id],
                    "seed_smallest_p": test["smallest_p"],
                }
            )
        return typed(pd.DataFrame(rows, columns=list(_COLUMNS)))

    def excess(self, variant_id: str, *, wait: bool = True) -> dict[str, float | None]:
        """Interval of the PIE excess over runs and images; without ``wait`` null until known."""
        if not wait and not self._has_jackknife(variant_id):
            return {"pie_excess_low": None, "pie_excess_high": None}
        half, floor = self._variants.half_frequency(variant_id), self._variants.floor
        if half is None or floor is None:
            return {"pie_excess_low": None, "pie_excess_high": None}
        test = excess_test(half, floor.frequency, self.jackknife(variant_id))
        return {"pie_excess_low": float(test.low[0]), "pie_excess_high": float(test.high[0])}

    def groups(
        self, variant_id: str, code: IntArray, n_groups: int, *, wait: bool = True
    ) -> Groups | None:
        """Excess of every group of images, ``code`` [N] their groups; None without halves.

        Without ``wait`` there are no intervals until the jackknife is known.
        """
        half, floor = self._variants.half_frequency(variant_id), self._variants.floor
        if half is None or floor is None:
            return None
        here = code[floor.sample]
        moves = self.jackknife(variant_id) if wait or self._has_jackknife(variant_id) else None
        return group_excess(half, floor.frequency, moves, here, n_groups)

    def _has_jackknife(self, variant_id: str) -> bool:
        return self._variants.cache.is_known("jackknife", variant_id)

    # --- the test over seeds ------------------------------------------------------------------
    def seed_tests(self) -> pd.DataFrame:
        """One row a variant, with Holm's p over the variants of the sweep."""
        frames = [self.seed_test(v) for v in self._source.compressed_ids]
        tests = stack(frames, schema.SEED_TEST_COLUMNS)
        return tests.assign(p_holm=holm(tests["p"].to_numpy(np.float64)))

    def seed_test(self, variant_id: str) -> pd.DataFrame:
        """The variant's row of the permutation test over seeds; Holm's p is left null."""
        return self._variants.cache.table(
            "seed-test",
            variant_id,
            lambda: pd.DataFrame([self._seed_test(variant_id)]),
            always=True,
        )

    def _seed_test(self, variant_id: str) -> dict[str, Any]:
        dense, variant = self._variants.both(variant_id)
        paired = self._source.is_paired(variant_id)
        pairs = paired_rows(dense.seeds, variant.seeds, paired=True) if paired else None
        test = seed_test(votes(dense), votes(variant), pairs, ties=self._source.ties)
        row: dict[str, Any] = dict.fromkeys(schema.SEED_TEST_COLUMNS)
        row[schema.VARIANT_ID] = variant_id
        if test is not None:
            row |= {
                "n_images": test.n_images,
                "pie_share": test.share,
                "exchanged_pie_share": test.exchanged_share,
                "p": test.p,
                "p_fewer": test.p_fewer,
                "smallest_p": test.smallest_p,
            }
        return row

    # --- the jackknife ------------------------------------------------------------------------
    @cached_property
    def _dense(self) -> DenseHalves:
        dense = self._source.population(DENSE_ID)
        sample = sample_images(len(self._source.label))
        return DenseHalves(votes(dense), sample, ties=self._source.ties)

    def jackknife(self, variant_id: str) -> Jackknife | None:
        """How the excess on each image moves without one run; None with too few."""
        if self._last is None or self._last[0] != variant_id:
            self._last = variant_id, self._jackknife(variant_id)
        return self._last[1]

    def _jackknife(self, variant_id: str) -> Jackknife | None:
        frame = self._variants.cache.table(
            "jackknife", variant_id, lambda: self._moves(variant_id), always=True
        )
        populations = _PAIRED if self._source.is_paired(variant_id) else _SEPARATE
        parts = []
        for name in populations:
            columns = [column for column in frame.columns if column.startswith(f"{name}-")]
            if not columns:
                return None
            parts.append(frame[columns].to_numpy(np.float64).T)
        return Jackknife(tuple(parts))

    def _moves(self, variant_id: str) -> pd.DataFrame:
        """One row an image, one column a run; no column with too few runs."""
        dense, variant = self._variants.both(variant_id)
        moves = jackknife(
            self._dense,
            votes(variant),
            dense_seeds=dense.seeds,
            variant_seeds=variant.seeds,
            paired=self._source.is_paired(variant_id),
        )
        if moves is None:
            return pd.DataFrame({"none": np.empty(0, np.float32)})
        names = _PAIRED if len(moves.moved) == 1 else _SEPARATE
        return pd.DataFrame(
            {
                f"{name}-{number}": row.astype(np.float32)
                for name, part in zip(names, moves.moved, strict=True)
                for number, row in enumerate(part)
            }
        )
