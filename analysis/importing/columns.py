"""Arrow columns of any type as numbers, each wrong value named by file, row and column."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.errors import UserError

Place = Callable[[int], str]
_LARGEST = 2**53  # whole numbers that a float64 holds exactly
_SLACK = 1e-4  # a probability of float16 may exceed 1 by a rounding


def plain(column: pa.Array, name: str, place: Place) -> pa.Array:
    """Write out codes, trim texts and make empty ones null; refuse nested values."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = _cast(column, pa.string(), name, place)
    if is_text(column):
        column = pc.utf8_trim_whitespace(column.cast(pa.large_string()))
        return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.large_string()), column)
    if pa.types.is_nested(column.type):
        raise UserError(
            f"{place(0)}: column '{name}' holds {column.type}, several values an image; Lethe "
            "audits single-label classifiers: expected one value a row"
        )
    return column


def is_text(column: pa.Array) -> bool:
    """Whether a column holds text."""
    kind = column.type
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def whole_numbers(
    column: pa.Array, name: str, place: Place, *, high: int, what: str
) -> npt.NDArray[np.int64]:
    """Whole numbers from 0 to ``high``; none may be missing.

    Raises
    ------
    UserError
        A value is missing, no whole number, or out of range.
    """
    column = plain(column, name, place)
    _check_there(column, name, place)
    values = _as_whole(column, name, place, what)
    bad = (values < 0) | (values > high)
    if bad.any():
        row = int(np.argmax(bad))
        raise UserError(
            f"{place(row)}: column '{name}' is {values[row]}; expected {what}, from 0 to {high:,}"
        )
    return values


def fractions(column: pa.Array, name: str, place: Place) -> npt.NDArray[np.float32]:
    """Numbers from 0 to 1; NaN where one is missing.

    Raises
    ------
    UserError
        A value is no number, is NaN, or out of range.
    """
    values = optional_numbers(column, name, place)
    bad = (values < 0) | (values > 1 + _SLACK)
    if bad.any():
        row = int(np.argmax(bad))
        percent = " (percent? divide by 100)" if 1 < values[row] <= 100 else ""
        raise UserError(
            f"{place(row)}: column '{name}' is {values[row]:g}; expected a fraction from 0 to 1"
            f"{percent}"
        )
    return np.minimum(values, 1.0).astype(np.float32)


def optional_numbers(column: pa.Array, name: str, place: Place) -> npt.NDArray[np.float64]:
    """Finite numbers; NaN where one is missing.

    Raises
    ------
    UserError
        A value is no number, or is NaN or infinite where it is not missing.
    """
    column = plain(column, name, place)
    there = column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(column.type) or not (is_text(column) or _is_number(column.type)):
        raise UserError(f"{place(0)}: column '{name}' holds {column.type}; expected numbers")
    values = _floats(column, name, place, "a number")
    bad = there & ~np.isfinite(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise UserError(
            f"{place(row)}: column '{name}' is {values[row]}; expected a number, or nothing where "
            "it is not known"
        )
    return values


def optional_ranks(column: pa.Array, name: str, place: Place) -> npt.NDArray[np.int32]:
    """Whole numbers from 0; -1 where one is missing.

    Raises
    ------
    UserError
        A value is no whole number or out of range.
    """
    values = optional_numbers(column, name, place)
    known = ~np.isnan(values)
    bad = known & ((values < 0) | (values > 2**31 - 1) | (values != np.floor(values)))
    if bad.any():
        row = int(np.argmax(bad))
        raise UserError(
            f"{place(row)}: column '{name}' is {values[row]:g}; expected the number of classes "
            "scored above the true one, from 0"
        )
    return np.where(known, values, -1).astype(np.int32)


def encoded(
    column: pa.Array, name: str, place: Place, *, is_optional: bool = False
) -> tuple[npt.NDArray[np.int32], list[Any]]:
    """Places in a list of different values, (N,), and that list.

    Values are text, or int where the column holds whole numbers as such. None may be missing but
    where the column ``is_optional``: the place of such a one is -1.

    Raises
    ------
    UserError
        A value is missing, or a number that is not whole.
    """
    column = plain(column, name, place)
    if is_optional:
        return _encoded_there(column, name, place)
    _check_there(column, name, place)
    if pa.types.is_boolean(column.type):
        column = pc.if_else(column, "True", "False")
    elif not is_text(column):
        column = pa.array(_as_whole(column, name, place, "a class id or a name"))
    codes = column.dictionary_encode()
    return codes.indices.to_numpy(zero_copy_only=False), codes.dictionary.to_pylist()


def _encoded_there(
    column: pa.Array, name: str, place: Place
) -> tuple[npt.NDArray[np.int32], list[Any]]:
    """Encode the values that are there; NaN is none."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    if not column.null_count:
        return encoded(column, name, place)
    there = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    codes = np.full(len(column), -1, np.int32)
    if not len(there):
        return codes, []
    codes[there], values = encoded(
        column.take(pa.array(there)), name, lambda row: place(int(there[row]))
    )
    return codes, values


def first_places(places: npt.NDArray[np.int32], n: int) -> npt.NDArray[np.intp]:
    """Where each of ``n`` values first stands among the places of ``encoded``, (n,)."""
    first = np.zeros(n + 1, np.intp)  # the last for places of -1, of no value
    first[places[::-1]] = np.arange(len(places))[::-1]
    return first[:n]


def _check_there(column: pa.Array, name: str, place: Place) -> None:
    if column.null_count:
        row = int(np.argmin(column.is_valid().to_numpy(zero_copy_only=False)))
        raise UserError(f"{place(row)}: column '{name}' is empty; expected a value in every row")


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _as_whole(column: pa.Array, name: str, place: Place, what: str) -> npt.NDArray[np.int64]:
    if pa.types.is_integer(column.type):
        return np.asarray(_cast(column, pa.int64(), name, place).to_numpy(zero_copy_only=False))
    if is_text(column):
        try:
            return np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False))
        except pa.ArrowInvalid:
            pass  # 3.0, or no number at all
    elif not _is_number(column.type):
        raise UserError(f"{place(0)}: column '{name}' holds {column.type}; expected {what}")
    values = _floats(column, name, place, what)
    bad = ~(np.abs(values) <= _LARGEST) | (values != np.floor(values))
    if bad.any():
        row = int(np.argmax(bad))
        hint = ""
        if what.startswith("a class") and np.isfinite(values[row]):
            hint = "; Lethe audits classifiers, whose predictions are classes, not quantities"
        raise UserError(
            f"{place(row)}: column '{name}' is {column[row].as_py()}; expected {what}{hint}"
        )
    return values.astype(np.int64)


def _floats(column: pa.Array, name: str, place: Place, what: str) -> npt.NDArray[np.float64]:
    try:
        numbers = column.cast(pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        row = next(i for i, value in enumerate(column) if not _is_float(value.as_py()))
        text = column[row].as_py()
        comma = " (decimal comma; expected a point)" if _has_decimal_comma(text) else ""
        raise UserError(
            f"{place(row)}: column '{name}' is {text!r:.80}{comma}; expected {what}"
        ) from None
    return np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)


def _is_float(value: Any) -> bool:
    if value is None:
        return True
    return bool(pc.equal(_try_float(str(value)), True).as_py())


def _has_decimal_comma(value: Any) -> bool:
    """Whether a text is a number but for a comma where its point should be."""
    text = str(value)
    return text.count(",") == 1 and "." not in text and _is_float(text.replace(",", "."))


def _try_float(text: str) -> pa.Scalar:
    try:
        pa.array([text]).cast(pa.float64())
    except pa.ArrowInvalid:
        return pa.scalar(False)
    return pa.scalar(True)


def _cast(column: pa.Array, kind: pa.DataType, name: str, place: Place) -> pa.Array:
    try:
        return column.cast(kind)
    except pa.ArrowInvalid as error:
        raise UserError(f"{place(0)} and after: column '{name}': {error}") from None
