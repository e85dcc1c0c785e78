"""Tables of shifts: robustness of the variants, with one population in memory at a time."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results.frames import stack, typed
from analysis.results.source import Source
from analysis.results.variants import VariantTables
from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.pairs import pair, paired_rows
from analysis.stats.robustness import Pairs, RunAccuracy, robustness, run_accuracy, with_q
from analysis.stats.votes import BoolArray
from analysis.store.manifest import ShiftRecord

_SCORES = (schema.PREDICTION, schema.TRUE_RANK)


class RobustnessTables:
    """Robustness tables, from the accuracies of every run on every shift, each read once."""

    def __init__(self, source: Source, variants: VariantTables) -> None:
        self._source = source
        self._variants = variants
        self._accuracies: dict[tuple[str, str], RunAccuracy] = {}
        self._clean: dict[tuple[str, str], RunAccuracy] = {}
        self._labels: dict[str, npt.NDArray[np.int32]] = {}

    def shifts(self) -> pd.DataFrame:
        """One row a shift: corruption and severity or dataset, numbers of images and of runs."""
        manifest = self._source.manifest
        rows = [
            (
                shift.name,
                shift.corruption,
                shift.severity,
                shift.dataset,
                self._n_images(shift),
                sum(len(manifest.shifted_seeds(shift.name, v)) for v in self._source.variant_ids),
                manifest.n_runs,
            )
            for shift in manifest.shifts
        ]
        return typed(pd.DataFrame(rows, columns=list(schema.SHIFTS_COLUMNS)))

    def table(self) -> pd.DataFrame:
        """One row a variant, shift and metric, in the order of the manifest, with q over all."""
        frames = [
            self._rows(variant_id, shift)
            for variant_id in self._source.compressed_ids
            for shift in self._source.manifest.shifts
            if self._seeds(variant_id, shift.name) and self._seeds(DENSE_ID, shift.name)
        ]
        return with_q(stack(frames, schema.ROBUSTNESS_COLUMNS))

    def pairs(self, variant_ids: Sequence[str]) -> pd.DataFrame:
        """One row a variant and shift, of single models, with McNemar's q over all of them."""
        rows = [
            row
            for shift in self._source.manifest.shifts
            if self._seeds(DENSE_ID, shift.name)
            for row in self._pairs_on(shift, variant_ids)
        ]
        table = pd.DataFrame(rows, columns=list(schema.SHIFT_PAIRS_COLUMNS))
        place = table[schema.VARIANT_ID].map({v: i for i, v in enumerate(variant_ids)})
        table = table.loc[place.sort_values(kind="stable").index].reset_index(drop=True)
        q = benjamini_hochberg(table["mcnemar_p"].to_numpy(np.float64))
        return typed(table.assign(mcnemar_q=q))

    def _pairs_on(self, shift: ShiftRecord, variant_ids: Sequence[str]) -> list[dict[str, Any]]:
        label = self._label(shift)

        def read(variant_id: str) -> tuple[BoolArray, npt.NDArray[Any]]:
            seeds = self._seeds(variant_id, shift.name)
            columns = (schema.PREDICTION, schema.KL_FROM_DENSE)
            population = self._source.folder.read_population(
                variant_id, columns, seeds, len(label), shift=shift.name
            )
            return population.prediction[0] == label, population[schema.KL_FROM_DENSE][0]

        before, _ = read(DENSE_ID)
        rows = []
        for variant_id in variant_ids:
            if not self._seeds(variant_id, shift.name):
                continue
            after, kl = read(variant_id)
            compared, known = pair(before, after), kl[~np.isnan(kl)]
            rows.append(
                {
                    schema.VARIANT_ID: variant_id,
                    schema.SHIFT: shift.name,
                    "dense_top1": float(before.mean()),
                    "top1": float(after.mean()),
                    **compared.row(),
                    schema.KL_FROM_DENSE: float(known.mean()) if len(known) else np.nan,
                }
            )
        return rows

    def _rows(self, variant_id: str, shift: ShiftRecord) -> pd.DataFrame:
        rows = robustness(
            variant_id,
            shift.name,
            clean=self._on_clean(variant_id, shift),
            shifted=self._on_shift(variant_id, shift),
            dense_clean=self._on_clean(DENSE_ID, shift),
            dense_shifted=self._on_shift(DENSE_ID, shift),
            pairs=self._pairs(variant_id, shift.name),
        )
        record = self._source.manifest.variant(variant_id)
        return rows.assign(
            **{
                schema.METHOD: record.method,
                schema.TARGET_SPARSITY: record.target_sparsity,
                schema.SPARSITY: self._variants.runs(variant_id)[schema.SPARSITY].mean(),
            }
        )

    def _pairs(self, variant_id: str, shift: str) -> Pairs | None:
        """Rows of the runs that equal seeds pair; None where the variant is not paired."""
        if not self._source.is_paired(variant_id):
            return None
        seeds = (tuple(self._seeds(v, shift)) for v in (DENSE_ID, variant_id))
        dense, variant = paired_rows(*seeds, paired=True)
        return variant, dense

    def _seeds(self, variant_id: str, shift: str) -> list[int]:
        return self._source.manifest.shifted_seeds(shift, variant_id)

    def _n_images(self, shift: ShiftRecord) -> int | None:
        return shift.n_images if shift.corruption is None else len(self._source.label)

    def _label(self, shift: ShiftRecord) -> npt.NDArray[np.int32]:
        if shift.corruption is not None:
            return self._source.label
        if shift.name not in self._labels:
            images = self._source.folder.read_images([schema.LABEL], shift=shift.name)
            self._labels[shift.name] = np.asarray(images[schema.LABEL].to_numpy())
        return self._labels[shift.name]

    def _on_shift(self, variant_id: str, shift: ShiftRecord) -> RunAccuracy:
        key = (variant_id, shift.name)
        if key not in self._accuracies:
            label = self._label(shift)
            population = self._source.folder.read_population(
                variant_id, _SCORES, self._seeds(*key), len(label), shift=shift.name
            )
            self._accuracies[key] = run_accuracy(
                population.prediction, label, population[schema.TRUE_RANK]
            )
        return self._accuracies[key]

    def _on_clean(self, variant_id: str, shift: ShiftRecord) -> RunAccuracy:
        """Accuracy of the shift's runs on the test images of the classes that it has."""
        seeds = self._seeds(variant_id, shift.name)
        if self._has_every_class(shift):
            runs = self._variants.runs(variant_id).set_index(schema.SEED).loc[seeds]
            return RunAccuracy(runs["top1"].to_numpy(), runs["top5"].to_numpy())
        key = (variant_id, shift.name)
        if key not in self._clean:
            label = self._source.label
            chosen = np.isin(label, self._label(shift))
            population = self._source.folder.read_population(variant_id, _SCORES, seeds, len(label))
            self._clean[key] = run_accuracy(
                population.prediction[:, chosen],
                label[chosen],
                population[schema.TRUE_RANK][:, chosen],
            )
        return self._clean[key]

    def _has_every_class(self, shift: ShiftRecord) -> bool:
        return shift.corruption is not None or bool(np.isin(self._tested, self._label(shift)).all())

    @cached_property
    def _tested(self) -> npt.NDArray[np.int32]:
        return np.unique(self._source.label)
