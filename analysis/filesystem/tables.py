"""Read foreign tables in blocks, with memory and work bounded by the file's content.

A few bytes can expand to many: a new key in every row, a long text repeated by a dictionary, nested
lists. The size of a block is computed before it is made.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.errors import UserError

# Takes records and the number of the first one; flattens a pipeline's records in place.
Flatten = Callable[[list[dict[str, Any]], int], None]

BLOCK_ROWS = 131_072
_BLOCK_BYTES = 8 * 2**20
_MOST_LIST_BYTES = 2**29
# Limit of empty cells of a block per filled one, and the number of cells always allowed.
_MOST_SPARSE = 16
_FEW_CELLS = 4_000_000
_MOST_TEXT_BYTES = 2**28
_MOST_GROUP_BYTES = 2**32
MOST_ROWS = 100_000_000


def first_line(error: BaseException) -> str:
    """Return an error's first line, at most 200 characters."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]


# --- Parquet --------------------------------------------------------------------------------------
def parquet_file(path: Path, raw: Any) -> pq.ParquetFile:
    """Open a Parquet file without decoding text dictionaries, whose size is checked first.

    Raises
    ------
    UserError
        A row group would take too much memory.
    pyarrow.ArrowException
        The file is damaged.
    """
    file = pq.ParquetFile(raw, pre_buffer=False, buffer_size=2**20)
    for number in range(file.num_row_groups):
        n_bytes = file.metadata.row_group(number).total_byte_size
        if n_bytes > _MOST_GROUP_BYTES:
            raise UserError(
                f"{path}: its row group {number} unpacks to {n_bytes:,} bytes; expected at most "
                f"{_MOST_GROUP_BYTES:,}: write it with smaller row groups"
            )
    texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
    raw.seek(0)
    return pq.ParquetFile(raw, pre_buffer=False, buffer_size=2**20, read_dictionary=texts)


def parquet_batches(
    path: Path, file: pq.ParquetFile, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    """Read columns of a Parquet file in blocks of rows.

    Raises
    ------
    UserError
        A column would take too much memory.
    pyarrow.ArrowException
        The file is damaged.
    """
    for batch in file.iter_batches(BLOCK_ROWS, columns=columns, use_threads=False):
        batch.validate()
        made = [_decoded(path, name, batch.column(name)) for name in batch.schema.names]
        yield pa.RecordBatch.from_arrays(made, names=batch.schema.names)


def _is_text(kind: pa.DataType) -> bool:
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary,
             pa.types.is_large_binary)  # fmt: skip
    return any(is_one(kind) for is_one in texts)


def _decoded(path: Path, name: str, column: pa.Array) -> pa.Array:
    if not pa.types.is_dictionary(column.type):
        return column
    if _is_text(column.type.value_type):
        lengths = pc.cast(pc.binary_length(column.dictionary), pa.int64())
        n_bytes = pc.sum(lengths.take(column.indices)).as_py() or 0
        if n_bytes > _MOST_TEXT_BYTES:
            raise UserError(
                f"{path}: {len(column):,} rows of the column {name!r:.80} hold {n_bytes:,} bytes "
                f"of text; expected at most {_MOST_TEXT_BYTES:,}, such as names and paths"
            )
    return column.dictionary_decode()


# --- JSON lines -----------------------------------------------------------------------------------
def json_tables(path: Path, source: Any, flatten: Flatten | None) -> Iterator[pa.Table]:
    """Read a file that is one list of records, or any other line by line."""
    start = source.peek(1).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"[":
        content = source.read(_MOST_LIST_BYTES + 1)
        records = _one_list(content) if len(content) <= _MOST_LIST_BYTES else None
        if records is not None:
            for first in range(0, len(records), BLOCK_ROWS):
                yield _table_of(path, records[first : first + BLOCK_ROWS], first + 1, flatten)
            return
        source.seek(0)
    row = 1
    for content in _whole_lines(path, source):
        table = _lines(path, content, row, flatten)
        row += table.num_rows
        yield table


def _one_list(content: bytes) -> list[dict[str, Any]] | None:
    """Return the records of a JSON list of objects or of a pipeline's lists; else None."""
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
    """Read lines one by one; errors name the row."""
    records: list[dict[str, Any]] = []
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        where = f"{path}, row {row + len(records)}"
        try:
            record = json.loads(line.decode())
        except (ValueError, RecursionError) as error:
            raise UserError(f"{where} is not JSON: {first_line(error)}") from None
        if flatten is not None and is_list_of_scores(record):
            record = {"scores": record}
        if not isinstance(record, dict):
            raise UserError(f"{where} is not a JSON object; expected one object a line")
        records.append(record)
    return _table_of(path, records, row, flatten)


def _table_of(
    path: Path, records: list[dict[str, Any]], row: int, flatten: Flatten | None
) -> pa.Table:
    if flatten is not None:
        flatten(records, row)
    names = dict.fromkeys(name for record in records for name in record)
    check_density(path, len(records), len(names), sum(map(len, records)))
    return pa.table({name: _column(records, name, path, row) for name in names})


def check_density(path: Path, n_rows: int, n_names: int, n_values: int) -> None:
    """Check that the rows of a table have about the same columns.

    Raises
    ------
    UserError
        They do not: the table would be almost empty.
    """
    n_cells = n_rows * n_names
    if n_cells > max(_FEW_CELLS, _MOST_SPARSE * n_values):
        raise UserError(
            f"{path}: {n_rows:,} of its rows have {n_names:,} different keys, and each of them "
            "few; expected the same keys in every row"
        )


def is_list_of_scores(value: Any) -> bool:
    """Return whether a value is a list of labels with scores, a pipeline's output of one image."""
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(one, dict) and {"label", "score"} <= one.keys() for one in value)
    )


def _column(records: list[dict[str, Any]], name: str, path: Path, row: int) -> pa.Array:
    values = [record.get(name) for record in records]
    if {type(value) for value in values} - {type(None)} != {
        bool
    }:  # which pyarrow would convert to 0, 1
        values = [f"{value}" if isinstance(value, bool) else value for value in values]
    with suppress(pa.ArrowException, TypeError, OverflowError, ValueError):
        return pa.array(values)
    for i, value in enumerate(values):
        if isinstance(value, list | dict):
            raise UserError(
                f"{path}, row {row + i}: column {name!r} has several values an image; Lethe "
                "audits single-label classifiers: expected one value a row"
            )
    texts = [None if value is None else f"{value}" for value in values]
    try:
        return pa.array(texts, pa.large_string())
    except (pa.ArrowException, UnicodeError):
        raise UserError(f"{path}: column {name!r} holds text that is not valid Unicode") from None
