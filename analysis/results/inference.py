"""What holds for other seeds: the jackknife of the PIE excess, and the test over seeds.

Both take long, so they are computed once, when a sweep ends, and kept on disk with it.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results.frames import stack, typed
from analysis.results.halves import HalfTables
from analysis.results.source import Source
from analysis.results.variants import VariantTables, votes
from analysis.stats.excess import Groups, excess_test, group_excess
from analysis.stats.jackknife import DenseHalves, Jackknife, jackknife
from analysis.stats.multiple import holm
from analysis.stats.pairs import paired_rows
from analysis.stats.seed_test import seed_test
from analysis.stats.splits import sample_images
from analysis.stats.votes import IntArray

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
        # Of the variant asked for last: every attribute of a page asks for the same one.
        self._last: tuple[str, Jackknife | None] | None = None

    @property
    def is_known(self) -> bool:
        """Whether the columns of the summary are known already, so that asking takes no time."""
        return self._variants.kept.is_known(_NAME, _ALL)

    def keep(self, told: Callable[[str, int, int], None]) -> None:
        """Compute and keep everything, telling how far it is."""
        ids = self._source.compressed_ids
        for done, variant_id in enumerate(ids):
            told("seed noise", done, len(ids))
            self.seed_test(variant_id)
            self.jackknife(variant_id)
            self.halves.table(variant_id)
        self.columns()
        told("seed noise", len(ids), len(ids))

    def columns(self) -> pd.DataFrame:
        """One row a variant: the columns of the summary that rest on other seeds."""
        return self._variants.kept.shelved(_NAME, _ALL, self._columns, always=True)

    def take(self, other: "SeedInference") -> None:
        """Take over what another has computed of the same sweep."""
        self._variants.kept.take(other._variants.kept, (_NAME, "seed-test", "jackknife", "halves"))

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
        """Interval of the PIE excess over runs and images; unknown yet, without ``wait``, null."""
        if not wait and not self._has_jackknife(variant_id):
            return {"pie_excess_low": None, "pie_excess_high": None}
        half, floor = self._variants.half_frequency(variant_id), self._variants.floor
        if half is None or floor is None:
            return {"pie_excess_low": None, "pie_excess_high": None}
        found = excess_test(half, floor.frequency, self.jackknife(variant_id))
        return {"pie_excess_low": float(found.low[0]), "pie_excess_high": float(found.high[0])}

    def groups(
        self, variant_id: str, code: IntArray, n_groups: int, *, wait: bool = True
    ) -> Groups | None:
        """Excess of every group of images, ``code`` [N] their groups; None without halves.

        Without ``wait`` there are no intervals where the jackknife is not known yet.
        """
        half, floor = self._variants.half_frequency(variant_id), self._variants.floor
        if half is None or floor is None:
            return None
        here = code[floor.sample]
        found = self.jackknife(variant_id) if wait or self._has_jackknife(variant_id) else None
        return group_excess(half, floor.frequency, found, here, n_groups)

    def _has_jackknife(self, variant_id: str) -> bool:
        return self._variants.kept.is_known("jackknife", variant_id)

    # --- the test over seeds ------------------------------------------------------------------
    def seed_tests(self) -> pd.DataFrame:
        """One row a variant, with Holm's p over the variants of the sweep."""
        frames = [self.seed_test(v) for v in self._source.compressed_ids]
        whole = stack(frames, schema.SEED_TEST_COLUMNS)
        return whole.assign(p_holm=holm(whole["p"].to_numpy(np.float64)))

    def seed_test(self, variant_id: str) -> pd.DataFrame:
        """The variant's row of the permutation test over seeds; Holm's p is left null."""
        return self._variants.kept.shelved(
            "seed-test",
            variant_id,
            lambda: pd.DataFrame([self._seed_test(variant_id)]),
            always=True,
        )

    def _seed_test(self, variant_id: str) -> dict[str, Any]:
        dense, variant = self._variants.both(variant_id)
        paired = self._source.is_paired(variant_id)
        pairs = paired_rows(dense.seeds, variant.seeds, paired=True) if paired else None
        found = seed_test(votes(dense), votes(variant), pairs, ties=self._source.ties)
        row: dict[str, Any] = dict.fromkeys(schema.SEED_TEST_COLUMNS)
        row[schema.VARIANT_ID] = variant_id
        if found is not None:
            row |= {
                "n_images": found.n_images,
                "pie_share": found.share,
                "exchanged_pie_share": found.exchanged_share,
                "p": found.p,
                "p_fewer": found.p_fewer,
                "smallest_p": found.smallest_p,
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
        frame = self._variants.kept.shelved(
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
        """One row an image, one column a run; no column where there are too few runs."""
        dense, variant = self._variants.both(variant_id)
        found = jackknife(
            self._dense,
            votes(variant),
            dense_seeds=dense.seeds,
            variant_seeds=variant.seeds,
            paired=self._source.is_paired(variant_id),
        )
        if found is None:
            return pd.DataFrame({"none": np.empty(0, np.float32)})
        names = _PAIRED if len(found.moved) == 1 else _SEPARATE
        return pd.DataFrame(
            {
                f"{name}-{number}": row.astype(np.float32)
                for name, part in zip(names, found.moved, strict=True)
                for number, row in enumerate(part)
            }
        )
