"""Read the needed columns of prediction tables of any format, in blocks."""

import gzip
import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from analysis.errors import UserError
from analysis.filesystem.headers import GZIP, csv_header, translate_errors
from analysis.filesystem.regular import open_regular
from analysis.filesystem.tables import (
    BLOCK_ROWS,
    Flatten,
    json_tables,
    parquet_batches,
    parquet_file,
)

# Names of a file's columns -> names of the columns to read, ours to theirs.
Choose = Callable[[list[str]], dict[str, str]]
OnProgress = Callable[[int], None]
Block = dict[str, pa.Array]

_BLOCK_BYTES = 8 * 2**20
_OTHERS = {
    b"PAR1": "its content is Parquet; rename it to end in .parquet",
    b"PK\x03\x04": "its content is a ZIP file, such as a spreadsheet or .npz; save it as CSV, or "
    "rename it",
}


def blocks(
    path: Path, kind: str, choose: Choose, on_bytes: OnProgress, flatten: Flatten | None = None
) -> Iterator[Block]:
    """Read a file in blocks of columns; ``on_bytes`` receives the number of bytes read.

    ``flatten`` converts records of JSON lines before they become columns.

    Raises
    ------
    UserError
        The file cannot be read, or lacks a column.
    """
    readers: dict[str, Callable[..., Iterator[Block]]] = {
        "csv": _csv, "parquet": _parquet, "json": partial(_json_lines, flatten)
    }  # fmt: skip
    read = readers[kind]
    with translate_errors(path, kind), open_regular(path) as raw:
        start = raw.peek(4)[:4]
        if not start:
            raise UserError(f"{path} is empty")
        if kind != "parquet" and start in _OTHERS:
            raise UserError(f"{path}: {_OTHERS[start]}")
        yield from read(path, raw, choose, on_bytes)


# --- CSV ------------------------------------------------------------------------------------------
def _csv(
    path: Path, raw: io.BufferedReader, choose: Choose, on_bytes: OnProgress
) -> Iterator[Block]:
    names, delimiter = csv_header(path, raw)
    chosen = choose(names)
    raw.seek(0)
    source: Any = pa.PythonFile(raw, mode="r")
    if raw.peek(2)[:2] == GZIP:
        source = pa.CompressedInputStream(source, "gzip")
    reader = pa.csv.open_csv(
        source,
        read_options=pa.csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=[names.raw(theirs) for theirs in chosen.values()],
            strings_can_be_null=False,
        ),
    )
    for batch in reader:
        on_bytes(raw.tell())
        yield dict(zip(chosen, batch.columns, strict=True))


# --- Parquet --------------------------------------------------------------------------------------
def _parquet(
    path: Path, raw: io.BufferedReader, choose: Choose, on_bytes: OnProgress
) -> Iterator[Block]:
    file = parquet_file(path, raw)
    chosen = choose(list(file.schema_arrow.names))
    total = max(file.metadata.num_rows, 1)
    size, done = path.stat().st_size, 0
    for batch in parquet_batches(path, file, list(chosen.values())):
        done += batch.num_rows
        on_bytes(size * done // total)
        yield {ours: batch.column(theirs) for ours, theirs in chosen.items()}


# --- JSON lines -----------------------------------------------------------------------------------
def _json_lines(
    flatten: Flatten | None,
    path: Path,
    raw: io.BufferedReader,
    choose: Choose,
    on_bytes: OnProgress,
) -> Iterator[Block]:
    unpacked: Any = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == GZIP else raw
    for table in json_tables(path, unpacked, flatten):
        on_bytes(raw.tell())
        if not table.num_rows:
            continue
        chosen = choose(table.column_names)
        table = table.combine_chunks()
        for batch in table.to_batches(BLOCK_ROWS):
            yield {ours: batch.column(theirs) for ours, theirs in chosen.items()}
