"""The per-image table of one variant: what it rests on is read and computed as it is asked for."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results.doubt import dense_doubt
from analysis.results.frames import stack
from analysis.results.source import Source
from analysis.results.variants import VariantTables, votes
from analysis.stats.pie import breaking_point, pie_stability


class ImageTables:
    """Per-image tables, which may need other variants, other columns or resampling."""

    def __init__(self, source: Source, variants: VariantTables) -> None:
        self._source = source
        self._variants = variants

    def images(self, variant_id: str, columns: Iterable[str] | None = None) -> pd.DataFrame:
        """One row an image, with the columns asked for (all by default); no others are computed."""
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
                found = self._variants.kept.shelved(names[0], of, partial(compute, variant_id))
                more |= {name: found[name].to_numpy() for name in names}
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
        found = {}
        for name, one in zip(schema.TIED_SCORES_COLUMNS, (DENSE_ID, variant_id), strict=True):
            ties = self._source.score_ties(one)
            n_known = (~np.isnan(ties)).sum(axis=0)
            share = (ties > 1).sum(axis=0) / np.maximum(n_known, 1)
            found[name] = np.where(n_known > 0, share, np.nan)
        return pd.DataFrame(found)

    def _paired_columns(self, variant_id: str) -> pd.DataFrame:
        found = self._variants.flips(variant_id)
        kl = self._source.mean_of(variant_id, schema.KL_FROM_DENSE)
        columns = zip(schema.PAIRED_COLUMNS, (found.to_wrong, found.to_right, kl), strict=True)
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
