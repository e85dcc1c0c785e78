"""Translate errors in foreign tables, and read the header of CSV files."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from analysis.errors import LetheError, UserError
from analysis.filesystem.tables import first_line

GZIP = b"\x1f\x8b"
_HEADER_BYTES = 2**20
_SHORT = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): ?(.*)")
_NO_UTF8 = re.compile(r"Row #(\d+): .*invalid UTF8")
_CUT_OFF = (zlib.error, EOFError, gzip.BadGzipFile)
_BAD_GZIP = re.compile("compressed stream|zlib")
_UNREADABLE = (
    pa.ArrowException, OSError, EOFError, ValueError, MemoryError, OverflowError, RecursionError,
    KeyError, zlib.error, csv.Error, NotImplementedError,
)  # fmt: skip


@contextmanager
def translate_errors(path: Path, kind: str) -> Iterator[None]:
    """Translate a library's errors on a file of a kind: csv, parquet or json.

    Raises
    ------
    UserError
        The file cannot be read.
    """
    try:
        yield
    except (LetheError, FileNotFoundError):
        raise
    except _UNREADABLE as error:
        if isinstance(error, _CUT_OFF) or _BAD_GZIP.search(str(error)):
            raise UserError(f"{path}: its gzip is cut off or damaged; copy it again") from error
        what = {"csv": "CSV", "parquet": "Parquet", "json": "JSON lines: one object a line"}[kind]
        raise UserError(_message(path, first_line(error), what)) from error


def _message(path: Path, error: str, what: str) -> str:
    """Return a message from a library's error, with the row if it has one."""
    if found := _SHORT.search(error):
        row, expected, n_columns, text = found.groups()
        return (
            f"{path}, row {row}: {n_columns} columns where the header has {expected}: "
            f"{text[:80]!r}; a separator or quotation mark too many or too few, or a decimal comma?"
        )
    if found := _NO_UTF8.search(error):
        return f"{path}, row {found[1]}: its text is not UTF-8; save the file as UTF-8"
    return f"{path} cannot be read as {what}: {error}"


class Names(list[str]):
    """Trimmed column names, with the original ones in ``untrimmed``."""

    def __init__(self, untrimmed: list[str]) -> None:
        super().__init__(name.strip() for name in untrimmed)
        self.untrimmed = untrimmed

    def raw(self, name: str) -> str:
        """Return a name as it stands in the file."""
        return self.untrimmed[self.index(name)]


def csv_header(path: Path, raw: io.BufferedReader) -> tuple[Names, str]:
    """Read the column names of a CSV file, gzipped or not, and its separator.

    Raises
    ------
    UserError
        The first line is not a header, or the text is not UTF-8.
    """
    start = raw.peek(4)[:4]
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError(f"{path} is UTF-16; save it as UTF-8")
    if start[:2] == GZIP:
        with gzip.GzipFile(fileobj=raw) as unpacked:
            line = unpacked.readline(_HEADER_BYTES)
    else:
        line = raw.readline(_HEADER_BYTES)
    if len(line) >= _HEADER_BYTES:
        raise UserError(f"{path}: its first line is longer than 1 MB; expected a header")
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise UserError(f"{path}: its header is not UTF-8 text; save it as UTF-8") from None
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
    return Names(found[delimiter]), delimiter
