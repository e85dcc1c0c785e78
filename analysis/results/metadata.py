"""Metadata columns of the images as attributes: categorical, numeric or unused."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analysis import schema
from analysis.errors import UserError
from analysis.stats.attributes import MISSING
from analysis.store import SweepFolder, joinable, matching

MAX_VALUES = 60
_MAX_WHOLE_VALUES = 20


@dataclass(frozen=True)
class Attribute:
    """One ``meta_*`` column, its name without ``meta_``.

    Where it is categorical: ``values`` and, per image, ``code`` [N] (-1 without a value). Where it
    is numeric: ``number`` [N] (NaN without). Where it is neither, ``reason`` says why. ``is_id``
    marks a column that numbers the images, whose mean has no meaning.
    """

    name: str
    values: list[str] | None = None
    code: npt.NDArray[np.int64] | None = None
    number: npt.NDArray[np.float64] | None = None
    reason: str | None = None
    is_id: bool = False


def attributes_of(columns: pa.Table) -> dict[str, Attribute]:
    """Classify each ``meta_*`` column of a table as categorical, numeric or unused.

    Text and booleans are categorical up to 60 values; whole numbers are categorical up to 20
    values, numeric above 2 values (both between); other numbers are numeric. Infinite numbers
    count as missing.
    """
    attributes = {}
    for name in columns.column_names:
        if name.startswith(schema.META_PREFIX):
            short = name.removeprefix(schema.META_PREFIX)
            attributes[short] = _attribute(short, columns[name].combine_chunks())
    return attributes


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
        return Attribute(name, number=number, is_id=_numbers_images(number))
    code = np.where(np.isnan(number), MISSING, np.searchsorted(distinct, number))
    texts = [str(int(value)) for value in distinct]
    return Attribute(name, texts, code, number if len(distinct) > 2 else None)


def _numbers_images(number: npt.NDArray[np.float64]) -> bool:
    """Whether whole numbers differ on every image: an index, or the id of a file."""
    known = number[~np.isnan(number)]
    return len(known) > 1 and not (known % 1).any() and len(np.unique(known)) == len(known)


def _categorical(name: str, values: pa.Array) -> Attribute:
    # Spelled as pandas and CSV files spell booleans.
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
    """The table of a sweep's images without their thumbnails, read on first use."""

    def __init__(self, folder: SweepFolder, table: pa.Table | None = None) -> None:
        self._folder = folder
        self._joined = table

    @cached_property
    def table(self) -> pa.Table:
        """One row an image: ``image_id label path width height`` and the ``meta_*`` columns."""
        if self._joined is not None:
            return self._joined
        names = [name for name in self._folder.image_columns() if name != schema.IMAGE]
        return self._folder.read_images(names)

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        """The ``meta_*`` columns by their names without ``meta_``."""
        return attributes_of(self.table)

    def joined(self, table: joinable.Joinable, *, overwrite: bool) -> "Metadata":
        """Return these metadata with the columns of a table.

        Raises
        ------
        UserError
            The table cannot be read or matched.
        """
        columns, name = joinable.as_table(table), self._folder.name
        added = matching.matched(columns, self.table, overwrite=overwrite, sweep=name)
        return Metadata(self._folder, matching.with_columns(self.table, added))

    def chosen(self, name: str | None) -> list[Attribute]:
        """Return the attribute of a name, with or without ``meta_``, or all without a name.

        Raises
        ------
        UserError
            The sweep has no attribute of that name; the message lists those it has.
        """
        if name is None:
            return list(self.attributes.values())
        short = name.removeprefix(schema.META_PREFIX)
        if short not in self.attributes:
            known = ", ".join(self.attributes) or "none; 'python -m analysis join' adds columns"
            raise UserError(
                f"sweep '{self._folder.name}' has no attribute '{short}'; it has {known}"
            )
        return [self.attributes[short]]

    def kinds(self) -> pd.DataFrame:
        """One row an attribute: whether it is categorical, numeric or unused, and why.

        Attributes that number the images come last.
        """
        return pd.DataFrame(
            [
                {
                    "attribute": one.name,
                    "categorical": one.code is not None,
                    "numeric": one.number is not None,
                    "n_values": len(one.values) if one.values else None,
                    "reason": one.reason,
                    "is_id": one.is_id,
                }
                for one in sorted(self.attributes.values(), key=lambda one: one.is_id)
            ],
            columns=["attribute", "categorical", "numeric", "n_values", "reason", "is_id"],
        )
