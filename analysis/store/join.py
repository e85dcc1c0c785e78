"""Joining: columns of a table kept with the test images of a sweep, as ``meta_*``."""

import pyarrow as pa

from analysis import schema
from analysis.errors import CacheError
from analysis.store import SweepFolder
from analysis.store.joinable import Joinable, as_table
from analysis.store.matching import (
    Told,
    matched,
    nobody,
    renamed,
    target,
    with_columns,
)
from analysis.store.transfer import aside, publish

IMAGES = "images.parquet"
_COLUMNS = "joined"


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

    ``images.parquet`` and its record in the manifest are replaced in one step. Where a join was
    killed in it, the next one finishes it first, and may bring its columns again.

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
        again = (folder.cut_off or {}).get(_COLUMNS, [])
        images = folder.read_images()
        kept = images if overwrite else images.drop_columns(_brought_again(given, again, images))
        added = matched(
            given, kept, overwrite=overwrite, sweep=folder.name, allow_missing=allow_missing,
            told=told,
        )  # fmt: skip
        manifest = folder.manifest()
        with aside(folder) as made:
            manifest.files[IMAGES] = made.write_images(with_columns(images, added))
            publish(made, folder, manifest, {_COLUMNS: added.column_names})
    return list(added.column_names)


def _brought_again(given: pa.Table, columns: list[str], images: pa.Table) -> list[str]:
    """Columns of a join that was cut off which a table brings once more."""
    brought = {target(column) for column in given.column_names}
    return [name for name in columns if name in brought and name in images.column_names]


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
