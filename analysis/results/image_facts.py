"""Tables of what is known of the images besides: metadata columns, and the answers of raters.

A part of :class:`analysis.results.sweep_results.SweepResults`, which computes what they rest on.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.config import DENSE_ID
from analysis.results import annotations
from analysis.results.annotations import Excess
from analysis.results.attribute_tables import AttributeTables
from analysis.results.inference import SeedInference
from analysis.results.metadata import Metadata
from analysis.results.source import Source
from analysis.results.variants import VariantTables
from analysis.store.study import Study


class ImageFacts:
    """The tables of a sweep that rest on metadata of its images, or on what people answered."""

    _source: Source
    _variants: VariantTables
    _inference: SeedInference
    _attributes: AttributeTables
    _metadata: Metadata

    def metadata(self) -> pd.DataFrame:
        """One row an image: ``image_id label path width height`` and the ``meta_*`` columns."""
        return pd.DataFrame(self._metadata.table.to_pandas())

    def attribute_kinds(self) -> pd.DataFrame:
        """One row a ``meta_*`` column: whether it is categorical or numeric, or why it is not."""
        return self._metadata.kinds()

    def attributes(
        self,
        variant_id: str | None = None,
        *,
        attribute: str | None = None,
        by: Sequence[str] = (),
        wait: bool = True,
    ) -> pd.DataFrame:
        """One row a variant, categorical attribute and value: excess, over-representation.

        Of one attribute, of the intersections of those named in ``by``, or of all. Without
        ``wait`` there are no intervals where what they rest on is not known yet.

        Raises
        ------
        UserError
            There is no such attribute, or one of ``by`` is not categorical.
        """
        asked = self._source.asked(variant_id)
        chosen = [one for name in by or (attribute,) for one in self._metadata.chosen(name)]
        groups = [self._attributes.crossed(chosen)] if by else chosen
        return self._attributes.values(asked, groups, wait=wait)

    def attribute_deciles(
        self, variant_id: str | None = None, *, attribute: str | None = None, wait: bool = True
    ) -> pd.DataFrame:
        """One row a variant, numeric attribute and tenth of its values: the PIE excess."""
        asked = self._source.asked(variant_id)
        return self._attributes.deciles(asked, self._metadata.chosen(attribute), wait=wait)

    def attribute_pairs(
        self, variant_id: str | None = None, *, attribute: str | None = None
    ) -> pd.DataFrame:
        """One row a single model (K = 1), attribute and value: the pair; q over those asked for."""
        return self._attributes.pairs(self._single(variant_id), self._metadata.chosen(attribute))

    def numeric_attributes(
        self, variant_id: str | None = None, *, attribute: str | None = None, wait: bool = True
    ) -> pd.DataFrame:
        """One row a variant and numeric attribute: PIEs against non-PIEs, matched by class too."""
        return self._attributes.numeric(
            self._source.asked(variant_id), self._metadata.chosen(attribute), wait=wait
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

    def annotations(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row an answer of a rater that stands: study, image, group; read again each time."""
        return annotations.table(self._studies(variant_id))

    def annotation_shares(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a study and category: its share among PIEs, A/A PIEs and non-PIEs, compared."""
        return annotations.shares(self._studies(variant_id), self._excess_of)

    def image_excess(self, variant_id: str) -> npt.NDArray[np.float64]:
        """By how much likelier each image is a PIE of a variant half than by seeds alone, (N,).

        ``half_i - floor_i`` of the PIE excess; NaN of images that its sample leaves out, and of all
        where there is a single run to halve.
        """
        found = np.full(len(self._source.label), np.nan)
        halves, floor = self._variants.half_pies(variant_id), self._variants.floor
        if halves is not None and floor is not None:
            found[halves.sample] = (halves.variant - halves.aa) / floor.n_splits
        return found

    def _excess_of(self, study: Study) -> Excess | None:
        """By image, of the variant of a study; None where compression is not seen to add any.

        A study of other numbers of runs than there are now was drawn from other PIEs.
        """
        variant_id, design = study.design.variant_id, study.design
        runs = (len(self._source.population(v).seeds) for v in (DENSE_ID, variant_id))
        if (design.n_dense_runs, design.n_variant_runs) != tuple(runs):
            return None
        if design.ties != self._source.ties:
            return None
        low = self._inference.excess(variant_id, wait=False)["pie_excess_low"]
        aa_pie = self._variants.aa_pies
        if aa_pie is None or low is None or not low > 0:
            return None
        of_image = self.image_excess(variant_id)
        if np.isnan(of_image).all():
            return None
        pie = self._variants.pies(variant_id)["is_pie"].to_numpy(np.bool_)
        return Excess(of_image, pie, aa_pie, self._source.label)

    def annotation_agreement(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a study and pair of raters (Cohen's kappa), one of all (Krippendorff's alpha)."""
        return annotations.agreement(self._studies(variant_id))

    def _studies(self, variant_id: str | None) -> list[Study]:
        return annotations.studies(self._source.folder, self._source.manifest, variant_id)

    def _single(self, variant_id: str | None) -> list[str]:
        """Variants that are one single model beside one dense one."""
        asked = self._source.asked(variant_id)
        return [v for v in asked if self._source.manifest.is_single(v)]
