"""Scalars of variants beside those of A/A halves: what of each figure seeds alone would make."""

from collections.abc import Sequence
from functools import cached_property

import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results.source import Source
from analysis.results.variants import VariantTables, votes
from analysis.stats.half_scalars import Runs, beside_seeds, half_scalars, some_splits
from analysis.stats.pairs import Rows
from analysis.stats.seed_noise import NoiseFloor, variant_halves
from analysis.stats.splits import columns_of, drawn_runs
from analysis.stats.votes import DrawnModal, drawn_modal

_NAME = "halves"


class HalfTables:
    """Halves of the runs of one sweep, compared as whole populations are; kept once made."""

    def __init__(self, source: Source, variants: VariantTables) -> None:
        self._source = source
        self._variants = variants

    def is_known(self, variant_id: str) -> bool:
        """Whether the table is there already, so that asking for it takes no time."""
        return self._variants.kept.is_known(_NAME, variant_id)

    def table(self, variant_id: str) -> pd.DataFrame:
        """One row a scalar: of a half of the variant's runs, and of A/A halves of the dense ones.

        Without rows where there is a single dense run: it has no halves.
        """
        found = self._variants.kept.shelved(
            _NAME, variant_id, lambda: self._table(variant_id), always=True
        )
        return found.reindex(columns=list(schema.HALVES_COLUMNS))

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
        found = beside_seeds(of_variant, self._of_seeds)
        return found.assign(**{schema.VARIANT_ID: variant_id})

    @cached_property
    def _of_seeds(self) -> list[dict[str, float]]:
        floor = self._variants.floor
        if floor is None:
            return []
        return self._compared(floor, DENSE_ID, [split.b for split in floor.splits])

    def _compared(
        self, floor: NoiseFloor, variant_id: str, rows: Sequence[Rows]
    ) -> list[dict[str, float]]:
        """Compare half A of the dense runs with these rows of a population, in some splits."""
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
