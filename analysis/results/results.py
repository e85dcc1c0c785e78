"""The results of an opened sweep: every table, by method and by name."""

import copy
from pathlib import Path

import pandas as pd

from analysis import matching, schema
from analysis.results.frames import rows_of
from analysis.results.more import MoreTables
from analysis.results.source import runs_on, votes_on
from analysis.stats.seed_noise import SPLITS
from analysis.stats.votes import TieRule
from analysis.store import Cache


def load_sweep(
    name: str,
    *,
    cache: str | Path = "cache",
    ties: TieRule = "confidence",
    n_splits: int = SPLITS,
) -> "SweepResults":
    """Open a sweep of the cache; nothing but its manifest is read until a table is asked for.

    Parameters
    ----------
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.
    n_splits : int
        Random splits that the noise floor is the mean over.

    Raises
    ------
    UserError
        There is no sweep of that name, or its manifest is damaged.
    """
    return SweepResults(Cache(cache).existing(name), ties=ties, n_splits=n_splits)


class SweepResults(MoreTables):
    """The results of one sweep under one tie rule.

    Variants count as soon as one of their runs is done; ``n_runs`` says how many there are.
    """

    def join(self, table: matching.Joinable, *, overwrite: bool = False) -> "SweepResults":
        """Return these results with the columns of a table as ``meta_*`` columns of the images.

        Nothing is written: ``python -m analysis join`` keeps the columns in the cache.

        Parameters
        ----------
        table : DataFrame, pyarrow Table, or path of a CSV, Parquet or JSON-lines file
            Rows are matched by ``image_id``, or by ``path`` without it.
        overwrite : bool
            Whether a column that is there already is replaced.

        Raises
        ------
        UserError
            The table cannot be read or matched; the message says what is wrong with it.
        """
        view = copy.copy(self)
        view._metadata = self._metadata.joined(table, overwrite=overwrite)
        return view

    def table(self, name: str, variant_id: str | None = None) -> pd.DataFrame:
        """Return a table by its name on the command line; ``variant_id`` keeps one variant's rows.

        Raises
        ------
        CacheError
            The sweep has no such variant.
        """
        by_variant = {
            "images": self.images,
            "pies": self.pies,
            "classes": self.classes,
            "stability": self.stability,
            "seed-test": self.seed_test,
            "pairs": self.pairs,
            "shift-pairs": self.shift_pairs,
            "attributes": self.attributes,
            "numeric-attributes": self.numeric_attributes,
            "subgroups": self.subgroups,
            "robustness": self.robustness,
            "annotations": self.annotations,
            "annotation-shares": self.annotation_shares,
            "annotation-agreement": self.annotation_agreement,
        }
        if name in by_variant:
            return by_variant[name](variant_id)
        whole = {
            "runs": self.runs,
            "summary": self.summary,
            "curves": self.curves,
            "overlap": self.overlap,
        }[name]()
        return whole if variant_id is None else rows_of(whole, self.manifest.variant(variant_id))

    def votes(self, image_id: int) -> pd.DataFrame:
        """Votes of every variant on one image: ``variant_id class_id votes share``, most first."""
        return votes_on(runs_on(self._source, image_id, (schema.PREDICTION,)))

    def runs_on(self, image_id: int) -> pd.DataFrame:
        """Return what every run says of one image: its prediction, confidences, rank and KL."""
        return runs_on(self._source, image_id)
