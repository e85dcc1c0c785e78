"""Write tables as CSV, Parquet and JSON, with equal bytes from command line and dashboard."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from analysis.errors import UserError
from analysis.filesystem.atomic import replacing

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def to_csv(frame: pd.DataFrame) -> str:
    r"""Write a frame as CSV: full precision, null is empty, booleans are True and False.

    Text that starts with ``= + - @``, one of these in full width, a tab, a carriage return or a
    line feed, header included, gets a leading apostrophe, so that no spreadsheet runs it. Numbers
    are left as they are. Lines end in ``\n``, in ``\r\n`` where a text holds a carriage return,
    which is quoted only then.
    """
    safe = frame.rename(columns=_without_formula)
    texts = list(map(str, frame.columns))
    for i, dtype in enumerate(frame.dtypes):
        if not _is_plain(dtype):
            values = [_without_formula(value) for value in frame.iloc[:, i]]
            safe.isetitem(i, pd.Series(values, frame.index, dtype=object))
            texts += [value for value in values if isinstance(value, str)]
    end = "\r\n" if any("\r" in text for text in texts) else "\n"
    return str(safe.to_csv(index=False, lineterminator=end))


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a frame to ``.csv``, ``.parquet`` or ``.json`` (records) atomically.

    Raises
    ------
    UserError
        The suffix is unknown, or the folder does not exist.
    RunError
        The disk refused it.
    """
    path = Path(path)
    writers: dict[str, Callable[[Path], object]] = {
        ".csv": lambda to: to.write_text(to_csv(frame), encoding="utf-8", newline=""),
        ".parquet": lambda to: frame.to_parquet(to, index=False),
        ".json": lambda to: frame.to_json(
            to, orient="records", indent=1, force_ascii=False, double_precision=15
        ),
    }
    write = writers.get(path.suffix.lower())
    if write is None:
        raise UserError(f"{path}: expected a name that ends in .csv, .parquet or .json")
    if not path.parent.is_dir():
        raise UserError(f"{path}: the folder {path.parent} does not exist; make it first")
    with replacing(path) as temporary:
        write(temporary)


def _is_plain(dtype: object) -> bool:
    return bool(pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype))


def _without_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
