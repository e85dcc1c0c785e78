"""Match the rows of a table to the test images, by id or by path."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis import schema
from analysis.errors import UserError
from analysis.store.path_tails import USUAL_PATHS, PathTails

Notify = Callable[[str], None]
_NAMED = 3


def silent(_: str) -> None:
    """Ignore a note."""


def matched(
    table: pa.Table,
    images: pa.Table,
    *,
    overwrite: bool,
    sweep: str,
    allow_missing: bool = False,
    notify: Notify = silent,
) -> pa.Table:
    """Return the columns of a table in the order of the images, named ``meta_*``.

    An image without a row gets nulls.

    Parameters
    ----------
    table : Table
        A table with ``image_id``, or ``path`` under one of its usual names, and other columns.
    images : Table
        The sweep's images: ``image_id``, ``path`` and their metadata columns.
    allow_missing : bool
        Leave out rows of other images.
    notify : callable
        Receives notes on how images were matched.

    Raises
    ------
    UserError
        There is no key column or none to add, rows name no image or the same one, or a column
        exists already.
    """
    names = table.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"the table has two columns '{twice[0]}'; rename one")
    key, theirs = _key(names)
    if key != theirs:
        notify(f"column '{theirs}' is used as {key}; --map {key}=THEIRS names another one")
    columns = [name for name in names if name not in (schema.IMAGE_ID, schema.PATH, theirs)]
    targets = [target(name) for name in columns]
    _check_columns(table, columns, targets, images, overwrite=overwrite, sweep=sweep)
    row_of = _rows_of(table[theirs], images[key], key, sweep, notify, allow_missing=allow_missing)
    rows = table.select(columns).take(pa.array(row_of, mask=row_of < 0))
    return pa.table(dict(zip(targets, rows.columns, strict=True)))


def renamed(table: pa.Table, columns: dict[str, str]) -> pa.Table:
    """Rename columns of a table; ``columns`` maps our names to theirs.

    Raises
    ------
    UserError
        A column is missing, or our name is taken by another column.
    """
    names = table.column_names
    for ours, theirs in columns.items():
        if theirs not in names:
            raise UserError(
                f"--map {ours}={theirs}: the table has no column '{theirs}'; it has "
                f"{', '.join(names) or 'none'}"
            )
        if ours in names and ours not in columns.values():
            if ours not in (schema.IMAGE_ID, schema.PATH):
                raise UserError(
                    f"--map {ours}={theirs}: the table has a column '{ours}' already; rename one"
                )
            table = table.drop_columns([ours])
            names = table.column_names
    back = {theirs: ours for ours, theirs in columns.items()}
    return table.rename_columns([back.get(name, name) for name in names])


def _key(names: list[str]) -> tuple[str, str]:
    """Return the key column and its name in the table."""
    for key in (schema.IMAGE_ID, schema.PATH):
        if key in names:
            return key, key
    usual = [name for name in names if name.lower().strip() in (schema.PATH, *USUAL_PATHS)]
    if len(usual) > 1:
        either = " or ".join(f"--map path={name}" for name in usual[:3])
        raise UserError(
            f"{' and '.join(repr(name) for name in usual)} of the table can each be the path of "
            f"the image; choose one with {either}"
        )
    if not usual:
        raise UserError(
            f"the table has no column '{schema.IMAGE_ID}' or '{schema.PATH}' to match images by; "
            f"it has {', '.join(names) or 'none'}; --map path=THEIRS says which one it is"
        )
    return schema.PATH, usual[0]


def with_columns(images: pa.Table, added: pa.Table) -> pa.Table:
    """Append columns to a table of images, replacing those of the same name."""
    kept = images.drop_columns([name for name in added.column_names if name in images.column_names])
    for name in added.column_names:
        kept = kept.append_column(name, added[name])
    return kept


def target(name: str) -> str:
    """Return the name of a column as a metadata column."""
    return name if name.startswith(schema.META_PREFIX) else f"{schema.META_PREFIX}{name}"


def _check_columns(
    table: pa.Table,
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
        if pa.types.is_nested(table[name].type):
            raise UserError(
                f"column '{name}' holds {table[name].type}; expected text, numbers or booleans"
            )
        if target in images.column_names and not overwrite:
            raise UserError(
                f"sweep '{sweep}' has a column '{target}' already; rename '{name}', or "
                "overwrite it (--overwrite)"
            )


def _rows_of(
    keys: pa.ChunkedArray,
    known: pa.ChunkedArray,
    key: str,
    sweep: str,
    notify: Notify,
    *,
    allow_missing: bool,
) -> npt.NDArray[np.int64]:
    """Return the row of the table for each image, -1 without one."""
    if known.null_count == len(known):
        raise UserError(f"the images of sweep '{sweep}' have no {key}; join by {schema.IMAGE_ID}")
    try:
        values = keys.cast(known.type)
    except pa.ArrowException:
        raise UserError(
            f"column '{key}' holds {keys.type}; expected {known.type}, as the sweep has"
            + ("; names of files are matched with --map path=image_id" if _is_text(keys) else "")
        ) from None
    if values.null_count:
        raise UserError(f"{values.null_count} rows of the table have no {key}")
    if key == schema.PATH:
        values = _by_tail(values, known, notify)
    is_known = pc.is_in(values, value_set=known)
    unknown = values.filter(pc.invert(is_known))
    if len(unknown) and not (allow_missing and len(unknown) < len(values)):
        raise UserError(
            f"sweep '{sweep}' has no image with {key} {_some(unknown)}; --allow-missing leaves out "
            "the rows of other images"
        )
    if len(unknown):
        notify(f"left out {len(unknown):,} of {len(values):,} rows, which are of other images")
    counts = pc.value_counts(values)
    repeated = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    if len(repeated):
        raise UserError(f"more than one row of the table has {key} {_some(repeated)}")
    row_of = pc.index_in(known, value_set=values).fill_null(-1)
    return np.asarray(row_of.to_numpy(), np.int64)


def _by_tail(values: pa.ChunkedArray, known: pa.ChunkedArray, notify: Notify) -> pa.ChunkedArray:
    """Replace paths by those of the images that share their tail."""
    paths = [path for path in known.to_pylist() if path is not None]
    tails = PathTails(paths)
    found = tails.indices_of(values.to_pylist())
    if tails.note:
        notify(tails.note)
    typed = values.to_pylist()
    ours = [paths[i] if i >= 0 else typed[row] for row, i in enumerate(found)]
    return pa.chunked_array([pa.array(ours, known.type)])


def _is_text(values: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(values.type) or pa.types.is_large_string(values.type))


def _some(values: Any) -> str:
    named = ", ".join(repr(value) for value in values[:_NAMED].to_pylist())
    return named + (f" and {len(values) - _NAMED:,} more" if len(values) > _NAMED else "")
