"""Read the Parquet files of a sweep: tables, populations as arrays, single rows."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from analysis import schema
from analysis.errors import DamageError
from analysis.filesystem import Location
from analysis.filesystem.atomic import readable, stamp, unreadable


@dataclass(frozen=True)
class Population:
    """All runs of one variant: ``seeds`` (K) and named columns, each an array [K, N]."""

    variant_id: str
    seeds: tuple[int, ...]
    columns: dict[str, npt.NDArray[Any]]

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        """Return one column, [K, N]."""
        return self.columns[column]

    @property
    def prediction(self) -> npt.NDArray[Any]:
        """Predicted classes, [K, N]."""
        return self.columns[schema.PREDICTION]

    @property
    def n_bytes(self) -> int:
        """Bytes of its columns in memory."""
        return sum(values.nbytes for values in self.columns.values())


def read_table(path: Location, sweep: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table, or only some of its columns.

    Raises
    ------
    CacheError
        The file is missing or damaged.
    """
    with translate_damage(path, sweep), readable(path) as source:
        return read_whole(source, columns)


def read_in_order(path: Location, sweep: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table with one row an image and check their order.

    Raises
    ------
    CacheError
        The file is missing or damaged, or its ``image_id`` are not 0 to N-1.
    """
    requested = None if columns is None else list(dict.fromkeys([*columns, schema.IMAGE_ID]))
    table = read_table(path, sweep, requested)
    check_order(path, sweep, table)
    return table if columns is None else table.select(list(columns))


def check_order(path: Location, sweep: str, table: pa.Table, start: int = 0) -> None:
    """Check that the rows of a table are those of the images, in order.

    Raises
    ------
    DamageError
        They are not.
    """
    found = table[schema.IMAGE_ID].to_numpy() if schema.IMAGE_ID in table.column_names else None
    if found is None or not np.array_equal(found, np.arange(start, start + len(table))):
        raise DamageError(
            f"{path} is damaged: its image_id are not those of the images in order; "
            f"'lethe verify {sweep}' lists what is wrong"
        )


def read_whole(source: Any, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table, or some of its columns, from a path or an open remote file.

    Columns missing from older files are null. Remote files are read by this thread alone: a thread
    of pyarrow that releases a Python object at exit aborts the process.

    Raises
    ------
    KeyError, pyarrow.ArrowException
        The columns are missing, or the file is damaged.
    """
    requested = list(columns) if columns else None
    if requested and not {*schema.NEWER}.isdisjoint(requested):
        stored = pq.read_schema(source).names
        missing = [name for name in requested if name in schema.NEWER and name not in stored]
        if missing:
            table = read_whole(source, [n for n in requested if n not in missing] or stored[:1])
            for name in missing:
                table = table.append_column(name, pa.nulls(len(table), schema.NEWER[name]))
            return table.select(requested)
    if isinstance(source, Path):
        return pq.read_table(source, columns=requested, partitioning=None)
    # One request a column, or a single one for the whole file.
    file = pq.ParquetFile(source if requested else pa.BufferReader(source.read()))
    table = file.read(requested, use_threads=False)
    return table.select(requested) if requested else table


def column_names(path: Location, sweep: str) -> list[str]:
    """Return the column names of a table.

    Raises
    ------
    CacheError
        The file is missing or damaged.
    """
    with translate_damage(path, sweep), readable(path) as source:
        return list(pq.read_schema(source).names)


def read_stacked(
    paths: Sequence[Location], columns: Sequence[str], n_rows: int, sweep: str
) -> dict[str, npt.NDArray[Any]]:
    """Read columns of K tables of one shape as arrays [K, rows]; nulls become NaN.

    Every table is copied into its row, so that a population is in memory only once.

    Raises
    ------
    CacheError
        A file is missing or damaged, or has another number of rows.
    """
    if not paths:
        return {}
    with translate_damage(paths[0], sweep), readable(paths[0]) as source:
        layout = pq.read_schema(source)
    newer = {*schema.NEWER} - {*layout.names}
    kinds = {
        name: np.dtype(np.float32 if name in newer else layout.field(name).type.to_pandas_dtype())
        for name in columns
    }
    arrays: dict[str, npt.NDArray[Any]] = {
        name: np.empty((len(paths), n_rows), kind) for name, kind in kinds.items()
    }
    with ThreadPoolExecutor() as pool:
        jobs = ((path, sweep, arrays, k) for k, path in enumerate(paths))
        with_nulls = set().union(*pool.map(lambda job: _copy_row(*job), jobs))
    for name in with_nulls:  # integers with nulls: read again as float
        arrays[name] = np.stack(
            [read_table(path, sweep, [name])[name].to_numpy().astype(np.float64) for path in paths]
        )
    return arrays


def read_same_row(
    paths: Sequence[Location], columns: Sequence[str], row: int, sweep: str
) -> list[dict[str, Any]]:
    """Read one row of each of K tables, touching only its row group.

    Raises
    ------
    CacheError
        A file is missing or damaged, or is shorter.
    """
    requested = list(dict.fromkeys([*columns, schema.IMAGE_ID]))

    def read(path: Location) -> dict[str, Any]:
        with translate_damage(path, sweep), readable(path) as source:
            file = pq.ParquetFile(source)
            offset = row
            for number in range(file.num_row_groups):
                n_rows = file.metadata.row_group(number).num_rows
                if offset < n_rows:
                    table = file.read_row_group(
                        number, columns=requested, use_threads=isinstance(path, Path)
                    ).slice(offset, 1)
                    check_order(path, sweep, table, row)
                    return dict(table.select(list(columns)).to_pylist()[0])
                offset -= n_rows
        raise DamageError(f"{path} has no row {row}; start the sweep again to remake it")

    with ThreadPoolExecutor() as pool:
        return list(pool.map(read, paths))


def _copy_row(path: Location, sweep: str, arrays: dict[str, npt.NDArray[Any]], k: int) -> set[str]:
    """Copy columns of a table into row k of arrays; return those that cannot hold its nulls."""
    table = read_in_order(path, sweep, list(arrays))
    with_nulls = set()
    for name, array in arrays.items():
        if table.num_rows != array.shape[1]:
            raise DamageError(
                f"{path} has {table.num_rows} rows where the sweep has {array.shape[1]} images; "
                "start the sweep again to remake it"
            )
        if table[name].null_count and array.dtype.kind != "f":
            with_nulls.add(name)
            continue
        start = 0
        for chunk in table[name].chunks:
            array[k, start : start + len(chunk)] = chunk.to_numpy(zero_copy_only=False)
            start += len(chunk)
    return with_nulls


@contextmanager
def translate_damage(path: Location, sweep: str) -> Iterator[None]:
    """Raise DamageError with the file and the next command if it is missing or damaged."""
    try:
        yield
    except (OSError, KeyError, pa.ArrowException) as error:
        is_missing = isinstance(error, FileNotFoundError)
        if isinstance(error, OSError) and error.errno is not None and not is_missing:
            raise unreadable(path, error) from error
        state = "is missing" if is_missing else "is damaged"
        raise DamageError(
            f"{path} {state}; 'python -m analysis verify {sweep}' lists what is wrong, and "
            "starting the sweep again makes the missing runs"
        ) from error


class Rows:
    """Random access to rows of a file; only their row groups are read.

    The footer is read once per state of the file. Each read opens the file again, so that several
    threads may read at once.

    Parameters
    ----------
    locate : callable
        Returns the file's current path after checking it against the manifest.

    Raises
    ------
    CacheError
        The file is missing or damaged.
    """

    def __init__(self, locate: Callable[[], Location], sweep: str, columns: Sequence[str]) -> None:
        self._locate = locate
        self._sweep = sweep
        self._columns = list(columns)
        self._laid_out = self._layout(locate())

    def __len__(self) -> int:
        """Number of rows of the file."""
        return int(self._laid_out.footer.num_rows)

    def _layout(self, path: Location) -> "_Layout":
        state = (path, stamp(path))
        with translate_damage(path, self._sweep), readable(path) as source:
            footer = pq.read_metadata(source)
        groups = range(footer.num_row_groups)
        ends = np.cumsum([footer.row_group(group).num_rows for group in groups])
        return _Layout(state, footer, ends)

    def take(self, rows: Sequence[int]) -> pa.Table:
        """Read rows in the given order; rows may repeat.

        Raises
        ------
        CacheError
            The file is missing or damaged.
        IndexError
            A row is not in the file.
        """
        path = self._locate()
        if (path, stamp(path)) != self._laid_out.state:
            self._laid_out = self._layout(path)
        laid_out = self._laid_out
        wanted = np.asarray(rows, np.int64)
        if len(wanted) and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise IndexError(f"{path} has {len(self)} rows, not one at each of {rows}")
        groups, which = np.unique(
            np.searchsorted(laid_out.ends, wanted, side="right"), return_inverse=True
        )
        starts = np.concatenate([[0], laid_out.ends])
        sizes = starts[groups + 1] - starts[groups]
        first = np.concatenate([[0], np.cumsum(sizes)])[:-1]
        requested = list(dict.fromkeys([*self._columns, schema.IMAGE_ID]))
        with translate_damage(path, self._sweep), readable(path) as source:
            file = pq.ParquetFile(source, metadata=laid_out.footer, memory_map=True)
            is_here = isinstance(path, Path)  # see read_whole
            read = file.read_row_groups(groups.tolist(), columns=requested, use_threads=is_here)
        for group, start, at in zip(groups, starts[groups], first, strict=True):
            n_rows = laid_out.ends[group] - start
            check_order(path, self._sweep, read.slice(int(at), int(n_rows)), int(start))
        taken = read.take(pa.array(first[which] + wanted - starts[groups][which]))
        return taken.select(self._columns)


@dataclass(frozen=True)
class _Layout:
    """The row groups of one state of a file."""

    state: tuple[Location, str]
    footer: Any
    ends: npt.NDArray[np.int64]
