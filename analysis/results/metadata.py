"""Tables of metadata columns: over-representation among PIEs, subgroups, curves of one value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.results.frames import stack
from analysis.results.inference import SeedInference
from analysis.results.source import Source
from analysis.results.variants import VariantTables
from analysis.stats.attribute_pairs import attribute_pairs, corrected
from analysis.stats.attributes import MISSING, attribute_table, numeric_row
from analysis.stats.curves import accuracy_on, curve_row, curve_table
from analysis.stats.deciles import decile_table, deciles
from analysis.stats.subgroups import SubgroupRates, subgroup_rates, subgroup_table
from analysis.store import SweepFolder, matching

MAX_VALUES = 60
_MAX_WHOLE_VALUES = 20


@dataclass(frozen=True)
class Attribute:
    """One ``meta_*`` column, its name without ``meta_``.

    Where it is categorical: ``values`` and, per image, ``code`` [N] (-1 without a value). Where it
    is numeric: ``number`` [N] (NaN without). Where it is neither, ``reason`` says why.
    """

    name: str
    values: list[str] | None = None
    code: npt.NDArray[np.int64] | None = None
    number: npt.NDArray[np.float64] | None = None
    reason: str | None = None


def attributes_of(columns: pa.Table) -> dict[str, Attribute]:
    """Tell what each ``meta_*`` column of a table can be compared by.

    Text and booleans are categorical up to 60 values; whole numbers are categorical up to 20
    values, numeric above 2 values (both between); other numbers are numeric. Infinite numbers
    count as missing.
    """
    found = {}
    for name in columns.column_names:
        if name.startswith(schema.META_PREFIX):
            short = name.removeprefix(schema.META_PREFIX)
            found[short] = _attribute(short, columns[name].combine_chunks())
    return found


def intersection(parts: list[Attribute]) -> Attribute:
    """Combine categorical attributes into one whose values are those that occur together."""
    codes = np.stack([part.code for part in parts if part.code is not None])
    known = (codes != MISSING).all(axis=0)
    cells, inverse = np.unique(codes[:, known], axis=1, return_inverse=True)
    code = np.full(codes.shape[1], MISSING, np.int64)
    code[known] = inverse.ravel()
    names = [part.values or [] for part in parts]
    values = [
        " & ".join(value[i] for value, i in zip(names, cell, strict=True)) for cell in cells.T
    ]
    return Attribute(" & ".join(part.name for part in parts), values, code)


def _attribute(name: str, values: pa.Array) -> Attribute:
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
        kind = values.type
    if pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _categorical(name, values)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return Attribute(name, reason=f"of type {kind}, neither text nor number")
    number = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    number = np.where(np.isfinite(number), number, np.nan)
    distinct = np.unique(number[~np.isnan(number)])
    if not len(distinct):
        return Attribute(name, reason="has no value")
    if (distinct % 1 != 0).any() or len(distinct) > _MAX_WHOLE_VALUES:
        return Attribute(name, number=number)
    code = np.where(np.isnan(number), MISSING, np.searchsorted(distinct, number))
    texts = [str(int(value)) for value in distinct]
    return Attribute(name, texts, code, number if len(distinct) > 2 else None)


def _categorical(name: str, values: pa.Array) -> Attribute:
    # Written as pandas and CSV files write them.
    is_flag = pa.types.is_boolean(values.type)
    text = pc.if_else(values, "True", "False") if is_flag else values.cast(pa.string())
    distinct = sorted(value for value in pc.unique(text).to_pylist() if value is not None)
    if not distinct:
        return Attribute(name, reason="has no value")
    if len(distinct) > MAX_VALUES:
        return Attribute(name, reason=f"has {len(distinct)} values, more than {MAX_VALUES}")
    place = pc.index_in(text, pa.array(distinct, pa.string())).fill_null(MISSING)
    return Attribute(name, distinct, place.to_numpy(zero_copy_only=False).astype(np.int64))


class Metadata:
    """The images of a sweep without their thumbnails, read when they are first asked for."""

    def __init__(self, folder: SweepFolder, table: pa.Table | None = None) -> None:
        self._folder = folder
        self._given = table

    @cached_property
    def table(self) -> pa.Table:
        """One row an image: ``image_id label path width height`` and the ``meta_*`` columns."""
        if self._given is not None:
            return self._given
        names = [name for name in self._folder.image_columns() if name != schema.IMAGE]
        return self._folder.read_images(names)

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        """The ``meta_*`` columns by their names without ``meta_``."""
        return attributes_of(self.table)

    def joined(self, table: matching.Joinable, *, overwrite: bool) -> "Metadata":
        """Return these metadata with the columns of a table.

        Raises
        ------
        UserError
            The table cannot be read or matched.
        """
        given, name = matching.as_table(table), self._folder.name
        added = matching.matched(given, self.table, overwrite=overwrite, sweep=name)
        return Metadata(self._folder, matching.with_columns(self.table, added))

    def chosen(self, name: str | None) -> list[Attribute]:
        """Return the attribute of a name, with or without ``meta_``, or all without a name.

        Raises
        ------
        UserError
            The sweep has none of that name; the message lists those it has.
        """
        if name is None:
            return list(self.attributes.values())
        short = name.removeprefix(schema.META_PREFIX)
        if short not in self.attributes:
            there = ", ".join(self.attributes) or "none; 'python -m analysis join' adds columns"
            raise UserError(
                f"sweep '{self._folder.name}' has no attribute '{short}'; it has {there}"
            )
        return [self.attributes[short]]

    def kinds(self) -> pd.DataFrame:
        """Say of every attribute whether it is categorical, numeric or unused, and why."""
        return pd.DataFrame(
            [
                {
                    "attribute": one.name,
                    "categorical": one.code is not None,
                    "numeric": one.number is not None,
                    "n_values": len(one.values) if one.values else None,
                    "reason": one.reason,
                }
                for one in self.attributes.values()
            ],
            columns=["attribute", "categorical", "numeric", "n_values", "reason"],
        )


class AttributeTables:
    """Tables of given attributes, of one variant or all."""

    def __init__(self, source: Source, variants: VariantTables, inference: SeedInference) -> None:
        self._source = source
        self._variants = variants
        self._inference = inference

    def values(self, variant_ids: Sequence[str], attributes: Sequence[Attribute]) -> pd.DataFrame:
        """One row a variant, categorical attribute and value."""
        frames = [
            attribute_table(
                variant_id,
                one.name,
                one.values,
                one.code,
                self._variants.pies(variant_id)["is_pie"].to_numpy(),
                self._variants.half_pies(variant_id),
                self._inference.groups(variant_id, one.code, len(one.values)),
            )
            for variant_id in variant_ids
            for one in attributes
            if one.values is not None and one.code is not None
        ]
        return stack(frames, schema.ATTRIBUTES_COLUMNS)

    def deciles(self, variant_ids: Sequence[str], attributes: Sequence[Attribute]) -> pd.DataFrame:
        """One row a variant, numeric attribute and tenth of its values."""
        frames = []
        for one in attributes:
            if one.number is None:
                continue
            code, edges = deciles(one.number)
            for variant_id in variant_ids:
                found = self._inference.groups(variant_id, code, max(len(edges) - 1, 0))
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

    def numeric(self, variant_ids: Sequence[str], attributes: Sequence[Attribute]) -> pd.DataFrame:
        """One row a variant and numeric attribute."""
        rows = [
            numeric_row(
                variant_id,
                one.name,
                one.number,
                self._source.label,
                self._variants.pies(variant_id)["is_pie"].to_numpy(),
                self._variants.half_pies(variant_id),
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
            runs = self._variants.class_runs(variant_id)
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
            return self._variants.kept.once(
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
        found = [curve_row(rows[v], metric, per_run(v)) for v in ids]
        return curve_table(row for row in found if row is not None)
