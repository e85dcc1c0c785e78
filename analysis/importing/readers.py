"""Read tables of predictions in blocks, whatever their format: only the columns that are needed."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from analysis.errors import LetheError, UserError
from analysis.filesystem.regular import open_regular
from analysis.filesystem.tables import (
    BLOCK_ROWS,
    Flatten,
    first_line,
    json_tables,
    parquet_batches,
    parquet_file,
)

_SHORT = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): ?(.*)")
_NO_UTF8 = re.compile(r"Row #(\d+): .*invalid UTF8")
# Names of a file's columns -> our names of those that are read, and theirs.
Choose = Callable[[list[str]], dict[str, str]]
Told = Callable[[int], None]
Block = dict[str, pa.Array]

_BLOCK_BYTES = 8 * 2**20
_HEADER_BYTES = 2**20
_GZIP = b"\x1f\x8b"
_OTHERS = {
    b"PAR1": "its content is Parquet; give it a name that ends in .parquet",
    b"PK\x03\x04": "its content is a ZIP file, such as a spreadsheet or .npz; save it as CSV, or "
    "give it its own name",
}
_CUT_OFF = (zlib.error, EOFError, gzip.BadGzipFile)
_BAD_GZIP = re.compile("compressed stream|zlib")
_UNREADABLE = (
    pa.ArrowException, OSError, EOFError, ValueError, MemoryError, OverflowError, RecursionError,
    KeyError, zlib.error, csv.Error, NotImplementedError,
)  # fmt: skip


def blocks(
    path: Path, kind: str, choose: Choose, told: Told, flatten: Flatten | None = None
) -> Iterator[Block]:
    """Read a file in blocks of columns; ``told`` hears how many of its bytes are read.

    ``flatten`` changes the records of JSON lines before they become columns.

    Raises
    ------
    UserError
        The file cannot be read, or lacks a column.
    """
    readers: dict[str, Callable[..., Iterator[Block]]] = {
        "csv": _csv, "parquet": _parquet, "json": partial(_json_lines, flatten)
    }  # fmt: skip
    read = readers[kind]
    with _named(path, kind), open_regular(path) as raw:
        start = raw.peek(4)[:4]
        if not start:
            raise UserError(f"{path} is empty")
        if kind != "parquet" and start in _OTHERS:
            raise UserError(f"{path}: {_OTHERS[start]}")
        yield from read(path, raw, choose, told)


@contextmanager
def _named(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except LetheError:
        raise
    except _UNREADABLE as error:
        if isinstance(error, _CUT_OFF) or _BAD_GZIP.search(str(error)):
            raise UserError(f"{path}: its gzip is cut off or damaged; copy it again") from error
        what = {"csv": "CSV", "parquet": "Parquet", "json": "JSON lines: one object a line"}[kind]
        raise UserError(_in_words(path, first_line(error), what)) from error


def _in_words(path: Path, error: str, what: str) -> str:
    """Say what a library says, with the row in front where it names one."""
    if found := _SHORT.search(error):
        row, expected, there, text = found.groups()
        return (
            f"{path}, row {row}: {there} columns where the header has {expected}: {text[:80]!r}; "
            "a separator or quotation mark too many, or too few, or a decimal comma?"
        )
    if found := _NO_UTF8.search(error):
        return f"{path}, row {found[1]}: its text is no UTF-8; save the file as UTF-8"
    return f"{path} cannot be read as {what}: {error}"


# --- CSV ------------------------------------------------------------------------------------------
def _csv(path: Path, raw: io.BufferedReader, choose: Choose, told: Told) -> Iterator[Block]:
    names, delimiter = _header(path, raw)
    chosen = choose(names)
    raw.seek(0)
    source: Any = pa.PythonFile(raw, mode="r")
    if raw.peek(2)[:2] == _GZIP:
        source = pa.CompressedInputStream(source, "gzip")
    reader = pa.csv.open_csv(
        source,
        read_options=pa.csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=[_raw_name(names, theirs) for theirs in chosen.values()],
            strings_can_be_null=False,
        ),
    )
    for batch in reader:
        told(raw.tell())
        yield dict(zip(chosen, batch.columns, strict=True))


class _Names(list[str]):
    """Column names trimmed, with those of the file beside them."""

    def __init__(self, given: list[str]) -> None:
        super().__init__(name.strip() for name in given)
        self.given = given


def _raw_name(names: list[str], theirs: str) -> str:
    return names.given[names.index(theirs)] if isinstance(names, _Names) else theirs


def _header(path: Path, raw: io.BufferedReader) -> tuple[list[str], str]:
    start = raw.peek(4)[:4]
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError(f"{path} is UTF-16; save it as UTF-8")
    if start[:2] == _GZIP:
        with gzip.GzipFile(fileobj=raw) as unpacked:
            line = unpacked.readline(_HEADER_BYTES)
    else:
        line = raw.readline(_HEADER_BYTES)
    if len(line) >= _HEADER_BYTES:
        raise UserError(f"{path}: its first line is longer than 1 MB; expected a header")
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise UserError(f"{path}: its header is no UTF-8 text; save it as UTF-8") from None
    if "\r" in text:
        raise UserError(
            f"{path}: its lines end with carriage returns alone; save it with line feeds (Unix or "
            "Windows)"
        )
    if not text.strip():
        raise UserError(
            f"{path}: its first line is empty; expected a header that names the columns"
        )
    found = {d: next(csv.reader([text], delimiter=d)) for d in (",", ";", "\t", "|")}
    delimiter = max(found, key=lambda d: len(found[d]))
    return _Names(found[delimiter]), delimiter


# --- Parquet --------------------------------------------------------------------------------------
def _parquet(path: Path, raw: io.BufferedReader, choose: Choose, told: Told) -> Iterator[Block]:
    file = parquet_file(path, raw)
    chosen = choose(list(file.schema_arrow.names))
    total = max(file.metadata.num_rows, 1)
    size, done = path.stat().st_size, 0
    for batch in parquet_batches(path, file, list(chosen.values())):
        done += batch.num_rows
        told(size * done // total)
        yield {ours: batch.column(theirs) for ours, theirs in chosen.items()}


# --- JSON lines -----------------------------------------------------------------------------------
def _json_lines(
    flatten: Flatten | None, path: Path, raw: io.BufferedReader, choose: Choose, told: Told
) -> Iterator[Block]:
    unpacked: Any = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP else raw
    for table in json_tables(path, unpacked, flatten):
        told(raw.tell())
        if not table.num_rows:
            continue
        chosen = choose(table.column_names)
        table = table.combine_chunks()
        for batch in table.to_batches(BLOCK_ROWS):
            yield {ours: batch.column(theirs) for ours, theirs in chosen.items()}
