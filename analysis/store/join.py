"""Joining: columns of a table kept with the test images of a sweep, as ``meta_*``."""

import json

import pyarrow as pa

from analysis import schema
from analysis.errors import CacheError
from analysis.store import SweepFolder
from analysis.store.matching import (
    Joinable,
    Told,
    as_table,
    matched,
    nobody,
    renamed,
    target,
    with_columns,
)

IMAGES = "images.parquet"
_JOURNAL = b"lethe.join"


def join(
    folder: SweepFolder,
    table: Joinable,
    *,
    overwrite: bool = False,
    columns: dict[str, str] | None = None,
    allow_missing: bool = False,
    told: Told = nobody,
) -> list[str]:
    """Write the columns of a table into a sweep's images; return their names.

    ``images.parquet`` is replaced atomically, then its record in the manifest. Where a join was
    killed between the two, the next one finishes it first, and may bring its columns again.

    Parameters
    ----------
    overwrite : bool
        Replace columns that are there already.
    columns : dict, optional
        What columns of the table become, by what they are called: ``path`` and ``image_id``, which
        images are matched by, and names of metadata.
    allow_missing : bool
        Leave out the rows of other images.
    told : callable
        Hears how images were matched, where that is not plain.

    Raises
    ------
    UserError
        The table cannot be read or matched, or another process writes to the sweep.
    """
    given = renamed(as_table(table), columns or {})
    with folder.locked():
        again = _finish_cut_off(folder)
        images = folder.read_images()
        kept = images if overwrite else images.drop_columns(_brought_again(given, again))
        added = matched(
            given, kept, overwrite=overwrite, sweep=folder.name, allow_missing=allow_missing,
            told=told,
        )  # fmt: skip
        manifest = folder.manifest()
        journal = {"columns": added.column_names}
        if IMAGES in manifest.files:
            journal["replaces"] = manifest.files[IMAGES].sha256
        written = with_columns(images, added)
        record = folder.write_images(
            written.replace_schema_metadata({_JOURNAL: json.dumps(journal).encode()})
        )
        manifest.files[IMAGES] = record
        folder.write_manifest(manifest)
    return list(added.column_names)


def cut_off(folder: SweepFolder) -> list[str]:
    """Columns of a join that was killed before the manifest knew of them; none where none was."""
    metadata = folder.read_images([schema.IMAGE_ID]).schema.metadata or {}
    journal = json.loads(metadata.get(_JOURNAL, b"{}"))
    record = folder.manifest().files.get(IMAGES)
    is_cut_off = record is not None and journal.get("replaces") == record.sha256
    return list(journal["columns"]) if is_cut_off else []


def finish(folder: SweepFolder) -> list[str]:
    """Finish a join that was killed between its two writes; return the columns it had brought.

    Raises
    ------
    UserError
        Another process writes to the sweep, or its images cannot be read.
    """
    if not cut_off(folder):
        return []
    with folder.locked():
        return _finish_cut_off(folder)


def _finish_cut_off(folder: SweepFolder) -> list[str]:
    columns = cut_off(folder)
    if columns:
        manifest = folder.manifest()
        rows = manifest.files[IMAGES].rows
        manifest.files[IMAGES] = folder.record(folder.path / IMAGES, rows)
        folder.write_manifest(manifest)
    return columns


def _brought_again(given: pa.Table, columns: list[str]) -> list[str]:
    """Columns of a join that was cut off which a table brings once more."""
    return [name for name in columns if name in {target(column) for column in given.column_names}]


def keep_joined(folder: SweepFolder, images: pa.Table) -> pa.Table:
    """Add to freshly made images what had been joined to those that lie in the sweep."""
    try:
        before = folder.read_images([n for n in folder.image_columns() if n != schema.IMAGE])
    except CacheError:
        # None there yet, or damaged: then what was joined is lost as well.
        return images
    lost = [
        name
        for name in before.column_names
        if name.startswith(schema.META_PREFIX) and name not in images.column_names
    ]
    if before.num_rows != images.num_rows:
        return images
    return with_columns(images, before.select(lost))
