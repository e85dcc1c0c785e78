"""The six tables of the contract, computed when they are asked for."""

from collections.abc import Callable, Iterable

import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results.frames import stack, typed
from analysis.results.images import ImageTables
from analysis.results.opened import OpenedSweep
from analysis.results.variants import VariantTables
from analysis.stats.curves import curve_table
from analysis.stats.pairs import SeedTie
from analysis.stats.pie import sort_pies
from analysis.stats.seed_noise import SPLITS
from analysis.stats.votes import TieRule
from analysis.store import SweepFolder

TABLES = ("runs", "images", "pies", "classes", "summary", "curves")


class ContractTables(OpenedSweep):
    """An opened sweep with the tables that ``export`` promises."""

    def __init__(
        self, folder: SweepFolder, *, ties: TieRule = "confidence", n_splits: int = SPLITS
    ) -> None:
        super().__init__(folder, ties=ties, n_splits=n_splits)
        self._variants = VariantTables(self._source)
        self._images = ImageTables(self._source, self._variants)

    def runs(self) -> pd.DataFrame:
        """One row a run, dense included: accuracy, calibration error, size and latency."""
        return stack([self._variants.runs(v) for v in self.variant_ids], schema.RUNS_COLUMNS)

    def images(
        self, variant_id: str | None = None, *, columns: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """One row an image (and variant, where none is named): modal labels, PIE, kind, votes.

        Further on difficulty, flips, KL and breaking point. ``columns`` names those wanted, besides
        ``variant_id`` and ``image_id``; only what they need is read and computed.
        """
        wanted = None if columns is None else tuple(columns)
        frames = [self._images.images(v, wanted) for v in self._source.asked(variant_id)]
        return stack(frames, schema.IMAGES_COLUMNS)

    def pies(self, variant_id: str | None = None) -> pd.DataFrame:
        """Return the PIEs of ``images``, by falling vote distance within a variant."""
        frames = [sort_pies(self._images.images(v)) for v in self._source.asked(variant_id)]
        return stack(frames, schema.IMAGES_COLUMNS)

    def classes(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a class (and variant): recall deltas, Welch's t, p, q and intervals, rates."""
        frames = [self._variants.classes(v) for v in self._source.asked(variant_id)]
        return stack(frames, schema.CLASSES_COLUMNS)

    def summary(self) -> pd.DataFrame:
        """One row a variant, dense first; empty without dense runs."""
        return self._source.kept("summary", self._make_summary)

    def curves(self) -> pd.DataFrame:
        """One row a variant and metric, with 95 % intervals over runs."""
        return self._source.kept("curves", self._make_curves)

    def seed_ties(self) -> dict[str, SeedTie]:
        """Runs of equal seeds held against others, of variants that are said to be independent.

        Of sweeps trained here it is known how runs are tied; nothing is looked at.
        """
        if not (self.manifest.is_imported or self.manifest.is_given):
            return {}
        done = self.manifest.done_seeds
        independent = [
            v
            for v in self.compressed_ids
            if not self._source.is_paired(v) and len({*done(DENSE_ID)} & {*done(v)}) > 1
        ]
        return {v: self._variants.seed_tie(v) for v in independent}

    def keep_tables(self, told: Callable[[str, int, int], None]) -> None:
        """Compute what takes long on a large sweep, so that whoever looks first need not wait.

        Nothing is done for a small sweep, or one still being made.
        """
        if not self._source.has_shelf:
            return
        for done, variant_id in enumerate(self.variant_ids):
            told("tables", done, len(self.variant_ids))
            self._variants.summary(variant_id)
        self.seed_ties()
        self.summary()
        self.curves()
        told("tables", len(self.variant_ids), len(self.variant_ids))

    def _make_summary(self) -> pd.DataFrame:
        ids = self.variant_ids if DENSE_ID in self.variant_ids else []
        rows = [self._variants.summary(v) for v in ids]
        return typed(pd.DataFrame(rows, columns=list(schema.SUMMARY_COLUMNS)))

    def _make_curves(self) -> pd.DataFrame:
        ids = self.variant_ids if DENSE_ID in self.variant_ids else []
        rows = [row for v in ids for row in self._variants.curve_rows(v)]
        return typed(curve_table(rows))
