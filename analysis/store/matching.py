"""Matching: columns of a table brought into the order of the test images, by image or by path."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis import schema
from analysis.errors import UserError
from analysis.store.path_tails import USUAL_PATHS, PathTails

Told = Callable[[str], None]
_NAMED = 3


def nobody(_: str) -> None:
    """Hear nothing."""


def matched(
    given: pa.Table,
    images: pa.Table,
    *,
    overwrite: bool,
    sweep: str,
    allow_missing: bool = False,
    told: Told = nobody,
) -> pa.Table:
    """Bring the columns of a table into the order of the images, named ``meta_*``.

    An image without a row gets nulls.

    Parameters
    ----------
    given : Table
        With a column ``image_id``, or ``path`` or one of its usual names, and at least one other.
    images : Table
        The sweep's images: ``image_id``, ``path`` and the columns there are already.
    allow_missing : bool
        Leave out the rows of other images.
    told : callable
        Hears how images were matched, where that is not plain.

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
    key, theirs = _key(names)
    if key != theirs:
        told(f"the column '{theirs}' is taken as {key} (--map {key}=THEIRS says otherwise)")
    columns = [name for name in names if name not in (schema.IMAGE_ID, schema.PATH, theirs)]
    targets = [target(name) for name in columns]
    _check_columns(given, columns, targets, images, overwrite=overwrite, sweep=sweep)
    place = _places(given[theirs], images[key], key, sweep, told, allow_missing=allow_missing)
    taken = given.select(columns).take(pa.array(place, mask=place < 0))
    return pa.table(dict(zip(targets, taken.columns, strict=True)))


def renamed(given: pa.Table, columns: dict[str, str]) -> pa.Table:
    """Give columns of a table names of ours, which ``columns`` maps to theirs.

    Raises
    ------
    UserError
        The table lacks one of theirs, or has a column of our name beside it.
    """
    names = given.column_names
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
            given = given.drop_columns([ours])
            names = given.column_names
    back = {theirs: ours for ours, theirs in columns.items()}
    return given.rename_columns([back.get(name, name) for name in names])


def _key(names: list[str]) -> tuple[str, str]:
    """Return the column to match by, and what it is called in the table."""
    for key in (schema.IMAGE_ID, schema.PATH):
        if key in names:
            return key, key
    usual = [name for name in names if name.lower().strip() in (schema.PATH, *USUAL_PATHS)]
    if len(usual) > 1:
        either = " or ".join(f"--map path={name}" for name in usual[:3])
        raise UserError(
            f"{' and '.join(repr(name) for name in usual)} of the table can each be the path of "
            f"the image; {either} says which one it is"
        )
    if not usual:
        raise UserError(
            f"the table has no column '{schema.IMAGE_ID}' or '{schema.PATH}' to match images by; "
            f"it has {', '.join(names) or 'none'}; --map path=THEIRS says which one it is"
        )
    return schema.PATH, usual[0]


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
    given: pa.ChunkedArray,
    known: pa.ChunkedArray,
    key: str,
    sweep: str,
    told: Told,
    *,
    allow_missing: bool,
) -> npt.NDArray[np.int64]:
    """Row of the table for each image, -1 without one."""
    if known.null_count == len(known):
        raise UserError(f"the images of sweep '{sweep}' have no {key}; join by {schema.IMAGE_ID}")
    try:
        values = given.cast(known.type)
    except pa.ArrowException:
        raise UserError(
            f"column '{key}' holds {given.type}; expected {known.type}, as the sweep has"
            + ("; names of files are matched with --map path=image_id" if _is_text(given) else "")
        ) from None
    if values.null_count:
        raise UserError(f"{values.null_count} rows of the table have no {key}")
    if key == schema.PATH:
        values = _by_tail(values, known, told)
    is_known = pc.is_in(values, value_set=known)
    unknown = values.filter(pc.invert(is_known))
    if len(unknown) and not (allow_missing and len(unknown) < len(values)):
        raise UserError(
            f"sweep '{sweep}' has no image with {key} {_some(unknown)}; --allow-missing leaves out "
            "the rows of other images"
        )
    if len(unknown):
        told(f"{len(unknown):,} of {len(values):,} rows are of other images: left out")
    counts = pc.value_counts(values)
    repeated = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    if len(repeated):
        raise UserError(f"more than one row of the table has {key} {_some(repeated)}")
    place = pc.index_in(known, value_set=values).fill_null(-1)
    return np.asarray(place.to_numpy(), np.int64)


def _by_tail(values: pa.ChunkedArray, known: pa.ChunkedArray, told: Told) -> pa.ChunkedArray:
    """Paths as the images have them, where they are the same but for where they begin."""
    paths = [path for path in known.to_pylist() if path is not None]
    tails = PathTails(paths)
    found = tails.places(values.to_pylist())
    if tails.note:
        told(tails.note)
    given = values.to_pylist()
    ours = [paths[place] if place >= 0 else given[row] for row, place in enumerate(found)]
    return pa.chunked_array([pa.array(ours, known.type)])


def _is_text(values: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(values.type) or pa.types.is_large_string(values.type))


def _some(values: Any) -> str:
    named = ", ".join(repr(value) for value in values[:_NAMED].to_pylist())
    return named + (f" and {len(values) - _NAMED:,} more" if len(values) > _NAMED else "")
