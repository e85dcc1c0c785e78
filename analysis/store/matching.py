"""Matching: columns of a table brought into the order of the test images, by image or by path."""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from analysis import schema
from analysis.errors import UserError

Joinable: TypeAlias = pd.DataFrame | pa.Table | str | Path
_SUFFIXES = (".csv", ".parquet", ".jsonl", ".ndjson", ".json")
_NAMED = 3


def as_table(given: Joinable) -> pa.Table:
    """Read what is to be joined: a frame, a table, or a CSV, Parquet or JSON-lines file.

    Raises
    ------
    UserError
        It is no such thing, or it cannot be read.
    """
    if isinstance(given, pa.Table):
        return given
    if isinstance(given, pd.DataFrame):
        named = given.index.name in (schema.IMAGE_ID, schema.PATH)
        try:
            return pa.Table.from_pandas(
                given.reset_index() if named else given, preserve_index=False
            )
        except (pa.ArrowException, ValueError) as error:
            raise UserError(f"the frame cannot be joined: {_first_line(error)}") from error
    path = Path(given)
    # A gzipped file is named after what it holds: labels.csv.gz.
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix.lower() not in _SUFFIXES:
        raise UserError(f"{path}: expected a name that ends in {', '.join(_SUFFIXES)}")
    try:
        return _read(path, suffix.lower())
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        hint = (
            " (expected JSON lines: one object a line)"
            if suffix not in (".csv", ".parquet")
            else ""
        )
        raise UserError(f"{path} cannot be read: {_first_line(error)}{hint}") from error


def _read(path: Path, suffix: str) -> pa.Table:
    if suffix == ".parquet":
        return pq.read_table(path, partitioning=None)
    with pa.input_stream(path) as stream:
        if suffix == ".csv":
            options = pa.csv.ConvertOptions(strings_can_be_null=True)
            return pa.csv.read_csv(stream, convert_options=options)
        return pa.json.read_json(stream)


def matched(given: pa.Table, images: pa.Table, *, overwrite: bool, sweep: str) -> pa.Table:
    """Bring the columns of a table into the order of the images, named ``meta_*``.

    An image without a row gets nulls.

    Parameters
    ----------
    given : Table
        With a column ``image_id``, or ``path``, and at least one other.
    images : Table
        The sweep's images: ``image_id``, ``path`` and the columns there are already.

    Raises
    ------
    UserError
        There is no column to match by or none to add, a row names no image or one twice, or a
        column is there already.
    """
    names = given.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"the table has two columns '{twice[0]}'; rename one")
    key = next((name for name in (schema.IMAGE_ID, schema.PATH) if name in names), None)
    if key is None:
        raise UserError(
            f"the table has no column '{schema.IMAGE_ID}' or '{schema.PATH}' to match images by; "
            f"it has {', '.join(names) or 'none'}"
        )
    columns = [name for name in names if name not in (schema.IMAGE_ID, schema.PATH)]
    targets = [target(name) for name in columns]
    _check_columns(given, columns, targets, images, overwrite=overwrite, sweep=sweep)
    place = _places(given[key], images[key], key, sweep)
    taken = given.select(columns).take(pa.array(place, mask=place < 0))
    return pa.table(dict(zip(targets, taken.columns, strict=True)))


def with_columns(images: pa.Table, added: pa.Table) -> pa.Table:
    """Append columns to a table of images; those of the same name are replaced."""
    kept = images.drop_columns([name for name in added.column_names if name in images.column_names])
    for name in added.column_names:
        kept = kept.append_column(name, added[name])
    return kept


def target(name: str) -> str:
    """Name the metadata column that a column of a table becomes."""
    return name if name.startswith(schema.META_PREFIX) else f"{schema.META_PREFIX}{name}"


def _check_columns(
    given: pa.Table,
    columns: list[str],
    targets: list[str],
    images: pa.Table,
    *,
    overwrite: bool,
    sweep: str,
) -> None:
    if not columns:
        raise UserError("the table has no column to join besides those that name the images")
    for name, target in zip(columns, targets, strict=True):
        if targets.count(target) > 1:
            raise UserError(f"two columns of the table would both become '{target}'; rename one")
        if target == schema.META_PREFIX:
            raise UserError("a column of the table has no name; name it")
        if pa.types.is_nested(given[name].type):
            raise UserError(
                f"column '{name}' holds {given[name].type}; expected text, numbers or booleans"
            )
        if target in images.column_names and not overwrite:
            raise UserError(
                f"sweep '{sweep}' has a column '{target}' already; rename '{name}', or "
                "overwrite it (--overwrite)"
            )


def _places(
    given: pa.ChunkedArray, known: pa.ChunkedArray, key: str, sweep: str
) -> npt.NDArray[np.int64]:
    """Row of the table for each image, -1 without one."""
    if known.null_count == len(known):
        raise UserError(f"the images of sweep '{sweep}' have no {key}; join by {schema.IMAGE_ID}")
    try:
        values = given.cast(known.type)
    except pa.ArrowException:
        raise UserError(
            f"column '{key}' holds {given.type}; expected {known.type}, as the sweep has"
        ) from None
    if values.null_count:
        raise UserError(f"{values.null_count} rows of the table have no {key}")
    unknown = values.filter(pc.invert(pc.is_in(values, value_set=known)))
    if len(unknown):
        raise UserError(f"sweep '{sweep}' has no image with {key} {_some(unknown)}")
    counts = pc.value_counts(values)
    repeated = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    if len(repeated):
        raise UserError(f"more than one row of the table has {key} {_some(repeated)}")
    place = pc.index_in(known, value_set=values).fill_null(-1)
    return np.asarray(place.to_numpy(), np.int64)


def _some(values: Any) -> str:
    named = ", ".join(repr(value) for value in values[:_NAMED].to_pylist())
    return named + (f" and {len(values) - _NAMED:,} more" if len(values) > _NAMED else "")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
