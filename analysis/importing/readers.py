"""Read tables of predictions in blocks, whatever their format: only the columns that are needed."""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from analysis.datasets.files import open_regular
from analysis.errors import LetheError, UserError

_SHORT = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): ?(.*)")
_NO_UTF8 = re.compile(r"Row #(\d+): .*invalid UTF8")
# Names of a file's columns -> our names of those that are read, and theirs.
Choose = Callable[[list[str]], dict[str, str]]
# Takes records and the number of the first one; writes those of a pipeline as others are.
Flatten = Callable[[list[dict[str, Any]], int], None]
Told = Callable[[int], None]
Block = dict[str, pa.Array]

_BLOCK_BYTES = 8 * 2**20
_BLOCK_ROWS = 131_072
_HEADER_BYTES = 2**20
_MOST_LIST_BYTES = 2**29
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


def first_line(error: BaseException) -> str:
    """Write an error's first line, at most 200 characters."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]


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
    file = pq.ParquetFile(raw, pre_buffer=False, buffer_size=2**20)
    chosen = choose(list(file.schema_arrow.names))
    total = max(file.metadata.num_rows, 1)
    size, done = path.stat().st_size, 0
    for batch in file.iter_batches(_BLOCK_ROWS, columns=list(chosen.values()), use_threads=False):
        batch.validate()
        done += batch.num_rows
        told(size * done // total)
        yield {ours: batch.column(theirs) for ours, theirs in chosen.items()}


# --- JSON lines -----------------------------------------------------------------------------------
def _json_lines(
    flatten: Flatten | None, path: Path, raw: io.BufferedReader, choose: Choose, told: Told
) -> Iterator[Block]:
    unpacked: Any = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP else raw
    for table in _json_tables(path, unpacked, flatten):
        told(raw.tell())
        if not table.num_rows:
            continue
        chosen = choose(table.column_names)
        table = table.combine_chunks()
        for batch in table.to_batches(_BLOCK_ROWS):
            yield {ours: batch.column(theirs) for ours, theirs in chosen.items()}


def _json_tables(path: Path, source: Any, flatten: Flatten | None) -> Iterator[pa.Table]:
    """Read a file that is one list of records as that, any other line by line."""
    start = source.peek(1).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"[":
        content = source.read(_MOST_LIST_BYTES + 1)
        records = _one_list(content) if len(content) <= _MOST_LIST_BYTES else None
        if records is not None:
            for first in range(0, len(records), _BLOCK_ROWS):
                yield _table_of(path, records[first : first + _BLOCK_ROWS], first + 1, flatten)
            return
        source.seek(0)
    row = 1
    for content in _whole_lines(path, source):
        table = _lines(path, content, row, flatten)
        row += table.num_rows
        yield table


def _one_list(content: bytes) -> list[dict[str, Any]] | None:
    """Records of a file that is one JSON list of objects, or of a pipeline's lists; else None."""
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or is_list_of_scores(found):
        return None
    records = [{"scores": one} if is_list_of_scores(one) else one for one in found]
    return records if records and all(isinstance(one, dict) for one in records) else None


def _whole_lines(path: Path, source: Any) -> Iterator[bytes]:
    rest, is_first = b"", True
    while read := source.read(_BLOCK_BYTES):
        if is_first:
            read, is_first = read.removeprefix(b"\xef\xbb\xbf"), False
        end = read.rfind(b"\n") + 1
        if end:
            yield rest + read[:end]
            rest = read[end:]
        else:
            rest += read
        if len(rest) > 2 * _BLOCK_BYTES:
            raise UserError(
                f"{path}: a line is longer than {len(rest):,} bytes; expected JSON lines"
            )
    if rest.strip():
        yield rest


def _lines(path: Path, content: bytes, row: int, flatten: Flatten | None) -> pa.Table:
    """Read lines one by one: what is wrong is named by its row."""
    records: list[dict[str, Any]] = []
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        where = f"{path}, row {row + len(records)}"
        try:
            record = json.loads(line.decode())
        except (ValueError, RecursionError) as error:
            raise UserError(f"{where} is no JSON: {first_line(error)}") from None
        if flatten is not None and is_list_of_scores(record):
            record = {"scores": record}
        if not isinstance(record, dict):
            raise UserError(f"{where} is no JSON object; expected one object a line")
        records.append(record)
    return _table_of(path, records, row, flatten)


def _table_of(
    path: Path, records: list[dict[str, Any]], row: int, flatten: Flatten | None
) -> pa.Table:
    if flatten is not None:
        flatten(records, row)
    names = dict.fromkeys(name for record in records for name in record)
    return pa.table({name: _column(records, name, path, row) for name in names})


def is_list_of_scores(value: Any) -> bool:
    """Whether a value is a list of labels with scores, as a pipeline gives of one image."""
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(one, dict) and {"label", "score"} <= one.keys() for one in value)
    )


def _column(records: list[dict[str, Any]], name: str, path: Path, row: int) -> pa.Array:
    values = [record.get(name) for record in records]
    if {type(value) for value in values} - {type(None)} != {bool}:  # which pyarrow takes for 0, 1
        values = [f"{value}" if isinstance(value, bool) else value for value in values]
    with suppress(pa.ArrowException, TypeError, OverflowError, ValueError):
        return pa.array(values)
    for i, value in enumerate(values):
        if isinstance(value, list | dict):
            raise UserError(
                f"{path}, row {row + i}: column {name!r} holds several values an image; Lethe "
                "audits single-label classifiers: expected one value a row"
            )
    texts = [None if value is None else f"{value}" for value in values]
    try:
        return pa.array(texts, pa.large_string())
    except (pa.ArrowException, UnicodeError):
        raise UserError(f"{path}: column {name!r} holds text that is no valid Unicode") from None
