"""The results of a sweep: one method a table, each computed once, on demand.

The parts that compute the tables are composed here and share one source, which reads the cache and
bounds the memory of what it has read.
"""

import copy
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.results.attribute_tables import AttributeTables, GroupCurves
from analysis.results.class_tables import Plans
from analysis.results.code import as_html, as_text
from analysis.results.doubt import DoubtTables
from analysis.results.frames import stack, typed
from analysis.results.images import ImageFacts, ImageTables
from analysis.results.inference import SeedInference
from analysis.results.metadata import Metadata
from analysis.results.reasons import Reasons
from analysis.results.shifts import RobustnessTables
from analysis.results.slices import SliceTables
from analysis.results.source import Source, runs_on, votes_on
from analysis.results.tables import TABLES
from analysis.results.variants import VariantTables
from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.pairs import SeedTie
from analysis.stats.pie import RESAMPLES, sort_pies
from analysis.stats.summary import with_inference
from analysis.stats.votes import TieRule
from analysis.store import Cache, Population, SweepFolder, joinable
from analysis.store.features import read_features
from analysis.store.manifest import Manifest


class SweepResults(ImageFacts, Reasons):
    """The results of one sweep under one tie rule.

    Variants are included once one of their runs is done; ``n_runs`` counts them.

    Parameters
    ----------
    folder : SweepFolder
        The sweep in the cache.
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.
    n_splits : int, optional
        Number of random splits for the noise floor, instead of all distinct ones.
    """

    def __init__(
        self, folder: SweepFolder, *, ties: TieRule = "confidence", n_splits: int | None = None
    ) -> None:
        self._source = Source(folder, ties, n_splits)
        self._variants = VariantTables(self._source)
        self._images = ImageTables(self._source, self._variants)
        self._inference = SeedInference(self._source, self._variants)
        self._attributes = AttributeTables(self._source, self._variants, self._inference)
        self._robustness = RobustnessTables(self._source, self._variants)
        self._groups = GroupCurves(self._source, self._variants)
        self._plans = Plans(self._source, self._variants.of_classes)
        self._metadata = Metadata(folder)
        self._doubt = DoubtTables(self._source, self._variants)
        self._slices = SliceTables(
            self._source, self._variants, self._inference, self._doubt, self._metadata
        )

    @property
    def folder(self) -> SweepFolder:
        """The sweep's folder in the cache."""
        return self._source.folder

    @property
    def manifest(self) -> Manifest:
        """The manifest as it was when the sweep was opened."""
        return self._source.manifest

    @property
    def ties(self) -> TieRule:
        """How tied modal labels are broken."""
        return self._source.ties

    @property
    def class_names(self) -> list[str]:
        """Class names in order of class id."""
        return self._source.class_names

    @property
    def label(self) -> npt.NDArray[np.int32]:
        """True classes, shape (N,)."""
        return self._source.label

    @property
    def class_sizes(self) -> npt.NDArray[np.int64]:
        """Number of test images of each class, (C,)."""
        return self._source.class_sizes

    @property
    def variant_ids(self) -> list[str]:
        """Variants with at least one run done, dense first, in the order of the manifest."""
        return self._source.variant_ids

    @property
    def compressed_ids(self) -> list[str]:
        """Variants besides dense, where the dense population has runs to compare them with."""
        return self._source.compressed_ids

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
        return self._source.population(variant_id)

    def __repr__(self) -> str:
        return as_text(self.manifest, self.ties)

    def _repr_html_(self) -> str:
        return as_html(self.manifest, self.ties)

    def runs(self) -> pd.DataFrame:
        """One row a run, dense included: accuracy, calibration error, size and latency."""
        return stack([self._variants.runs(v) for v in self.variant_ids], schema.RUNS_COLUMNS)

    def images(
        self, variant_id: str | None = None, *, columns: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """One row an image (and variant, unless one is named): modal labels, PIE, kind, votes.

        Also difficulty, flips, KL and breaking point. ``columns`` selects columns besides
        ``variant_id`` and ``image_id``; only what they need is read and computed.
        """
        wanted = None if columns is None else tuple(columns)
        frames = [self._images.images(v, wanted) for v in self._source.requested(variant_id)]
        return stack(frames, schema.IMAGES_COLUMNS)

    def pies(self, variant_id: str | None = None) -> pd.DataFrame:
        """Return the PIEs of ``images``, by falling vote distance within a variant."""
        frames = [sort_pies(self._images.images(v)) for v in self._source.requested(variant_id)]
        return stack(frames, schema.IMAGES_COLUMNS)

    def classes(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a class (and variant): recall deltas, tests over runs and over images too."""
        table = stack(
            [self._variants.of_classes.classes(v) for v in self.compressed_ids],
            schema.CLASSES_COLUMNS,
        )
        # Over all classes and variants of the sweep, whichever is requested.
        q = benjamini_hochberg(table["p_two_way"].to_numpy(np.float64))
        return self._requested(table.assign(q_sweep=q), variant_id)

    def summary(self, *, wait: bool = True) -> pd.DataFrame:
        """One row a variant, dense first; empty without dense runs.

        Parameters
        ----------
        wait : bool
            Whether to compute the inference for other seeds, which takes long once, if it is not
            known yet; otherwise its columns are null until then.
        """
        table = self._source.derived_table("summary", self._variants.all_summaries)
        if wait or self._inference.is_known:
            return with_inference(table, self._inference.columns())
        return table

    @property
    def inference(self) -> SeedInference:
        """The inference for other seeds: whether it is known yet; to compute and store it."""
        return self._inference

    def curves(self) -> pd.DataFrame:
        """One row a variant and metric, with 95 % intervals over runs."""
        return self._source.derived_table("curves", self._variants.all_curves)

    def seed_ties(self) -> dict[str, SeedTie]:
        """Compare runs of equal seeds with others, for variants declared independent."""
        return self._variants.seed_ties()

    def keep_tables(self, on_progress: Callable[[str, int, int], None]) -> None:
        """Compute and store what takes long, so that the first visitor need not wait.

        For a small sweep that is the inference for other seeds, for an incomplete one nothing.
        """
        if not self._source.can_store:
            return
        if self._source.is_large:
            for done, variant_id in enumerate(self.variant_ids):
                on_progress("tables", done, len(self.variant_ids))
                self._variants.summary(variant_id)
            self.seed_ties()
            self.curves()
            on_progress("tables", len(self.variant_ids), len(self.variant_ids))
        self._inference.keep(on_progress)
        self.summary()
        # For a small sweep they take a moment when they are needed.
        ids = self.compressed_ids if self._source.is_large else []
        for done, variant_id in enumerate(ids):
            on_progress("scores and slices", done, len(ids))
            self.scores(variant_id)
            self.slices(variant_id)
            self.cascade(variant_id)

    def class_curve(self, class_name: str) -> pd.DataFrame:
        """Recall of one class: rows as :meth:`curves`, of the metric ``recall``.

        Raises
        ------
        UserError
            There is no such class.
        """
        return typed(self._groups.of_class(class_name, self.summary()))

    def value_curve(self, attribute: str, value: str) -> pd.DataFrame:
        """Accuracy on the images of one value of a metadata column, ``top1_on_value``.

        Raises
        ------
        UserError
            There is no such attribute or value, or the attribute is not categorical.
        """
        (chosen,) = self._metadata.chosen(attribute)
        return typed(self._groups.of_value(chosen, value, self.summary()))

    def stability(
        self, variant_id: str | None = None, *, n_resamples: int = RESAMPLES
    ) -> pd.DataFrame:
        """One row an image: share of resamples of the seeds in which it is a PIE, 0..1.

        Null where a population has fewer than two runs. Not part of ``images``, since it takes
        seconds on large sweeps.
        """

        def of(variant_id: str) -> pd.DataFrame:
            return self._source.derived_table(
                f"stability-{n_resamples}-{variant_id}",
                lambda: self._images.stability(variant_id, n_resamples),
            )

        frames = [of(v) for v in self._source.requested(variant_id)]
        return stack(frames, schema.STABILITY_COLUMNS)

    def seed_test(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant: whether it has more PIEs than other seeds would make.

        ``pie_share`` of all runs beside its mean where runs of both populations are exchanged, the
        one-sided permutation p, and Holm's over the variants of the sweep; null below two runs a
        side. ``smallest_p`` is the smallest that so few runs can give.
        """
        return self._requested(self._inference.seed_tests(), variant_id)

    def halves(self, variant_id: str | None = None, *, wait: bool = True) -> pd.DataFrame:
        """One row a variant and scalar: of a half of its runs, and of A/A halves of the dense ones.

        Both against the other dense half, medians over at most 20 splits, with the smallest and
        the largest of the A/A halves: what seeds alone make of each figure. Without ``wait``,
        variants whose halves are not compared yet are left out.
        """
        variants = self._source.requested(variant_id)
        halves = self._inference.halves
        frames = [halves.table(v) for v in variants if wait or halves.is_known(v)]
        return stack(frames, schema.HALVES_COLUMNS)

    def plan(self, variant_id: str | None = None, *, difference: float = 0.02) -> pd.DataFrame:
        """One row a variant and class, one of all images first: differences that it can detect.

        ``detectable`` with the seeds of the sweep, ``image_floor`` with any number, and the seeds
        and images that ``difference``, a fraction, takes (80 % power at 0.05).
        """
        frames = [self._plans.table(v, difference) for v in self._source.requested(variant_id)]
        return stack(frames, schema.PLAN_COLUMNS)

    def pairs(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant of one single model, beside one dense model (K = 1).

        Change of top-1 with its interval over images (Bonett and Price 2012), McNemar's exact p,
        flips, mean KL from dense in nats. Empty where there are more runs.
        """
        single = self._single(variant_id)
        return stack([self._variants.pair(v) for v in single], schema.PAIRS_COLUMNS)

    def shift_pairs(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant of one single model (K = 1) and shift: the pair on its images.

        Columns as of ``pairs``, and ``mcnemar_q``, Benjamini-Hochberg over all variants and shifts.
        """
        single = self._single(None)
        table = self._source.derived_table("shift-pairs", lambda: self._robustness.pairs(single))
        return self._requested(table, variant_id)

    def overlap(self) -> pd.DataFrame:
        """One row a pair of variants: how much their PIE sets have in common (Jaccard, 0..1)."""
        return self._variants.overlap()

    @property
    def shifts(self) -> pd.DataFrame:
        """One row a shift: corruption and severity or dataset, images, runs done and planned."""
        return self._robustness.shifts()

    def robustness(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant, shift and metric: share of its clean accuracy that is kept.

        Also the share that dense keeps, the difference with its interval and p, and q over all
        variants and shifts of the metric. Clean accuracy is of the classes that the shift has.
        """
        table = self._source.derived_table("robustness", self._robustness.table)
        return self._requested(table, variant_id)

    def breaking_points(self) -> pd.DataFrame:
        """One row an image and method with levels of sparsity: ``method image_id breaking_point``.

        Methods tested at a single level have no breaking point and are left out.
        """
        return self._images.breaking_points()

    def features(self) -> npt.NDArray[np.float32] | None:
        """Features of the images, (N, D), close together for similar images; None without any."""
        return read_features(self.folder)

    def aa_pies(self) -> npt.NDArray[np.bool_] | None:
        """Whether each image is an A/A PIE of one split of the dense runs, (N,); None for K < 2."""
        return self._variants.aa_pies

    def join(self, table: joinable.Joinable, *, overwrite: bool = False) -> "SweepResults":
        """Return these results with the columns of a table as ``meta_*`` columns of the images.

        Nothing is written: ``python -m analysis join`` stores the columns in the cache.

        Parameters
        ----------
        table : DataFrame, pyarrow Table, or path of a CSV, Parquet or JSON-lines file
            Rows are matched by ``image_id``, or by ``path`` without it.
        overwrite : bool
            Whether to replace columns that exist already.

        Raises
        ------
        UserError
            The table cannot be read or matched.
        """
        view = copy.copy(self)
        view._metadata = self._metadata.joined(table, overwrite=overwrite)
        return view

    def table(self, name: str, variant_id: str | None = None) -> pd.DataFrame:
        """Return a table by its name on the command line, of one variant if it is named."""
        return TABLES[name].rows(self, variant_id)

    def votes(self, image_id: int) -> pd.DataFrame:
        """Votes of every variant on one image: ``variant_id class_id votes share``, most first."""
        return votes_on(runs_on(self._source, image_id, (schema.PREDICTION,)))

    def runs_on(self, image_id: int) -> pd.DataFrame:
        """One row a run: its prediction on one image, confidences, rank and KL."""
        return runs_on(self._source, image_id)

    def _requested(self, table: pd.DataFrame, variant_id: str | None) -> pd.DataFrame:
        variants = self._source.requested(variant_id)
        return table[table[schema.VARIANT_ID].isin(variants)].reset_index(drop=True)


def load_sweep(
    name: str,
    *,
    cache: str | Path = "cache",
    ties: TieRule = "confidence",
    n_splits: int | None = None,
) -> SweepResults:
    """Open a sweep of the cache; until a table is requested, only its manifest is read.

    Parameters
    ----------
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.
    n_splits : int, optional
        Number of random splits for the noise floor, instead of all distinct ones.

    Raises
    ------
    UserError
        There is no sweep of that name, or its manifest is damaged.
    """
    return SweepResults(Cache(cache).existing(name), ties=ties, n_splits=n_splits)
