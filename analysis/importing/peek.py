"""Preview a file of predictions for the form: its columns and their values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.errors import UserError
from analysis.importing.columns import encoded
from analysis.importing.naming import USUAL
from analysis.importing.readers import blocks
from analysis.importing.request import COLUMNS
from analysis.importing.sources import ARRAYS, kind_of

_MOST_VALUES = 50


@dataclass(frozen=True)
class Peek:
    """Columns of a file, and the distinct first values of those with few values."""

    columns: tuple[str, ...] = ()
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)


def peek(path: Path) -> Peek:
    """Preview the start of a file; files of arrays have no columns.

    Raises
    ------
    UserError
        The file cannot be read.
    """
    kind = kind_of(path)
    if kind in ARRAYS:
        return Peek()
    names: list[str] = []

    def choose(columns: list[str]) -> dict[str, str]:
        names[:] = columns
        return {name: name for name in dict.fromkeys(columns) if columns.count(name) == 1}

    block = next(blocks(path, kind, choose, lambda _: None, _without_lists), {})
    values = {name: found for name, column in block.items() if (found := _few(column, name))}
    return Peek(tuple(names), values)


def understood(columns: Sequence[str]) -> dict[str, str]:
    """Match columns to ours by their usual names, where unambiguous."""
    found: dict[str, str] = {}
    for ours in COLUMNS:
        usual = {ours, *USUAL.get(ours, ())}
        alike = [name for name in columns if name.lower().strip() in usual]
        exact = [name for name in alike if name == ours]
        if len(exact or alike) == 1:
            found[ours] = (exact or alike)[0]
    return found


def _without_lists(records: list[dict[str, Any]], _row: int) -> None:
    for record in records:
        for name, value in record.items():
            if isinstance(value, list | dict):
                record[name] = None


def _few(column: Any, name: str) -> tuple[str, ...]:
    try:
        _, values = encoded(column, name, lambda _: name, is_optional=True)
    except UserError:
        return ()
    return tuple(f"{value}" for value in values) if len(values) <= _MOST_VALUES else ()
