"""The tables beyond the contract: stability, pairs, overlap, shifts, attributes, annotations."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.results import annotations
from analysis.results.attributes import AttributeTables
from analysis.results.contract import ContractTables
from analysis.results.frames import rows_of, stack, typed
from analysis.results.groups import GroupCurves
from analysis.results.metadata import Metadata
from analysis.results.robustness import RobustnessTables
from analysis.stats.pie import RESAMPLES, pie_overlap
from analysis.stats.seed_noise import SPLITS
from analysis.stats.votes import TieRule
from analysis.store import SweepFolder
from analysis.store.study import Study

MORE_TABLES = (
    "stability", "seed-test", "pairs", "shift-pairs", "overlap", "attributes", "numeric-attributes",
    "subgroups", "robustness", "annotations", "annotation-shares", "annotation-agreement",
)  # fmt: skip


class MoreTables(ContractTables):
    """A sweep with the contract's tables and those beyond it."""

    def __init__(
        self, folder: SweepFolder, *, ties: TieRule = "confidence", n_splits: int = SPLITS
    ) -> None:
        super().__init__(folder, ties=ties, n_splits=n_splits)
        self._attributes = AttributeTables(self._source, self._variants)
        self._robustness = RobustnessTables(self._source, self._variants)
        self._metadata = Metadata(folder)
        self._groups = GroupCurves(self._source, self._variants)

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

        ``pie_share`` of all runs beside its mean where runs of both populations are exchanged, and
        the one-sided permutation p; null below two runs a side. Unlike the interval of the excess,
        which is over images, it holds whatever seeds do to all images at once.
        """

        def of(variant_id: str) -> pd.DataFrame:
            return self._variants.kept.shelved(
                "seed-test", variant_id, lambda: pd.DataFrame([self._images.seed_test(variant_id)])
            )

        frames = [of(v) for v in self._source.asked(variant_id)]
        return stack(frames, schema.SEED_TEST_COLUMNS)

    def pairs(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant that is one single model beside one dense one (K = 1).

        Change of top-1 accuracy with its 95 % interval over images (Bonett and Price 2012),
        McNemar's exact p, images that flip, and mean KL from dense in nats. Empty where there are
        more runs: the other tables say more then.
        """
        single = self._single(variant_id)
        return stack([self._variants.pair(v) for v in single], schema.PAIRS_COLUMNS)

    def shift_pairs(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant of one single model (K = 1) and shift: the pair on its images.

        Columns as of ``pairs``, with both accuracies and ``mcnemar_q``, Benjamini-Hochberg over all
        variants and shifts. Empty where there are more runs: ``robustness`` says more then.
        """
        single = self._single(None)
        table = self._source.kept("shift-pairs", lambda: self._robustness.pairs(single))
        if variant_id is None:
            return table
        self._source.asked(variant_id)
        return rows_of(table, self.manifest.variant(variant_id))

    def _single(self, variant_id: str | None) -> list[str]:
        """Variants that are one single model beside one dense one."""
        return [v for v in self._source.asked(variant_id) if self.manifest.is_single(v)]

    def overlap(self) -> pd.DataFrame:
        """One row a pair of variants: how much their PIE sets have in common (Jaccard, 0..1)."""
        ids = self.compressed_ids
        if not ids:
            return stack([], schema.OVERLAP_COLUMNS)
        flags = np.stack([self._variants.pies(v)["is_pie"].to_numpy() for v in ids])
        return pie_overlap(ids, flags)

    @property
    def shifts(self) -> pd.DataFrame:
        """One row a shift: corruption and severity or dataset, images, runs done and asked."""
        return self._robustness.shifts()

    def robustness(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant, shift and metric: how much of its clean accuracy is kept.

        Beside it what dense keeps, the difference with its interval and p (Welch's t, the paired t
        of paired variants), and q over all variants and shifts of the metric. Where a natural shift
        lacks classes, clean accuracy is that on the test images of the classes it has.
        """
        asked = self._source.asked(variant_id)
        whole = self._source.kept("robustness", self._robustness.table)
        return whole[whole[schema.VARIANT_ID].isin(asked)].reset_index(drop=True)

    def breaking_points(self) -> pd.DataFrame:
        """One row an image and method with levels of sparsity: ``method image_id breaking_point``.

        Methods tested at a single level are left out: they have nothing to break between.
        """
        levels: dict[str, list[str]] = {}
        for variant_id in self.compressed_ids:
            record = self.manifest.variant(variant_id)
            if record.target_sparsity:
                levels.setdefault(record.method, []).append(variant_id)
        columns = (schema.METHOD, schema.IMAGE_ID, schema.BREAKING_POINT)
        frames = [
            self.images(ids[-1], columns=[schema.BREAKING_POINT]).assign(method=method)
            for method, ids in levels.items()
            if len(ids) > 1
        ]
        return stack([frame[list(columns)] for frame in frames], columns)

    def metadata(self) -> pd.DataFrame:
        """One row an image: ``image_id label path width height`` and the ``meta_*`` columns."""
        frame: pd.DataFrame = self._metadata.table.to_pandas()
        return frame

    def attribute_kinds(self) -> pd.DataFrame:
        """One row a ``meta_*`` column: whether it is categorical or numeric, or why it is not."""
        return self._metadata.kinds()

    def attributes(
        self, variant_id: str | None = None, *, attribute: str | None = None
    ) -> pd.DataFrame:
        """One row a variant, categorical attribute and value: over-representation among PIEs."""
        asked = self._source.asked(variant_id)
        return self._attributes.over_representation(asked, self._metadata.chosen(attribute))

    def numeric_attributes(
        self, variant_id: str | None = None, *, attribute: str | None = None
    ) -> pd.DataFrame:
        """One row a variant and numeric attribute: PIEs against non-PIEs, matched by class too."""
        return self._attributes.numeric(
            self._source.asked(variant_id), self._metadata.chosen(attribute)
        )

    def subgroups(
        self,
        variant_id: str | None = None,
        *,
        by: str | Sequence[str] | None = None,
        positive: str | int | None = None,
    ) -> pd.DataFrame:
        """FPR and FNR within subgroups of the images, dense and variant, and their change.

        Parameters
        ----------
        by : str or sequence of str, optional
            One attribute, or several for the intersections of their values; without it every
            categorical attribute by itself.
        positive : str or int, optional
            The positive class, by name or id, against the rest. Of two classes the second is taken
            by default, of more each in turn.

        Raises
        ------
        UserError
            There is no such attribute or class, or the attribute is not categorical.
        """
        asked = self._source.asked(variant_id)
        if by is None:
            return self._attributes.subgroups(asked, self._metadata.chosen(None), positive)
        names = [by] if isinstance(by, str) else list(by)
        group = self._attributes.crossed([self._metadata.chosen(name)[0] for name in names])
        return self._attributes.subgroups(asked, [group], positive)

    def aa_pies(self) -> npt.NDArray[np.bool_] | None:
        """Whether each image is an A/A PIE: two halves of the dense runs differ on it, (N,).

        Of the first split of the noise floor; None with a single dense run.
        """
        return self._variants.aa_pies

    def annotations(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row an answer of a rater that stands: study, image, group and category.

        Read anew each time: answers are added while the sweep is open.
        """
        return annotations.table(self._studies(variant_id))

    def annotation_shares(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a study and category: its share among PIEs, A/A PIEs and non-PIEs, compared."""
        return annotations.shares(self._studies(variant_id))

    def annotation_agreement(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a study and pair of raters (Cohen's kappa), one of all (Krippendorff's alpha)."""
        return annotations.agreement(self._studies(variant_id))

    def _studies(self, variant_id: str | None) -> list[Study]:
        if variant_id is not None:
            self.manifest.variant(variant_id)
        kept = self.folder.annotations
        studies = [kept.read(name) for name in kept.names()]
        return [one for one in studies if variant_id in (None, one.design.variant_id)]
