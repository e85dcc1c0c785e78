"""Features of the images, brought along: ``features.parquet``, one row an image."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from analysis import schema
from analysis.errors import UserError
from analysis.filesystem.atomic import replacing
from analysis.importing.arrays import read_matrix
from analysis.store import SweepFolder
from analysis.store.manifest import FileRecord

FEATURES = "features.parquet"
_ROWS = 16_384
_MOST = 16_384


def open_features(path: Path, n_images: int) -> npt.NDArray[np.floating]:
    """Open a file of features, unread; its rows are the images in order.

    Raises
    ------
    UserError
        It is damaged, or has another shape or type.
    """
    features = read_matrix(path)
    if len(features) != n_images:
        raise UserError(
            f"--features {path} has {len(features):,} rows, and there are {n_images:,} images; "
            "expected one row an image, in order"
        )
    if features.shape[1] > _MOST:
        raise UserError(
            f"--features {path} has {features.shape[1]:,} columns; expected at most {_MOST:,}"
        )
    return features


def write_features(
    made: SweepFolder, path: Path, features: npt.NDArray[np.floating], row: npt.NDArray[np.int64]
) -> FileRecord:
    """Write features as float16; ``row`` is that of each image in the order of their ids.

    Raises
    ------
    UserError
        One is not finite, or is too large for float16.
    """
    names = [schema.IMAGE_ID, *(f"f{i}" for i in range(features.shape[1]))]
    kinds = [pa.int32(), *[pa.float16()] * features.shape[1]]
    layout = pa.schema([pa.field(n, k, nullable=False) for n, k in zip(names, kinds, strict=True)])
    with (
        replacing(made.path / FEATURES) as temporary,
        pq.ParquetWriter(temporary, layout, compression="zstd") as writer,
    ):
        for start in range(0, len(row), _ROWS):
            taken = row[start : start + _ROWS]
            block = _narrow(path, features, taken)
            ids = pa.array(np.arange(start, start + len(taken)), pa.int32())
            columns = [pa.array(np.ascontiguousarray(column)) for column in block.T]
            writer.write_table(pa.table([ids, *columns], schema=layout))
    return made.record(made.path / FEATURES, rows=len(row))


def _narrow(
    path: Path, features: npt.NDArray[np.floating], row: npt.NDArray[np.int64]
) -> npt.NDArray[np.float16]:
    given = features[row]
    with np.errstate(over="ignore"):
        block = given.astype(np.float16)
    bad = ~np.isfinite(block)
    if bad.any():
        place, column = np.argwhere(bad)[0].tolist()
        what = "finite numbers" if not np.isfinite(given[place, column]) else "at most 65,504"
        raise UserError(
            f"--features {path}, row {int(row[place])}, column {column} is "
            f"{given[place, column]:g}; expected {what}"
        )
    return block
