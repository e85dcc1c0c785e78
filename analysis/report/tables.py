"""The tables of a report as CSV, as ``export`` writes them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis.report.discreet import without_people
from analysis.report.scope import Scope
from analysis.results import TABLES
from analysis.store.tabular import write_table

MOST_ROWS = 200_000
_A_ROW_AN_IMAGE = ("images", "stability")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class TableFile:
    """One table: its name, and its rows, or None where it is so long that it was left out."""

    name: str
    n_rows: int | None


def write_tables(
    scope: Scope, folder: Path, progress: Progress, *, has_details: bool
) -> list[TableFile]:
    """Write every table; one of more than 200,000 rows is left out.

    Without ``has_details`` raters are numbered, and what says when is left out.
    """
    folder.mkdir(parents=True)
    rows_of_images = len(scope.results.label) * len(scope.variant_ids)
    written = []
    for done, name in enumerate(TABLES):
        progress("writing tables", done, len(TABLES))
        if name in _A_ROW_AN_IMAGE and rows_of_images > MOST_ROWS:
            written.append(TableFile(name, None))
            continue
        table = scope.table(name) if has_details else without_people(scope.table(name))
        if len(table) > MOST_ROWS:
            written.append(TableFile(name, None))
            continue
        write_table(table, folder / f"{name}.csv")
        written.append(TableFile(name, len(table)))
    progress("writing tables", len(TABLES), len(TABLES))
    return written
