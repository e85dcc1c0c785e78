"""Convert Arrow columns to numbers; errors name file, row and column."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.errors import UserError

Locate = Callable[[int], str]
_LARGEST = 2**53  # whole numbers that a float64 holds exactly
_SLACK = 1e-4  # a probability of float16 may exceed 1 by a rounding


def plain(column: pa.Array, name: str, locate: Locate) -> pa.Array:
    """Decode dictionaries, trim text and null empty text; refuse nested values."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = _cast(column, pa.string(), name, locate)
    if is_text(column):
        column = pc.utf8_trim_whitespace(column.cast(pa.large_string()))
        return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.large_string()), column)
    if pa.types.is_nested(column.type):
        raise UserError(
            f"{locate(0)}: column '{name}' holds {column.type}, several values an image; Lethe "
            "audits single-label classifiers: expected one value a row"
        )
    return column


def is_text(column: pa.Array) -> bool:
    """Return whether a column holds text."""
    kind = column.type
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def whole_numbers(
    column: pa.Array, name: str, locate: Locate, *, high: int, what: str
) -> npt.NDArray[np.int64]:
    """Return whole numbers from 0 to ``high``, none missing.

    Raises
    ------
    UserError
        A value is missing, not a whole number, or out of range.
    """
    column = plain(column, name, locate)
    _check_complete(column, name, locate)
    values = _as_whole(column, name, locate, what)
    invalid = (values < 0) | (values > high)
    if invalid.any():
        row = int(np.argmax(invalid))
        raise UserError(
            f"{locate(row)}: column '{name}' is {values[row]}; expected {what}, from 0 to {high:,}"
        )
    return values


def fractions(column: pa.Array, name: str, locate: Locate) -> npt.NDArray[np.float32]:
    """Return numbers from 0 to 1, NaN if missing.

    Raises
    ------
    UserError
        A value is not a number, NaN, or out of range.
    """
    values = optional_numbers(column, name, locate)
    invalid = (values < 0) | (values > 1 + _SLACK)
    if invalid.any():
        row = int(np.argmax(invalid))
        percent = " (percent? divide by 100)" if 1 < values[row] <= 100 else ""
        raise UserError(
            f"{locate(row)}: column '{name}' is {values[row]:g}; expected a fraction from 0 to 1"
            f"{percent}"
        )
    return np.minimum(values, 1.0).astype(np.float32)


def optional_numbers(column: pa.Array, name: str, locate: Locate) -> npt.NDArray[np.float64]:
    """Return finite numbers, NaN if missing.

    Raises
    ------
    UserError
        A value is not a number, NaN or infinite.
    """
    column = plain(column, name, locate)
    present = column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(column.type) or not (is_text(column) or _is_number(column.type)):
        raise UserError(f"{locate(0)}: column '{name}' holds {column.type}; expected numbers")
    values = _floats(column, name, locate, "a number")
    invalid = present & ~np.isfinite(values)
    if invalid.any():
        row = int(np.argmax(invalid))
        raise UserError(
            f"{locate(row)}: column '{name}' is {values[row]}; expected a number, or an empty "
            "cell if unknown"
        )
    return values


def optional_ranks(column: pa.Array, name: str, locate: Locate) -> npt.NDArray[np.int32]:
    """Return whole numbers from 0, -1 if missing.

    Raises
    ------
    UserError
        A value is not a whole number or out of range.
    """
    values = optional_numbers(column, name, locate)
    known = ~np.isnan(values)
    invalid = known & ((values < 0) | (values > 2**31 - 1) | (values != np.floor(values)))
    if invalid.any():
        row = int(np.argmax(invalid))
        raise UserError(
            f"{locate(row)}: column '{name}' is {values[row]:g}; expected the number of classes "
            "scored above the true one, from 0"
        )
    return np.where(known, values, -1).astype(np.int32)


def encoded(
    column: pa.Array, name: str, locate: Locate, *, is_optional: bool = False
) -> tuple[npt.NDArray[np.int32], list[Any]]:
    """Encode a column: indices into its distinct values, (N,), and these values.

    Values are text, or int for integer columns. The index of a missing value is -1 if the column
    ``is_optional``; otherwise none may be missing.

    Raises
    ------
    UserError
        A value is missing or a fractional number.
    """
    column = plain(column, name, locate)
    if is_optional:
        return _encode_present(column, name, locate)
    _check_complete(column, name, locate)
    if pa.types.is_boolean(column.type):
        column = pc.if_else(column, "True", "False")
    elif not is_text(column):
        column = pa.array(_as_whole(column, name, locate, "a class id or a name"))
    codes = column.dictionary_encode()
    return codes.indices.to_numpy(zero_copy_only=False), codes.dictionary.to_pylist()


def _encode_present(
    column: pa.Array, name: str, locate: Locate
) -> tuple[npt.NDArray[np.int32], list[Any]]:
    """Encode the present values; NaN counts as missing."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    if not column.null_count:
        return encoded(column, name, locate)
    present = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    codes = np.full(len(column), -1, np.int32)
    if not len(present):
        return codes, []
    codes[present], values = encoded(
        column.take(pa.array(present)), name, lambda row: locate(int(present[row]))
    )
    return codes, values


def first_rows(codes: npt.NDArray[np.int32], n: int) -> npt.NDArray[np.intp]:
    """Return the first row of each of ``n`` values, from the indices of ``encoded``, (n,)."""
    first = np.zeros(n + 1, np.intp)  # the last for codes of -1, of no value
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return first[:n]


def _check_complete(column: pa.Array, name: str, locate: Locate) -> None:
    if column.null_count:
        row = int(np.argmin(column.is_valid().to_numpy(zero_copy_only=False)))
        raise UserError(f"{locate(row)}: column '{name}' is empty; expected a value in every row")


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _as_whole(column: pa.Array, name: str, locate: Locate, what: str) -> npt.NDArray[np.int64]:
    if pa.types.is_integer(column.type):
        return np.asarray(_cast(column, pa.int64(), name, locate).to_numpy(zero_copy_only=False))
    if is_text(column):
        try:
            return np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False))
        except pa.ArrowInvalid:
            pass  # 3.0, or not a number
    elif not _is_number(column.type):
        raise UserError(f"{locate(0)}: column '{name}' holds {column.type}; expected {what}")
    values = _floats(column, name, locate, what)
    invalid = ~(np.abs(values) <= _LARGEST) | (values != np.floor(values))
    if invalid.any():
        row = int(np.argmax(invalid))
        hint = ""
        if what.startswith("a class") and np.isfinite(values[row]):
            hint = "; Lethe audits classifiers, whose predictions are classes, not quantities"
        raise UserError(
            f"{locate(row)}: column '{name}' is {column[row].as_py()}; expected {what}{hint}"
        )
    return values.astype(np.int64)


def _floats(column: pa.Array, name: str, locate: Locate, what: str) -> npt.NDArray[np.float64]:
    try:
        numbers = column.cast(pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        row = next(i for i, value in enumerate(column) if not _is_float(value.as_py()))
        text = column[row].as_py()
        comma = " (decimal comma; expected a point)" if _has_decimal_comma(text) else ""
        raise UserError(
            f"{locate(row)}: column '{name}' is {text!r:.80}{comma}; expected {what}"
        ) from None
    return np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)


def _is_float(value: Any) -> bool:
    if value is None:
        return True
    return bool(pc.equal(_try_float(str(value)), True).as_py())


def _has_decimal_comma(value: Any) -> bool:
    """Return whether a text is a number with a decimal comma."""
    text = str(value)
    return text.count(",") == 1 and "." not in text and _is_float(text.replace(",", "."))


def _try_float(text: str) -> pa.Scalar:
    try:
        pa.array([text]).cast(pa.float64())
    except pa.ArrowInvalid:
        return pa.scalar(False)
    return pa.scalar(True)


def _cast(column: pa.Array, kind: pa.DataType, name: str, locate: Locate) -> pa.Array:
    try:
        return column.cast(kind)
    except pa.ArrowInvalid as error:
        raise UserError(f"{locate(0)} and after: column '{name}': {error}") from None
