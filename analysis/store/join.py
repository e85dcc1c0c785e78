"""Join columns of a table to the test images of a sweep, as ``meta_*``."""

import pyarrow as pa

from analysis import schema
from analysis.errors import CacheError
from analysis.store import SweepFolder
from analysis.store.joinable import Joinable, as_table
from analysis.store.matching import Notify, matched, renamed, silent, target, with_columns
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
    notify: Notify = silent,
) -> list[str]:
    """Write the columns of a table into a sweep's images; return their names.

    ``images.parquet`` and its record in the manifest are replaced in one step. If a join was killed
    in it, the next one finishes it first and may repeat its columns.

    Parameters
    ----------
    overwrite : bool
        Replace existing columns.
    columns : dict, optional
        New names of columns of the table by their names there: ``path`` and ``image_id``, the keys
        of the images, and names of metadata.
    allow_missing : bool
        Leave out rows of other images.
    notify : callable
        Receives notes on how images were matched.

    Raises
    ------
    UserError
        The table cannot be read or matched, or another process writes to the sweep.
    """
    source = renamed(as_table(table), columns or {})
    with folder.locked():
        again = (folder.cut_off or {}).get(_COLUMNS, [])
        images = folder.read_images()
        kept = (
            images if overwrite else images.drop_columns(_repeated_columns(source, again, images))
        )
        added = matched(
            source, kept, overwrite=overwrite, sweep=folder.name, allow_missing=allow_missing,
            notify=notify,
        )  # fmt: skip
        manifest = folder.manifest()
        with aside(folder) as made:
            manifest.files[IMAGES] = made.write_images(with_columns(images, added))
            publish(made, folder, manifest, {_COLUMNS: added.column_names})
    return list(added.column_names)


def _repeated_columns(table: pa.Table, columns: list[str], images: pa.Table) -> list[str]:
    """Return the columns of an interrupted join that the table has again."""
    targets = {target(column) for column in table.column_names}
    return [name for name in columns if name in targets and name in images.column_names]


def keep_joined(folder: SweepFolder, images: pa.Table) -> pa.Table:
    """Copy the joined columns of the stored images to newly made ones."""
    try:
        before = folder.read_images([n for n in folder.image_columns() if n != schema.IMAGE])
    except CacheError:
        # Missing or damaged, and with them the joined columns.
        return images
    joined = [
        name
        for name in before.column_names
        if name.startswith(schema.META_PREFIX) and name not in images.column_names
    ]
    if before.num_rows != images.num_rows:
        return images
    return with_columns(images, before.select(joined))
