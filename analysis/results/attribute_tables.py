"""Tables of groups of images: values of metadata columns, subgroups, curves of one class."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.results.frames import stack
from analysis.results.inference import SeedInference
from analysis.results.metadata import Attribute, intersection
from analysis.results.source import Source
from analysis.results.variants import VariantTables
from analysis.stats.attribute_pairs import attribute_pairs, corrected
from analysis.stats.attributes import attribute_table, numeric_row
from analysis.stats.curves import accuracy_on, curve_row, curve_table
from analysis.stats.deciles import decile_table, deciles
from analysis.stats.subgroups import SubgroupRates, subgroup_rates, subgroup_table


class AttributeTables:
    """Tables of attributes, of one variant or all."""

    def __init__(self, source: Source, variants: VariantTables, inference: SeedInference) -> None:
        self._source = source
        self._variants = variants
        self._inference = inference

    def values(
        self, variant_ids: Sequence[str], attributes: Sequence[Attribute], *, wait: bool = True
    ) -> pd.DataFrame:
        """One row a variant, categorical attribute and value."""
        frames = [
            attribute_table(
                variant_id,
                one.name,
                one.values,
                one.code,
                self._variants.pies(variant_id)["is_pie"].to_numpy(),
                self._variants.half_pies(variant_id),
                self._inference.groups(variant_id, one.code, len(one.values), wait=wait),
            )
            for variant_id in variant_ids
            for one in attributes
            if one.values is not None and one.code is not None
        ]
        return stack(frames, schema.ATTRIBUTES_COLUMNS)

    def deciles(
        self, variant_ids: Sequence[str], attributes: Sequence[Attribute], *, wait: bool = True
    ) -> pd.DataFrame:
        """One row a variant, numeric attribute and decile of its values."""
        frames = []
        for one in attributes:
            if one.number is None:
                continue
            code, edges = deciles(one.number)
            for variant_id in variant_ids:
                n = max(len(edges) - 1, 0)
                excess = self._inference.groups(variant_id, code, n, wait=wait)
                frames.append(decile_table(variant_id, one.name, code, edges, excess))
        return stack(frames, schema.DECILES_COLUMNS)

    def pairs(self, variant_ids: Sequence[str], attributes: Sequence[Attribute]) -> pd.DataFrame:
        """One row a variant of one single model, categorical attribute and value."""
        frames = [
            attribute_pairs(
                variant_id,
                one.name,
                one.values,
                one.code,
                self._source.correct(DENSE_ID)[0],
                self._source.correct(variant_id)[0],
            )
            for variant_id in variant_ids
            for one in attributes
            if one.values is not None and one.code is not None
        ]
        return corrected(stack(frames, schema.ATTRIBUTE_PAIRS_COLUMNS))

    def numeric(
        self, variant_ids: Sequence[str], attributes: Sequence[Attribute], *, wait: bool = True
    ) -> pd.DataFrame:
        """One row a variant and numeric attribute."""
        rows = [
            numeric_row(
                variant_id,
                one.name,
                one.number,
                self._source.label,
                self._variants.pies(variant_id)["is_pie"].to_numpy(),
                self._variants.half_pies(variant_id),
                is_more=(self._inference.excess(variant_id, wait=wait)["pie_excess_low"] or 0.0)
                > 0,
            )
            for variant_id in variant_ids
            for one in attributes
            if one.number is not None
        ]
        return stack([pd.DataFrame(rows)] if rows else [], schema.NUMERIC_COLUMNS)

    def subgroups(
        self, variant_ids: Sequence[str], groups: Sequence[Attribute], positive: str | int | None
    ) -> pd.DataFrame:
        """One row a variant, group, subgroup and positive class."""
        classes = self._positive(positive)
        frames: list[pd.DataFrame] = []
        for one in groups if variant_ids else ():
            if one.values is None:
                continue
            dense = self._rates(DENSE_ID, one)
            frames += [
                subgroup_table(
                    variant_id,
                    one.name,
                    one.values,
                    self._source.class_names,
                    dense,
                    self._rates(variant_id, one),
                    classes=classes,
                )
                for variant_id in variant_ids
            ]
        return stack(frames, schema.SUBGROUPS_COLUMNS)

    def crossed(self, attributes: Sequence[Attribute]) -> Attribute:
        """Return the attribute, or the intersection of several.

        Raises
        ------
        UserError
            One is not categorical.
        """
        for one in attributes:
            if one.code is None:
                why = one.reason or "is numeric"
                raise UserError(f"attribute '{one.name}' makes no subgroups: it {why}")
        return attributes[0] if len(attributes) == 1 else intersection(list(attributes))

    def _rates(self, variant_id: str, attribute: Attribute) -> SubgroupRates:
        if attribute.values is None or attribute.code is None:
            raise UserError(f"attribute '{attribute.name}' makes no subgroups")
        return subgroup_rates(
            self._source.population(variant_id).prediction,
            self._source.label,
            attribute.code,
            n_groups=len(attribute.values),
            n_classes=len(self._source.class_names),
        )

    def _positive(self, positive: str | int | None) -> list[int]:
        names = self._source.class_names
        if positive is None:
            return [1] if len(names) == 2 else list(range(len(names)))
        if isinstance(positive, str) and positive in names:
            return [names.index(positive)]
        if isinstance(positive, int) and 0 <= positive < len(names):
            return [positive]
        shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
        raise UserError(f"no class '{positive}' to take as positive; choose among {shown}")


OF_CLASS = "recall"
OF_VALUE = "top1_on_value"


class GroupCurves:
    """Curves of the images of one class, or of one value of a metadata column."""

    def __init__(self, source: Source, variants: VariantTables) -> None:
        self._source = source
        self._variants = variants

    def of_class(self, class_name: str, summary: pd.DataFrame) -> pd.DataFrame:
        """Recall of a class: curve rows of one metric, ``recall``.

        Raises
        ------
        UserError
            There is no such class.
        """
        if class_name not in self._source.class_names:
            raise UserError(f"there is no class '{class_name[:80]}' in this sweep")
        class_id = self._source.class_names.index(class_name)

        def recall(variant_id: str) -> npt.NDArray[np.float64]:
            runs = self._variants.of_classes.class_runs(variant_id)
            of_class = runs.loc[runs[schema.CLASS_ID] == class_id, "recall"]
            return of_class.to_numpy(np.float64)

        return self._curves(OF_CLASS, recall, summary)

    def of_value(self, attribute: Attribute, value: str, summary: pd.DataFrame) -> pd.DataFrame:
        """Accuracy on the images of a value: curve rows of one metric, ``top1_on_value``.

        Raises
        ------
        UserError
            The attribute has no such value.
        """
        if attribute.values is None or attribute.code is None or value not in attribute.values:
            raise UserError(f"'{attribute.name[:80]}' has no value '{value[:80]}'")
        chosen = attribute.code == attribute.values.index(value)

        def accuracy(variant_id: str) -> npt.NDArray[np.float64]:
            return self._variants.cache.once(
                f"on {attribute.name}\0{value}",
                variant_id,
                lambda: accuracy_on(self._source.correct(variant_id), chosen),
            )

        return self._curves(OF_VALUE, accuracy, summary)

    def _curves(
        self,
        metric: str,
        per_run: Callable[[str], npt.NDArray[np.float64]],
        summary: pd.DataFrame,
    ) -> pd.DataFrame:
        ids = self._source.variant_ids if DENSE_ID in self._source.variant_ids else []
        rows: dict[str, Any] = summary.set_index(schema.VARIANT_ID).to_dict("index")
        of_variants = (curve_row(rows[v], metric, per_run(v)) for v in ids)
        return curve_table(row for row in of_variants if row is not None)
