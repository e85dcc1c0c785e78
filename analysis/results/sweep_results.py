"""A sweep's results: every table by its method, each computed once, on demand.

The parts that compute them are composed here and share one source, which reads the cache and keeps
what was read within a bound of bytes.
"""

import copy
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.results import notebook
from analysis.results.attribute_tables import AttributeTables
from analysis.results.doubt import DoubtTables
from analysis.results.frames import stack, typed
from analysis.results.group_curves import GroupCurves
from analysis.results.image_facts import ImageFacts
from analysis.results.images import ImageTables
from analysis.results.inference import SeedInference
from analysis.results.metadata import Metadata
from analysis.results.plans import Plans
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
from analysis.store import Population, SweepFolder, joinable
from analysis.store.features import read_features
from analysis.store.manifest import Manifest


class SweepResults(ImageFacts, Reasons):
    """The results of one sweep under one tie rule.

    Variants count as soon as one of their runs is done; ``n_runs`` says how many there are.

    Parameters
    ----------
    folder : SweepFolder
        The sweep in the cache.
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.
    n_splits : int, optional
        So many random splits that the noise floor is the mean over, instead of all distinct ones.
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
        self._plans = Plans(self._source, self._variants)
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
        return notebook.as_text(self.manifest, self.ties)

    def _repr_html_(self) -> str:
        return notebook.as_html(self.manifest, self.ties)

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
        """One row a class (and variant): recall deltas, tests over runs and over images too."""
        asked = self._source.asked(variant_id)
        whole = stack(
            [self._variants.of_classes.classes(v) for v in self.compressed_ids],
            schema.CLASSES_COLUMNS,
        )
        # Over all classes and variants of the sweep, of which one is asked for.
        whole = whole.assign(q_sweep=benjamini_hochberg(whole["p_two_way"].to_numpy(np.float64)))
        return whole[whole[schema.VARIANT_ID].isin(asked)].reset_index(drop=True)

    def summary(self, *, wait: bool = True) -> pd.DataFrame:
        """One row a variant, dense first; empty without dense runs.

        Parameters
        ----------
        wait : bool
            Whether what holds for other seeds, which takes long once, is computed where it is not
            known yet; else its columns are null then.
        """
        found = self._source.kept("summary", self._variants.all_summaries)
        if wait or self._inference.is_known:
            return with_inference(found, self._inference.columns())
        return found

    @property
    def inference(self) -> SeedInference:
        """What holds for other seeds: whether it is known yet, and how it is computed and kept."""
        return self._inference

    def curves(self) -> pd.DataFrame:
        """One row a variant and metric, with 95 % intervals over runs."""
        return self._source.kept("curves", self._variants.all_curves)

    def seed_ties(self) -> dict[str, SeedTie]:
        """Compare runs of equal seeds with others, of variants that are said to be independent."""
        return self._variants.seed_ties()

    def keep_tables(self, told: Callable[[str, int, int], None]) -> None:
        """Compute what takes long on a large sweep, so that whoever looks first need not wait.

        Of a small sweep that is what holds for other seeds; of one still being made, nothing.
        """
        if not self._source.has_shelf:
            return
        if self._source.is_large:
            for done, variant_id in enumerate(self.variant_ids):
                told("tables", done, len(self.variant_ids))
                self._variants.summary(variant_id)
            self.seed_ties()
            self.curves()
            told("tables", len(self.variant_ids), len(self.variant_ids))
        self._inference.keep(told)
        self.summary()
        # Of a small sweep they take a moment when they are asked for.
        ids = self.compressed_ids if self._source.is_large else []
        for done, variant_id in enumerate(ids):
            told("scores and slices", done, len(ids))
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
        """One row an image: in which share of resamples of the seeds it is a PIE, 0..1.

        Null where a population has fewer than two runs. It takes seconds on large sweeps, so it is
        no part of ``images``.
        """

        def of(variant_id: str) -> pd.DataFrame:
            return self._source.kept(
                f"stability-{n_resamples}-{variant_id}",
                lambda: self._images.stability(variant_id, n_resamples),
            )

        frames = [of(v) for v in self._source.asked(variant_id)]
        return stack(frames, schema.STABILITY_COLUMNS)

    def seed_test(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant: whether it has more PIEs than other seeds would make.

        ``pie_share`` of all runs beside its mean where runs of both populations are exchanged, the
        one-sided permutation p, and Holm's over the variants of the sweep; null below two runs a
        side. ``smallest_p`` is the smallest that so few runs can give.
        """
        whole = self._inference.seed_tests()
        asked = self._source.asked(variant_id)
        return whole[whole[schema.VARIANT_ID].isin(asked)].reset_index(drop=True)

    def halves(self, variant_id: str | None = None, *, wait: bool = True) -> pd.DataFrame:
        """One row a variant and scalar: of a half of its runs, and of A/A halves of the dense ones.

        Either against the other dense half, medians over at most 20 splits, with the smallest and
        the largest of the A/A halves: what seeds alone make of each figure. Without ``wait``,
        variants whose halves are not compared yet are left out.
        """
        asked = self._source.asked(variant_id)
        halves = self._inference.halves
        frames = [halves.table(v) for v in asked if wait or halves.is_known(v)]
        return stack(frames, schema.HALVES_COLUMNS)

    def plan(self, variant_id: str | None = None, *, difference: float = 0.02) -> pd.DataFrame:
        """One row a variant and class, one of all images first: what its seeds and images tell.

        ``detectable`` at so many seeds, ``image_floor`` at any number, and how many seeds and
        images ``difference``, a fraction, takes (80 % power at 0.05).
        """
        frames = [self._plans.table(v, difference) for v in self._source.asked(variant_id)]
        return stack(frames, schema.PLAN_COLUMNS)

    def pairs(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant that is one single model beside one dense one (K = 1).

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
        table = self._source.kept("shift-pairs", lambda: self._robustness.pairs(single))
        asked = self._source.asked(variant_id)
        return table[table[schema.VARIANT_ID].isin(asked)].reset_index(drop=True)

    def overlap(self) -> pd.DataFrame:
        """One row a pair of variants: how much their PIE sets have in common (Jaccard, 0..1)."""
        return self._variants.overlap()

    @property
    def shifts(self) -> pd.DataFrame:
        """One row a shift: corruption and severity or dataset, images, runs done and asked."""
        return self._robustness.shifts()

    def robustness(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant, shift and metric: how much of its clean accuracy is kept.

        Beside it what dense keeps, the difference with its interval and p, and q over all variants
        and shifts of the metric. Where a shift lacks classes, clean accuracy is of those it has.
        """
        asked = self._source.asked(variant_id)
        whole = self._source.kept("robustness", self._robustness.table)
        return whole[whole[schema.VARIANT_ID].isin(asked)].reset_index(drop=True)

    def breaking_points(self) -> pd.DataFrame:
        """One row an image and method with levels of sparsity: ``method image_id breaking_point``.

        Methods tested at a single level are left out: they have nothing to break between.
        """
        return self._images.breaking_points()

    def features(self) -> npt.NDArray[np.float32] | None:
        """Features of the images, (N, D): alike images lie close together; None without any."""
        return read_features(self.folder)

    def aa_pies(self) -> npt.NDArray[np.bool_] | None:
        """Whether each image is an A/A PIE of one split of the dense runs, (N,); None for K < 2."""
        return self._variants.aa_pies

    def join(self, table: joinable.Joinable, *, overwrite: bool = False) -> "SweepResults":
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
        """Return a table by its name on the command line, of one variant where it is named."""
        return TABLES[name].rows(self, variant_id)

    def votes(self, image_id: int) -> pd.DataFrame:
        """Votes of every variant on one image: ``variant_id class_id votes share``, most first."""
        return votes_on(runs_on(self._source, image_id, (schema.PREDICTION,)))

    def runs_on(self, image_id: int) -> pd.DataFrame:
        """Return what every run says of one image: its prediction, confidences, rank and KL."""
        return runs_on(self._source, image_id)
