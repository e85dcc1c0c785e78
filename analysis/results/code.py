"""Open a sweep in Python, and write the lines that give a table of it in a notebook."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from analysis.results.sweep_results import SweepResults
from analysis.stats.votes import TieRule
from analysis.store import Cache


def load_sweep(
    name: str,
    *,
    cache: str | Path = "cache",
    ties: TieRule = "confidence",
    n_splits: int | None = None,
) -> SweepResults:
    """Open a sweep of the cache; nothing but its manifest is read until a table is asked for.

    Parameters
    ----------
    ties : {"confidence", "reference", "exclude"}
        How tied modal labels are broken.
    n_splits : int, optional
        So many random splits that the noise floor is the mean over, instead of all distinct ones.

    Raises
    ------
    UserError
        There is no sweep of that name, or its manifest is damaged.
    """
    return SweepResults(Cache(cache).existing(name), ties=ties, n_splits=n_splits)


def table_code(results: SweepResults, method: str, *arguments: Any, **named: Any) -> str:
    """Write the lines that open a sweep as it is open here and take one of its tables.

    Every value stands as a Python literal, so that no name from the data can be anything else. A
    password in the cache's URL is left out.
    """
    given = [
        *(literal(one) for one in arguments),
        *(f"{name}={literal(value)}" for name, value in named.items()),
    ]
    cache = str(results.folder.path.parent.absolute())
    return (
        "from analysis import load_sweep\n\n"
        f"sweep = load_sweep({literal(results.manifest.name)}, cache={literal(cache)}, "
        f"ties={literal(results.ties)})\n"
        f"table = sweep.{method}({', '.join(given)})"
    )


def where(column: str, value: Any) -> str:
    """Write the line that keeps the rows with a value in a column."""
    return f"\ntable = table[table[{literal(column)}] == {literal(value)}]"


def where_in(column: str, values: Iterable[Any]) -> str:
    """Write the line that keeps the rows with one of some values in a column."""
    return f"\ntable = table[table[{literal(column)}].isin({literal(list(values))})]"


def where_contains(column: str, text: str) -> str:
    """Write the lines that keep the rows whose text holds another, in any case of letters."""
    return (
        f"\nnames = table[{literal(column)}].astype(str)"
        f"\ntable = table[names.str.contains({literal(text)}, case=False, regex=False)]"
    )


def literal(value: Any) -> str:
    """Write a value as Python does; letters that cannot be seen by their numbers."""
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, np.generic):
        value = value.item()
    return ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
