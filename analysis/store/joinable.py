"""Read the table to join to images from a frame, a table, or a file of bounded size."""

import gzip
import io
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from analysis import schema
from analysis.errors import UserError
from analysis.filesystem.headers import GZIP, Names, csv_header, translate_errors
from analysis.filesystem.regular import open_regular
from analysis.filesystem.tables import (
    MOST_ROWS,
    check_density,
    first_line,
    json_tables,
    parquet_batches,
    parquet_file,
)

Joinable: TypeAlias = pd.DataFrame | pa.Table | str | Path
_SUFFIXES = (".csv", ".parquet", ".jsonl", ".ndjson", ".json")
_MOST_BYTES = 2**31


def as_table(source: Joinable) -> pa.Table:
    """Convert a frame, a table, or a CSV, Parquet or JSON-lines file to a table.

    Raises
    ------
    UserError
        It is of another kind, cannot be read, or is too large.
    """
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, pd.DataFrame):
        named = source.index.name in (schema.IMAGE_ID, schema.PATH)
        try:
            return pa.Table.from_pandas(
                source.reset_index() if named else source, preserve_index=False
            )
        except (pa.ArrowException, ValueError) as error:
            raise UserError(f"the frame cannot be joined: {first_line(error)}") from error
    path = Path(source)
    # A gzipped file has two suffixes: labels.csv.gz.
    suffix = (Path(path.stem).suffix if path.suffix == ".gz" else path.suffix).lower()
    if suffix not in _SUFFIXES:
        raise UserError(f"{path}: expected a name that ends in {', '.join(_SUFFIXES)}")
    kind = {".csv": "csv", ".parquet": "parquet"}.get(suffix, "json")
    try:
        with translate_errors(path, kind), open_regular(path) as raw:
            return _read(path, raw, kind)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None


def _read(path: Path, raw: io.BufferedReader, kind: str) -> pa.Table:
    if kind == "parquet":
        return _parquet(path, raw)
    header, delimiter = csv_header(path, raw) if kind == "csv" else (Names([]), "")
    raw.seek(0)
    is_gzipped = raw.peek(2)[:2] == GZIP
    source: Any = gzip.GzipFile(fileobj=raw) if is_gzipped else raw
    bounded = io.BufferedReader(_Bounded(path, source))
    if kind == "csv":
        read = pa.csv.read_csv(
            pa.PythonFile(bounded, mode="r"),
            read_options=pa.csv.ReadOptions(use_threads=False),  # errors then name their row
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(strings_can_be_null=True),
        )
        broken = next((f.name for f in read.schema if pa.types.is_binary(f.type)), None)
        if broken is not None:
            raise UserError(
                f"{path}: the text of the column {broken!r} is not UTF-8; save the file as UTF-8"
            )
        return read.rename_columns(list(header))
    tables = list(json_tables(path, bounded, None))
    n_values = sum(table.num_rows * table.num_columns for table in tables)
    names = {name for table in tables for name in table.column_names}
    check_density(path, sum(table.num_rows for table in tables), len(names), n_values)
    return _concatenated(path, tables)


def _parquet(path: Path, raw: io.BufferedReader) -> pa.Table:
    file = parquet_file(path, raw)
    names = list(file.schema_arrow.names)
    if file.metadata.num_rows > MOST_ROWS:
        raise UserError(
            f"{path} has {file.metadata.num_rows:,} rows; expected at most {MOST_ROWS:,}, one an "
            "image"
        )
    batches, n_bytes = [], 0
    for batch in parquet_batches(path, file, names):
        n_bytes += batch.nbytes
        if n_bytes > _MOST_BYTES:
            raise _too_large(path)
        batches.append(batch)
    if not batches:
        return pq.read_schema(path).empty_table()
    return pa.Table.from_batches(batches)


def _concatenated(path: Path, tables: list[pa.Table]) -> pa.Table:
    """Concatenate blocks of one file; columns of mixed types become text."""
    if not tables:
        raise UserError(f"{path} is empty; expected JSON lines: one object a line")
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException:
        texts = [
            pa.table({n: t[n].cast(pa.large_string()) for n in t.column_names}) for t in tables
        ]
        return pa.concat_tables(texts, promote_options="permissive")


class _Bounded(io.RawIOBase):
    """The unpacked bytes of a file, up to a limit."""

    def __init__(self, path: Path, source: Any) -> None:
        self._path, self._source, self._n = path, source, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._source.read(len(buffer))
        self._n += len(content)
        if self._n > _MOST_BYTES:
            raise _too_large(self._path)
        buffer[: len(content)] = content
        return len(content)

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = 0) -> int:
        self._n = 0
        return int(self._source.seek(place, whence))

    def tell(self) -> int:
        return int(self._source.tell())


def _too_large(path: Path) -> UserError:
    return UserError(
        f"{path} unpacks to more than {_MOST_BYTES:,} bytes; expected the columns of the images: "
        "leave out the others"
    )
