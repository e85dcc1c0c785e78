"""Tables of reasons and remedies: scores, forecast, slices, cascade and culprit layers."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results.doubt import DoubtTables
from analysis.results.frames import stack
from analysis.results.slices import SliceTables
from analysis.results.source import Source
from analysis.results.variants import VariantTables
from analysis.stats.cascade import CascadeRuns, cascade_table
from analysis.stats.forecast import Skill
from analysis.stats.pairs import paired_rows
from analysis.stats.votes import FloatArray
from analysis.store.layers import read_layers


class Reasons:
    """Methods of :class:`SweepResults` on what forgotten images share, and on remedies."""

    _source: Source
    _variants: VariantTables
    _doubt: DoubtTables
    _slices: SliceTables

    def scores(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant, score of the images and decile of it: the PIE excess.

        The scores come from a third of the dense runs, the excess from the others; empty with fewer
        than six. In every row of a score: its AUC for PIEs of halves and for A/A PIEs, and their
        difference with its test over runs and images.
        """
        return stack([self._scores(v) for v in self._source.requested(variant_id)], _SCORES)

    def _scores(self, variant_id: str) -> pd.DataFrame:
        return self._variants.cache.table(
            "scores", variant_id, lambda: self._doubt.scores(variant_id), always=True
        )

    def forecast(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant and image, the most doubtful first: its rank by dense doubt.

        ``expected_share_caught``: share of all flips (of PIEs where runs are independent) on images
        up to this rank, estimated on the half of the images that this one is not in; null for a
        sweep of dense runs alone.
        """
        variants = self._source.requested(variant_id)
        if not variants:
            has_dense = DENSE_ID in self._source.variant_ids
            return stack([self._doubt.forecast(None)] if has_dense else [], _FORECAST)
        return stack([self._doubt.forecast(v) for v in variants], _FORECAST)

    def forecast_skill(self, variant_id: str) -> Skill:
        """Skill of dense doubt at ranking the images that a variant changes, over other images."""
        (checked,) = self._source.requested(variant_id)
        return self._variants.cache.once("skill", checked, lambda: self._doubt.skill(checked))

    def forecast_event(self, variant_id: str) -> str:
        """Name the event that is forecast: ``flips``, or ``PIEs`` where runs are independent."""
        return self._doubt.event_name(variant_id)

    def slices(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant and slice: a group of images with more excess than the others have.

        Found on one half of the images, tested on the other.
        """
        return stack([self._slices.table(v) for v in self._source.requested(variant_id)], _SLICES)

    def can_test_slices(self, variant_id: str) -> bool:
        """Whether the runs suffice to test slices of a variant: a pair, or three of each."""
        return self._slices.can_test(variant_id)

    @property
    def has_doubt(self) -> bool:
        """Whether dense runs have confidences, which a forecast needs."""
        return not np.isnan(self._doubt.doubt).all()

    def knows_reasons(self, variant_id: str) -> bool:
        """Whether slices and scores of a variant are stored already, or take but a moment."""
        cache = self._variants.cache
        return not self._source.is_large or all(
            cache.is_known(name, variant_id) for name in ("slices", "scores")
        )

    def slice_images(self, key: str) -> npt.NDArray[np.int64]:
        """Ids of the images of a slice, by its key in the table, ascending.

        Raises
        ------
        UserError
            There is no such slice.
        """
        return self._slices.images(key)

    def cascade(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant and share of its answers sent to dense: forgotten images that remain.

        Each run goes with the dense run of its seed. The threshold is chosen on one half of the
        images, the figures are of the other. Variants without pairs or confidences are left out.
        """
        tables = [self._cascade(v) for v in self._source.requested(variant_id)]
        return stack([table[list(_CASCADE)] for table in tables if len(table)], _CASCADE)

    def _cascade(self, variant_id: str) -> pd.DataFrame:
        """Return the table with a column more, the measure of the thresholds; computed once."""
        return self._variants.cache.table(
            "cascade", variant_id, lambda: self._make_cascade(variant_id)
        )

    def _make_cascade(self, variant_id: str) -> pd.DataFrame:
        dense, variant = self._variants.both(variant_id)
        is_single = self._source.manifest.is_single(variant_id)
        rows = paired_rows(dense.seeds, variant.seeds, paired=not is_single)
        certainty = self._certainty(variant_id)
        if not len(rows[0]) or certainty is None:
            return pd.DataFrame(columns=[*_CASCADE, _MEASURE])
        right = self._source.correct(variant_id)[rows[1]]
        other = np.roll(right, -1, axis=0) if len(right) > 1 else None
        measure, values = certainty
        runs = CascadeRuns(values[rows[1]], self._source.correct(DENSE_ID)[rows[0]], right, other)
        latency, size = (
            tuple(self._median(v, name) for v in (DENSE_ID, variant_id))
            for name in ("latency_ms", "size_bytes")
        )
        table = cascade_table(
            variant_id,
            runs,
            latency_ms=(latency[0], latency[1]),
            size_bytes=(size[0], size[1]),
        )
        return table.assign(**{_MEASURE: measure})

    def _median(self, variant_id: str, name: str) -> float:
        """Median over a variant's runs of a field of their records; NaN where no run has it."""
        manifest = self._source.manifest
        runs = [manifest.run(variant_id, seed) for seed in manifest.done_seeds(variant_id)]
        return float(pd.Series([getattr(run, name) for run in runs], dtype="float64").median())

    def _certainty(self, variant_id: str) -> tuple[str, FloatArray] | None:
        """Name and values [K, N] of a measure of certainty: margin, else confidence, or None."""
        variant = self._source.population(variant_id)
        for name in (schema.MARGIN, schema.CONFIDENCE):
            values = (
                variant[name]
                if name in variant.columns
                else self._source.folder.read_population(
                    variant_id, (name,), list(variant.seeds), len(self._source.label)
                )[name]
            )
            if not np.isnan(values).all():
                return name, values
        return None

    def most_forgotten(self, variant_id: str) -> int:
        """Largest number of forgotten images of any run of a variant."""
        rows = paired_rows(*(one.seeds for one in self._variants.both(variant_id)), paired=True)
        dense, variant = (self._source.correct(one) for one in (DENSE_ID, variant_id))
        counts = (dense[rows[0]] & ~variant[rows[1]]).sum(axis=1)
        return int(counts.max(initial=0))

    def layers(self, variant_id: str | None = None) -> pd.DataFrame:
        """One row a variant and layer in float, then the best layers together: images restored.

        Of the run that ``remedy SWEEP layers`` examined, on the half of the images that did not
        rank the layers: share of the forgotten images restored with its 95 % interval over images,
        accuracy, bytes added. Empty where no run was examined, or the run has changed since.
        """
        tables = [
            read_layers(self._source.folder, self._source.manifest, v)
            for v in self._source.requested(variant_id)
        ]
        frames = [table.to_pandas() for table in tables if table is not None]
        return stack(frames, schema.LAYERS_COLUMNS)

    def cascade_measure(self, variant_id: str) -> str | None:
        """Name the measure of the cascade's thresholds, ``margin`` or ``confidence``, or None."""
        table = self._cascade(variant_id)
        return str(table[_MEASURE].iloc[0]) if len(table) else None


_MEASURE = "measured_by"
_SCORES, _FORECAST = schema.SCORES_COLUMNS, schema.FORECAST_COLUMNS
_SLICES, _CASCADE = schema.SLICES_COLUMNS, schema.CASCADE_COLUMNS
