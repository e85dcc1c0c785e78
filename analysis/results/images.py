"""Tables of images: per-image results of a variant, metadata columns, answers of raters."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results import annotations
from analysis.results.annotations import Excess
from analysis.results.attribute_tables import AttributeTables
from analysis.results.doubt import dense_doubt
from analysis.results.frames import stack
from analysis.results.inference import SeedInference
from analysis.results.metadata import Metadata
from analysis.results.source import Source
from analysis.results.variants import VariantTables, votes
from analysis.stats.pie import breaking_point, pie_stability
from analysis.store.study import Study


class ImageTables:
    """Per-image tables; columns that need other variants or files are computed when requested."""

    def __init__(self, source: Source, variants: VariantTables) -> None:
        self._source = source
        self._variants = variants

    def images(self, variant_id: str, columns: Iterable[str] | None = None) -> pd.DataFrame:
        """One row an image, with the requested columns (all by default); no others are computed."""
        wanted = [
            name
            for name in schema.IMAGES_COLUMNS
            if columns is None or name in (schema.VARIANT_ID, schema.IMAGE_ID, *columns)
        ]
        frame = self._variants.pies(variant_id)
        more: dict[str, Any] = {}
        for names, of, compute in (
            (schema.DIFFICULTY_COLUMNS, DENSE_ID, self._difficulty),
            (schema.PAIRED_COLUMNS, variant_id, self._paired_columns),
            ((schema.BREAKING_POINT,), variant_id, self._breaking_point),
            ((schema.TRUE_CONFIDENCE,), variant_id, self._true_confidence),
            (schema.TIED_SCORES_COLUMNS, variant_id, self._tied_scores),
            ((schema.MARGIN,), variant_id, self._margin),
            ((schema.DENSE_DOUBT,), DENSE_ID, self._doubt),
        ):
            if set(names) & set(wanted):
                table = self._variants.cache.table(names[0], of, partial(compute, variant_id))
                more |= {name: table[name].to_numpy() for name in names}
        return frame.assign(**more)[wanted]

    def stability(self, variant_id: str, n_resamples: int) -> pd.DataFrame:
        """One row an image: in which share of the resamples of the seeds it is a PIE."""
        frame = self._variants.pies(variant_id)[
            [schema.VARIANT_ID, schema.IMAGE_ID, schema.LABEL, "is_pie"]
        ]
        dense, variant = self._variants.both(variant_id)
        return frame.assign(
            stability=pie_stability(
                votes(dense),
                votes(variant),
                dense_seeds=dense.seeds,
                variant_seeds=variant.seeds,
                paired=self._source.is_paired(variant_id),
                ties=self._source.ties,
                n_resamples=n_resamples,
            )
        )

    def _difficulty(self, _: str) -> pd.DataFrame:
        means = (self._source.mean_of(DENSE_ID, c) for c in (schema.TRUE_CONFIDENCE, schema.EL2N))
        columns = zip(schema.DIFFICULTY_COLUMNS, (self._variants.entropy, *means), strict=True)
        return pd.DataFrame(dict(columns))

    def _true_confidence(self, variant_id: str) -> pd.DataFrame:
        mean = self._source.mean_of(variant_id, schema.TRUE_CONFIDENCE)
        return pd.DataFrame({schema.TRUE_CONFIDENCE: mean})

    def _margin(self, variant_id: str) -> pd.DataFrame:
        return pd.DataFrame({schema.MARGIN: self._source.mean_of(variant_id, schema.MARGIN)})

    def _doubt(self, _: str) -> pd.DataFrame:
        return pd.DataFrame({schema.DENSE_DOUBT: dense_doubt(self._source)})

    def _tied_scores(self, variant_id: str) -> pd.DataFrame:
        shares = {}
        for name, one in zip(schema.TIED_SCORES_COLUMNS, (DENSE_ID, variant_id), strict=True):
            ties = self._source.score_ties(one)
            n_known = (~np.isnan(ties)).sum(axis=0)
            share = (ties > 1).sum(axis=0) / np.maximum(n_known, 1)
            shares[name] = np.where(n_known > 0, share, np.nan)
        return pd.DataFrame(shares)

    def _paired_columns(self, variant_id: str) -> pd.DataFrame:
        flips = self._variants.flips(variant_id)
        kl = self._source.mean_of(variant_id, schema.KL_FROM_DENSE)
        columns = zip(schema.PAIRED_COLUMNS, (flips.to_wrong, flips.to_right, kl), strict=True)
        return pd.DataFrame(dict(columns))

    def _breaking_point(self, variant_id: str) -> pd.DataFrame:
        manifest = self._source.manifest
        method = manifest.variant(variant_id).method
        of_method = [manifest.variant(v) for v in self._source.compressed_ids]
        levels = {
            record.variant_id: record.target_sparsity
            for record in of_method
            if record.method == method and record.target_sparsity is not None
        }
        if not levels:
            return pd.DataFrame({schema.BREAKING_POINT: np.full(len(self._source.label), np.nan)})
        pies = np.stack([self._variants.pies(v)["is_pie"].to_numpy() for v in levels])
        return pd.DataFrame({schema.BREAKING_POINT: breaking_point(list(levels.values()), pies)})

    def breaking_points(self) -> pd.DataFrame:
        """One row an image and method that was swept over sparsities."""
        levels: dict[str, list[str]] = {}
        for variant_id in self._source.compressed_ids:
            record = self._source.manifest.variant(variant_id)
            if record.target_sparsity:
                levels.setdefault(record.method, []).append(variant_id)
        columns = (schema.METHOD, schema.IMAGE_ID, schema.BREAKING_POINT)
        frames = [
            self.images(ids[-1], (schema.BREAKING_POINT,)).assign(method=method)
            for method, ids in levels.items()
            if len(ids) > 1
        ]
        return stack([frame[list(columns)] for frame in frames], columns)


class ImageFacts:
    """Methods of :class:`SweepResults` on the metadata of images, and on the answers of raters."""

    _source: Source
    _variants: VariantTables
    _inference: SeedInference
    _attributes: AttributeTables
    _metadata: Metadata

    def metadata(self) -> pd.DataFrame:
        """One row an image: ``image_id label path width height`` and the ``meta_*`` columns."""
        return pd.DataFrame(self._metadata.table.to_pandas())

    def attribute_kinds(self) -> pd.DataFrame:
        """One row a ``meta_*`` column: categorical, numeric, or why it is neither."""
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
        ``wait`` there are no intervals until the inference for other seeds is known.

        Raises
        ------
        UserError
            There is no such attribute, or one of ``by`` is not categorical.
        """
        variants = self._source.requested(variant_id)
        chosen = [one for name in by or (attribute,) for one in self._metadata.chosen(name)]
        groups = [self._attributes.crossed(chosen)] if by else chosen
        return self._attributes.values(variants, groups, wait=wait)

    def attribute_deciles(
        self, variant_id: str | None = None, *, attribute: str | None = None, wait: bool = True
    ) -> pd.DataFrame:
        """One row a variant, numeric attribute and decile of its values: the PIE excess."""
        variants = self._source.requested(variant_id)
        return self._attributes.deciles(variants, self._metadata.chosen(attribute), wait=wait)

    def attribute_pairs(
        self, variant_id: str | None = None, *, attribute: str | None = None
    ) -> pd.DataFrame:
        """One row a single model (K = 1), attribute and value: the pair; q over these rows."""
        return self._attributes.pairs(self._single(variant_id), self._metadata.chosen(attribute))

    def numeric_attributes(
        self, variant_id: str | None = None, *, attribute: str | None = None, wait: bool = True
    ) -> pd.DataFrame:
        """One row a variant and numeric attribute: PIEs against non-PIEs, matched by class too."""
        return self._attributes.numeric(
            self._source.requested(variant_id), self._metadata.chosen(attribute), wait=wait
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
            categorical attribute on its own.
        positive : str or int, optional
            The positive class, by name or id, against the rest. By default the second of two
            classes, or each of more in turn.

        Raises
        ------
        UserError
            There is no such attribute or class, or the attribute is not categorical.
        """
        variants = self._source.requested(variant_id)
        if by is None:
            return self._attributes.subgroups(variants, self._metadata.chosen(None), positive)
        names = [by] if isinstance(by, str) else list(by)
        group = self._attributes.crossed([self._metadata.chosen(name)[0] for name in names])
        return self._attributes.subgroups(variants, [group], positive)

    def annotations(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a valid answer of a rater: study, image, group; read from disk each time."""
        return annotations.table(self._studies(variant_id))

    def annotation_shares(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a study and category: its share among PIEs, A/A PIEs and non-PIEs, compared."""
        return annotations.shares(self._studies(variant_id), self._excess_of)

    def image_excess(self, variant_id: str) -> npt.NDArray[np.float64]:
        """PIE excess of each image, ``half_i - floor_i``, (N,).

        NaN for images that are not in its sample, and for all with a single run.
        """
        excess = np.full(len(self._source.label), np.nan)
        halves, floor = self._variants.half_pies(variant_id), self._variants.floor
        if halves is not None and floor is not None:
            excess[halves.sample] = (halves.variant - halves.aa) / floor.n_splits
        return excess

    def _excess_of(self, study: Study) -> Excess | None:
        """Excess by image for a study's variant; None where compression adds no PIEs significantly.

        Also None where the number of runs has changed: the study was drawn from other PIEs.
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
        """Variants of one single model, beside one dense model."""
        variants = self._source.requested(variant_id)
        return [v for v in variants if self._source.manifest.is_single(v)]
