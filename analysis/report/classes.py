"""The classes of a variant as rows of the page: all of them, or those that say most."""

from dataclasses import dataclass

import pandas as pd

from analysis import schema
from analysis.figures.class_impact import usual_rule
from analysis.stats.classes import ALPHA
from analysis.wording import NOTHING, count, is_missing, percent, points

MANY = 60
_EACH_END = 15


@dataclass(frozen=True)
class ClassRow:
    """One class, written for reading; ``sign`` is ``lost`` or ``gained`` where p <= 0.05."""

    name: str
    n_images: str
    dense_recall: str
    recall: str
    change: str
    normalized: str
    interval: str
    p: str
    q: str
    sign: str
    mark: str


@dataclass(frozen=True)
class ClassRows:
    """Rows by rising normalized change, and how many classes are not among them.

    ``is_single`` where p and q are McNemar's, of one pair of models.
    """

    rows: list[ClassRow]
    n_hidden: int
    is_single: bool


def class_rows(classes: pd.DataFrame) -> ClassRows:
    """Write the classes table of one variant.

    Beyond 60 classes the 15 at either end are kept, and every one with q <= 0.05 up to 60.
    """
    delta = "normalized_recall_delta"
    is_single = usual_rule(classes) == "mcnemar_p"
    if is_single:
        classes = classes.assign(p=classes["mcnemar_p"], q=classes["mcnemar_q"])
    known = classes[classes["n_images"] > 0].sort_values(delta, kind="stable")
    if len(known) > MANY:
        ends = {*known.index[:_EACH_END], *known.index[-_EACH_END:]}
        significant = known[known["q"] <= ALPHA][delta].abs().nlargest(MANY - len(ends))
        shown = known[known.index.isin(ends | set(significant.index))]
    else:
        shown = known
    rows = [_row(row, "recall_delta" if is_single else delta) for row in shown.to_dict("records")]
    return ClassRows(rows, len(classes) - len(shown), is_single)


def _row(row: dict[str, float | str], tested: str) -> ClassRow:
    """Write one row; ``tested`` is the change whose sign p is about."""
    delta, p, q = (row[name] for name in ("normalized_recall_delta", "p", "q"))
    sign = ""
    if not is_missing(p) and float(p) <= ALPHA:
        sign = "lost" if float(row[tested]) < 0 else "gained"
    by = "q" if sign and not is_missing(q) and float(q) <= ALPHA else "p"
    low, high = row["ci_low"], row["ci_high"]
    return ClassRow(
        name=str(row[schema.CLASS_NAME]),
        n_images=count(row["n_images"]),
        dense_recall=percent(row["dense_recall"]),
        recall=percent(row["recall"]),
        change=points(row["recall_delta"]),
        normalized=points(delta),
        interval=NOTHING if is_missing(low) else f"{points(low)} to {points(high)}",
        p=NOTHING if is_missing(p) else f"{p:.2g}",
        q=NOTHING if is_missing(q) else f"{q:.2g}",
        sign=sign,
        mark=f"{'▼' if sign == 'lost' else '▲'} {sign}, {by} ≤ {ALPHA}" if sign else "",
    )
