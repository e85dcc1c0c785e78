"""``features.parquet``: feature vectors in which similar images lie close together.

One row an image: ``image_id`` and float16 ``f0``, ``f1``, …; metadata describe their origin.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from analysis import schema
from analysis.errors import DamageError, UserError
from analysis.filesystem import Location
from analysis.filesystem.atomic import readable, replacing
from analysis.store.manifest import FileRecord, Manifest
from analysis.store.parquet import check_order, translate_damage
from analysis.store.sweep_folder import SweepFolder

FEATURES = "features.parquet"
MOST_COLUMNS = 128
LARGEST = float(np.finfo(np.float16).max)
_ABOUT = b"lethe.features"
_LONGEST_ABOUT = 200
_ROWS = 16_384
_IMAGES = "images.parquet"


def write_features(
    folder: SweepFolder, values: npt.NDArray[np.floating], *, about: str = "given"
) -> FileRecord:
    """Write the features of a sweep's images atomically, as float16; return the file's record.

    Parameters
    ----------
    folder : SweepFolder
        The sweep, or the folder in which its files are prepared.
    values : array, (N, D)
        A row an image, by ``image_id``; at most 128 columns.
    about : str
        Their origin, such as "penultimate layer of dense seed 0".

    Raises
    ------
    UserError
        The shape is wrong, or a value is not finite or too large for float16.
    """
    if values.ndim != 2 or not 1 <= values.shape[1] <= MOST_COLUMNS:
        raise UserError(
            f"features of shape {values.shape} cannot be stored; expected a row an image and 1 to "
            f"{MOST_COLUMNS} columns"
        )
    path = folder.path / FEATURES
    with replacing(path) as temporary:
        layout = _layout(values.shape[1]).with_metadata({_ABOUT: about.encode()})
        with pq.ParquetWriter(temporary, layout, compression="zstd") as writer:
            for start, block in _narrow(values):
                ids = pa.array(np.arange(start, start + len(block)), pa.int32())
                columns = [pa.array(np.ascontiguousarray(column)) for column in block.T]
                writer.write_table(pa.table([ids, *columns], schema=layout))
        return folder.record(temporary, rows=len(values))


def read_features(folder: SweepFolder) -> npt.NDArray[np.float32] | None:
    """Read the features of a sweep's images, (N, D), rows by ``image_id``; None without any.

    Raises
    ------
    DamageError
        The file is missing, damaged, or of other images.
    """
    found = _read(folder)
    return None if found is None else found[0]


def about_features(folder: SweepFolder) -> str | None:
    """Return the description of a sweep's features; None without features.

    Raises
    ------
    DamageError
        As :func:`read_features`.
    """
    found = _read(folder, rows=False)
    return None if found is None else found[1]


def features_digest(folder: SweepFolder) -> str | None:
    """Return the SHA-256 of a sweep's features, the key of derived results; None without."""
    record = folder.manifest().files.get(FEATURES)
    return None if record is None else record.sha256


def words_to_make(manifest: Manifest) -> tuple[str, ...]:
    """Return the command that makes or imports a sweep's features, without program name."""
    source = ("--from", "FILE.npy") if manifest.origin == "imported" else ()
    return ("features", manifest.name, *source)


def _read(folder: SweepFolder, *, rows: bool = True) -> tuple[npt.NDArray[np.float32], str] | None:
    files = folder.manifest().files
    if FEATURES not in files:
        return None
    images = files.get(_IMAGES)
    n_images = None if images is None else images.rows

    def read(path: Location) -> tuple[npt.NDArray[np.float32], str]:
        with translate_damage(path, folder.name), readable(path) as source:
            file = pq.ParquetFile(source)
            layout = file.schema_arrow
            n, width = file.metadata.num_rows, len(layout.names) - 1
            if not 1 <= width <= MOST_COLUMNS or not layout.equals(_layout(width)):
                raise _unusable(folder, path, f"expected image_id and f0 to f{MOST_COLUMNS - 1}")
            if n_images is not None and n != n_images:
                raise _unusable(folder, path, f"it has {n:,} rows for {n_images:,} images")
            description = (layout.metadata or {}).get(_ABOUT, b"given").decode(errors="replace")
            about = description[:_LONGEST_ABOUT]
            values = np.empty((n if rows else 0, width), np.float32)
            start = 0
            for batch in file.iter_batches(_ROWS, use_threads=False) if rows else ():
                table = pa.Table.from_batches([batch])
                check_order(path, folder.name, table, start)
                for column in range(width):
                    values[start : start + len(table), column] = table[f"f{column}"].to_numpy()
                start += len(table)
            if not np.isfinite(values).all():
                raise _unusable(folder, path, "some values are not finite")
            return values, about

    path = folder.path / FEATURES
    try:
        return folder.read_checked(path, read)
    except _UnusableError:
        raise
    except DamageError as error:
        # Keep the reason only: starting the sweep again does not remake features.
        reason = str(error).partition("; '")[0]
        raise _UnusableError(f"{reason}; {_remedy(folder)}") from error


class _UnusableError(DamageError):
    """A damage error that names the command to remake the features."""


def _unusable(folder: SweepFolder, path: Location, why: str) -> DamageError:
    return _UnusableError(f"{path} cannot be used: {why}; {_remedy(folder)}")


def _remedy(folder: SweepFolder) -> str:
    words = " ".join(words_to_make(folder.manifest()))
    return f"'python -m analysis {words}' {'imports' if '--from' in words else 'makes'} it again"


def _layout(width: int) -> pa.Schema:
    names = [schema.IMAGE_ID, *(f"f{i}" for i in range(width))]
    kinds = [pa.int32(), *[pa.float16()] * width]
    return pa.schema([pa.field(n, k, nullable=False) for n, k in zip(names, kinds, strict=True)])


def _narrow(values: npt.NDArray[np.floating]) -> Iterator[tuple[int, npt.NDArray[np.float16]]]:
    for start in range(0, len(values), _ROWS):
        rows = values[start : start + _ROWS]
        with np.errstate(over="ignore"):
            block = rows.astype(np.float16)
        invalid = ~np.isfinite(block)
        if invalid.any():
            row, column = np.argwhere(invalid)[0].tolist()
            what = f"at most {LARGEST:,.0f}" if np.isfinite(rows[row, column]) else "finite numbers"
            raise UserError(
                f"features: row {start + row}, column {column} is {rows[row, column]:g}; "
                f"expected {what}"
            )
        yield start, block
