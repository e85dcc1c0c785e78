"""Findings on culprit layers: which to put back to float, images restored, bytes added."""

import json
from typing import Any

import pandas as pd

from analysis.p_values import short_p
from analysis.presentation.formatting import is_missing, one_line, percent, shortened

MOST_ROWS = 12
_HEADER = ("layer in float", "forgotten restored", "95 % interval", "top-1", "bytes added", "p")
_LONGEST = 60


def chosen_set(table: pd.DataFrame) -> pd.Series:
    """Return the recommended row: the smallest set that restored most on the ranking half.

    Sets are the first layer of the ranking, the first two, and so on.

    Parameters
    ----------
    table : DataFrame
        The layers table of one variant.
    """
    sets = table[(table["rank"] == 1) | (table["k"] > 1)].sort_values("k", kind="stable")
    return sets.loc[sets["ranking_restored"].idxmax()]


def names_in(cell: Any) -> list[str]:
    """Read a cell of names, a list in JSON; empty if it is not one."""
    try:
        names = json.loads(cell)
    except (TypeError, ValueError, RecursionError):
        return []
    return [f"{name}" for name in names] if isinstance(names, list) else []


def layers_sentence(table: pd.DataFrame) -> str:
    """Count the images that the first layer of the ranking and the recommended set restore.

    Parameters
    ----------
    table : DataFrame
        The layers table of one variant.
    """
    first, best = table.iloc[0], chosen_set(table)
    sentence = (
        f"{one_line(first['variant_id'])}, seed {int(first['seed'])}: "
        f"{_restored(first)}, on the half of the images that did not rank the layers"
    )
    if best["k"] > 1:
        sentence += f"; {_restored(best)}"
    return f"{sentence}. The intervals are over other images, for these models."


def _restored(row: Any) -> str:
    name = shortened(row["layer"], 200)
    what = f"layers {name} in float give" if row["k"] > 1 else f"layer {name} in float gives"
    n = f"{int(row['n_restored'])} of {int(row['n_forgotten'])}"
    return (
        f"{what} back {n} forgotten images ({_interval(row)}) for "
        f"{int(row['bytes_added']):,} more bytes"
    )


def _interval(row: Any) -> str:
    low, high = row["forgotten_restored_low"], row["forgotten_restored_high"]
    return "no interval" if is_missing(low) else f"{percent(low)} to {percent(high)}"


def layers_text(table: pd.DataFrame) -> str:
    """Format the table of one variant as Markdown: the first layers of the ranking, then sets.

    Parameters
    ----------
    table : DataFrame
        The layers table of one variant.
    """
    singles, sets = table[table["k"] == 1], table[table["k"] > 1]
    rows: list[tuple[str, ...]] = [_HEADER, ("---", *["---:"] * (len(_HEADER) - 1))]
    for row in pd.concat([singles.head(MOST_ROWS), sets]).to_dict("records"):
        name = shortened(row["layer"], _LONGEST).replace("|", "\\|")
        rows.append(
            (
                name,
                f"{int(row['n_restored'])} of {int(row['n_forgotten'])}",
                _interval(row),
                percent(row["top1"]),
                f"{int(row['bytes_added']):,}",
                short_p(row["mcnemar_p"]),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    left = len(singles) - MOST_ROWS
    return "\n".join(lines) + (f"\n{left} more layers are in the table." if left > 0 else "")
