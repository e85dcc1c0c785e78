"""Tables of metadata columns: excess and over-representation among PIEs, subgroups, numbers."""

from collections.abc import Sequence

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
from analysis.stats.deciles import decile_table, deciles
from analysis.stats.subgroups import SubgroupRates, subgroup_rates, subgroup_table


class AttributeTables:
    """Tables of given attributes, of one variant or all."""

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
        """One row a variant, numeric attribute and tenth of its values."""
        frames = []
        for one in attributes:
            if one.number is None:
                continue
            code, edges = deciles(one.number)
            for variant_id in variant_ids:
                n = max(len(edges) - 1, 0)
                found = self._inference.groups(variant_id, code, n, wait=wait)
                frames.append(decile_table(variant_id, one.name, code, edges, found))
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
        """One attribute as it is, or the intersection of several; each must be categorical."""
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
        raise UserError(f"no class '{positive}' to take as positive; there: {shown}")
