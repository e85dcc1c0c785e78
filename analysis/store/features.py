"""``features.parquet``: a few numbers an image in which alike images lie close together.

One row an image, ``image_id`` and float16 ``f0`` and so on; the file says itself what they are of.
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
from analysis.store.parquet import check_order, damage_told
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
    """Write the features of a sweep's images atomically, as float16; note it in the manifest after.

    Parameters
    ----------
    folder : SweepFolder
        The sweep, or the folder in which files of it are made.
    values : array, (N, D)
        A row an image, by ``image_id``; at most 128 columns.
    about : str
        What they are of, such as "penultimate layer of dense seed 0".

    Raises
    ------
    UserError
        They have another shape, or one is not finite or too large for float16.
    """
    if values.ndim != 2 or not 1 <= values.shape[1] <= MOST_COLUMNS:
        raise UserError(
            f"features of shape {values.shape} cannot be kept; expected a row an image and 1 to "
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
        The file is missing, is not what was written, or is not of these images.
    """
    found = _read(folder)
    return None if found is None else found[0]


def about_features(folder: SweepFolder) -> str | None:
    """Say what the features of a sweep are of; None where it has none.

    Raises
    ------
    DamageError
        As :func:`read_features`.
    """
    found = _read(folder, rows=False)
    return None if found is None else found[1]


def features_digest(folder: SweepFolder) -> str | None:
    """Return the SHA-256 of a sweep's features: what rests on them is keyed by; None without."""
    record = folder.manifest().files.get(FEATURES)
    return None if record is None else record.sha256


def words_to_make(manifest: Manifest) -> tuple[str, ...]:
    """Return the words that make or bring the features of a sweep, without the program's name."""
    given = ("--from", "FILE.npy") if manifest.origin == "imported" else ()
    return ("features", manifest.name, *given)


def _read(folder: SweepFolder, *, rows: bool = True) -> tuple[npt.NDArray[np.float32], str] | None:
    files = folder.manifest().files
    if FEATURES not in files:
        return None
    images = files.get(_IMAGES)
    n_images = None if images is None else images.rows

    def read(path: Location) -> tuple[npt.NDArray[np.float32], str]:
        with damage_told(path, folder.name), readable(path) as source:
            file = pq.ParquetFile(source)
            layout = file.schema_arrow
            n, width = file.metadata.num_rows, len(layout.names) - 1
            if not 1 <= width <= MOST_COLUMNS or not layout.equals(_layout(width)):
                raise _unusable(folder, path, f"expected image_id and f0 to f{MOST_COLUMNS - 1}")
            if n_images is not None and n != n_images:
                raise _unusable(folder, path, f"it has {n:,} rows for {n_images:,} images")
            said = (layout.metadata or {}).get(_ABOUT, b"given").decode(errors="replace")
            about = said[:_LONGEST_ABOUT]
            values = np.empty((n if rows else 0, width), np.float32)
            start = 0
            for batch in file.iter_batches(_ROWS, use_threads=False) if rows else ():
                table = pa.Table.from_batches([batch])
                check_order(path, folder.name, table, start)
                for column in range(width):
                    values[start : start + len(table), column] = table[f"f{column}"].to_numpy()
                start += len(table)
            if not np.isfinite(values).all():
                raise _unusable(folder, path, "some are no finite numbers")
            return values, about

    path = folder.path / FEATURES
    try:
        return folder.read_checked(path, read)
    except _UnusableError:
        raise
    except DamageError as error:
        # What is wrong; to start the sweep again, which helps with runs, does not help here.
        wrong = str(error).partition("; '")[0]
        raise _UnusableError(f"{wrong}; {_anew(folder)}") from error


class _UnusableError(DamageError):
    """What is said of features already names what makes them anew."""


def _unusable(folder: SweepFolder, path: Location, why: str) -> DamageError:
    return _UnusableError(f"{path} cannot be used: {why}; {_anew(folder)}")


def _anew(folder: SweepFolder) -> str:
    words = " ".join(words_to_make(folder.manifest()))
    return f"'python -m analysis {words}' {'brings' if '--from' in words else 'makes'} it anew"


def _layout(width: int) -> pa.Schema:
    names = [schema.IMAGE_ID, *(f"f{i}" for i in range(width))]
    kinds = [pa.int32(), *[pa.float16()] * width]
    return pa.schema([pa.field(n, k, nullable=False) for n, k in zip(names, kinds, strict=True)])


def _narrow(values: npt.NDArray[np.floating]) -> Iterator[tuple[int, npt.NDArray[np.float16]]]:
    for start in range(0, len(values), _ROWS):
        given = values[start : start + _ROWS]
        with np.errstate(over="ignore"):
            block = given.astype(np.float16)
        bad = ~np.isfinite(block)
        if bad.any():
            row, column = np.argwhere(bad)[0].tolist()
            what = (
                f"at most {LARGEST:,.0f}" if np.isfinite(given[row, column]) else "finite numbers"
            )
            raise UserError(
                f"features: row {start + row}, column {column} is {given[row, column]:g}; "
                f"expected {what}"
            )
        yield start, block
