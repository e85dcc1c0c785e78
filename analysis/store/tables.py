"""Reading the Parquet files of a sweep; a damaged one is named with what to do about it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.errors import CacheError
from analysis.remote import Location
from analysis.store.places import readable


def read_table(path: Location, sweep: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table, or some of its columns and nothing of the others.

    Raises
    ------
    CacheError
        The file is missing or damaged.
    """
    with _damage_told(path, sweep), readable(path) as source:
        return pq.read_table(source, columns=list(columns) if columns else None, partitioning=None)


def column_names(path: Location, sweep: str) -> list[str]:
    """Name the columns of a table.

    Raises
    ------
    CacheError
        The file is missing or damaged.
    """
    with _damage_told(path, sweep), readable(path) as source:
        return list(pq.read_schema(source).names)


@contextmanager
def _damage_told(path: Location, sweep: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        state = "is missing" if isinstance(error, FileNotFoundError) else "is damaged"
        raise CacheError(
            f"{path} {state}; 'python -m analysis verify {sweep}' lists what is wrong, and "
            "the same sweep started again makes the missing runs anew"
        ) from error
