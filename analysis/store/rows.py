"""Some rows of a Parquet file by their places, without reading the others."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.filesystem import Location
from analysis.filesystem.atomic import readable
from analysis.store.tables import damage_told


class Rows:
    """Columns of a file's rows, read by place; only the row groups that hold them are touched.

    What says where the groups lie is read once. Each reading opens the file anew, so that several
    threads may read at once.

    Raises
    ------
    CacheError
        The file is missing or damaged.
    """

    def __init__(self, path: Location, sweep: str, columns: Sequence[str]) -> None:
        self._path = path
        self._sweep = sweep
        self._columns = list(columns)
        with damage_told(path, sweep), readable(path) as source:
            self._footer = pq.read_metadata(source)
        groups = range(self._footer.num_row_groups)
        self._ends = np.cumsum([self._footer.row_group(group).num_rows for group in groups])

    def __len__(self) -> int:
        """Number of rows of the file."""
        return int(self._footer.num_rows)

    def take(self, places: Sequence[int]) -> pa.Table:
        """Read rows in the order asked; a place may come twice.

        Raises
        ------
        CacheError
            The file is missing or damaged.
        IndexError
            A place is not in the file.
        """
        wanted = np.asarray(places, np.int64)
        if len(wanted) and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise IndexError(f"{self._path} has {len(self)} rows, not one at each of {places}")
        groups, which = np.unique(
            np.searchsorted(self._ends, wanted, side="right"), return_inverse=True
        )
        starts = np.concatenate([[0], self._ends])
        sizes = starts[groups + 1] - starts[groups]
        first = np.concatenate([[0], np.cumsum(sizes)])[:-1]
        with damage_told(self._path, self._sweep), readable(self._path) as source:
            file = pq.ParquetFile(source, metadata=self._footer, memory_map=True)
            read = file.read_row_groups(groups.tolist(), columns=self._columns)
            return read.take(pa.array(first[which] + wanted - starts[groups][which]))
