"""Scope of a report: the results of a sweep, restricted to some of its variants."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.figures.theme import footnote
from analysis.results import TABLES, SweepResults
from analysis.store.manifest import Manifest


@dataclass(frozen=True)
class Scope:
    """Results and the compressed variants to report; dense is always included."""

    results: SweepResults
    variant_ids: tuple[str, ...]

    @property
    def manifest(self) -> Manifest:
        """The sweep's manifest."""
        return self.results.manifest

    @property
    def is_whole(self) -> bool:
        """Whether every variant is reported."""
        return list(self.variant_ids) == self.results.compressed_ids

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The summary of dense and the reported variants."""
        summary = self.results.summary()
        reported = summary[schema.VARIANT_ID].isin([DENSE_ID, *self.variant_ids])
        return summary[reported].reset_index(drop=True)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """The curves of dense and the reported variants."""
        return self.table("curves")

    @cached_property
    def classes(self) -> pd.DataFrame:
        """The classes of the reported variants."""
        return self.table("classes")

    @cached_property
    def seed_tests(self) -> pd.DataFrame:
        """The permutation tests of the reported variants."""
        return self.table("seed-test")

    def table(self, name: str) -> pd.DataFrame:
        """Return a table by its name on the command line, restricted to the reported variants."""
        if self.is_whole:
            return self.results.table(name)
        if name == "summary":
            return self.summary
        if name == "overlap":
            frame = self.results.overlap()
            both = frame[[schema.VARIANT_ID, "other_variant_id"]].isin(self.variant_ids)
            return frame[both.all(axis=1)].reset_index(drop=True)
        ids = (*((DENSE_ID,) if TABLES[name].has_dense else ()), *self.variant_ids)
        return pd.concat([self.results.table(name, v) for v in ids], ignore_index=True)

    def note(self, variant_id: str | None = None) -> str:
        """Return the footnote of a figure, the same as on the screen."""
        variants = [variant_id] if variant_id else self.results.variant_ids
        k = max((len(self.manifest.done_seeds(v)) for v in variants), default=0)
        return footnote(self.manifest.name, self.manifest.updated, k, self.results.ties, variant_id)


def scope_of(results: SweepResults, variant_ids: list[str] | None) -> Scope:
    """Restrict results to some variants, all compressed ones by default.

    Raises
    ------
    UserError
        A variant does not exist or has no run, or there is nothing to compare with dense.
    """
    manifest = results.manifest
    for name in variant_ids or ():
        manifest.variant(name)
        if name == DENSE_ID:
            raise UserError("'dense' is in every report; name the variants compared with it")
        if name not in results.compressed_ids:
            raise UserError(f"no run of '{name}', or none of dense, is done yet")
    chosen = [v for v in results.compressed_ids if variant_ids is None or v in variant_ids]
    if not chosen:
        raise UserError(
            f"sweep '{manifest.name}' has no run of a compressed variant to compare with dense yet"
        )
    return Scope(results, tuple(chosen))
