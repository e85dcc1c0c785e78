"""The tables of a report: CSV files as ``export`` writes them, and rows of classes for reading."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis import schema
from analysis.figures.class_impact import usual_rule
from analysis.p_values import short_p
from analysis.presentation.formatting import NOTHING, count, is_missing, percent, points
from analysis.report.discreet import without_people
from analysis.report.scope import Scope
from analysis.results import TABLES
from analysis.stats.classes import ALPHA
from analysis.store.tabular import write_table

MOST_ROWS = 200_000
MANY_CLASSES = 60
_EACH_END = 15
_A_ROW_AN_IMAGE = ("images", "stability")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class TableFile:
    """A table file: its name and number of rows, or None if it was too long to write."""

    name: str
    n_rows: int | None


def write_tables(
    scope: Scope, folder: Path, progress: Progress, *, has_details: bool
) -> list[TableFile]:
    """Write every table of at most 200,000 rows.

    Without ``has_details`` raters are numbered, and times and comments are left out.
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


@dataclass(frozen=True)
class ClassRow:
    """One class, formatted for reading; ``sign`` is ``lost`` or ``gained`` where q <= 0.05."""

    name: str
    n_images: str
    dense_recall: str
    recall: str
    change: str
    normalized: str
    interval: str
    p: str
    q: str
    at_most: str
    sign: str
    mark: str


@dataclass(frozen=True)
class ClassRows:
    """Rows by rising normalized change, and the number of classes that are left out.

    ``is_single``: p and q are McNemar's, of one pair of models.
    """

    rows: list[ClassRow]
    n_hidden: int
    is_single: bool


def class_rows(classes: pd.DataFrame) -> ClassRows:
    """Format the classes table of one variant.

    Of more than 60 classes, the 15 at either end are kept, and those with q <= 0.05 up to 60.
    """
    delta = "normalized_recall_delta"
    is_single = usual_rule(classes) == "mcnemar_p"
    if is_single:
        classes = classes.assign(p=classes["mcnemar_p"], q_two_way=classes["mcnemar_q"])
    known = classes[classes["n_images"] > 0].sort_values(delta, kind="stable")
    if len(known) > MANY_CLASSES:
        ends = {*known.index[:_EACH_END], *known.index[-_EACH_END:]}
        significant = (
            known[known["q_two_way"] <= ALPHA][delta].abs().nlargest(MANY_CLASSES - len(ends))
        )
        shown = known[known.index.isin(ends | set(significant.index))]
    else:
        shown = known
    rows = [_row(row, "recall_delta" if is_single else delta) for row in shown.to_dict("records")]
    return ClassRows(rows, len(classes) - len(shown), is_single)


def _row(row: dict[str, float | str], tested: str) -> ClassRow:
    """Format one row; ``tested`` names the change that q tests."""
    delta, p, q = (row[name] for name in ("normalized_recall_delta", "p", "q_two_way"))
    sign = ""
    if not is_missing(q) and float(q) <= ALPHA:
        sign = "lost" if float(row[tested]) < 0 else "gained"
    low, high, bound = row["ci_low_two_way"], row["ci_high_two_way"], row["loss_upper"]
    return ClassRow(
        name=str(row[schema.CLASS_NAME]),
        n_images=count(row["n_images"]),
        dense_recall=percent(row["dense_recall"]),
        recall=percent(row["recall"]),
        change=points(row["recall_delta"]),
        normalized=points(delta),
        interval=NOTHING if is_missing(low) else f"{points(low)} to {points(high)}",
        p=NOTHING if is_missing(p) else short_p(float(p)),
        q=NOTHING if is_missing(q) else short_p(float(q)),
        at_most=NOTHING if is_missing(bound) else points(bound),
        sign=sign,
        mark=f"{'▼' if sign == 'lost' else '▲'} {sign}, q ≤ {ALPHA}" if sign else "",
    )
