"""Findings by value of metadata columns: losses and gains, or that nothing is significant."""

import pandas as pd

from analysis.presentation.formatting import expected, many, points
from analysis.stats.classes import ALPHA


def of_attribute_pairs(rows: pd.DataFrame) -> str:
    """Name the values on which the accuracy of one pair of models changed significantly.

    Parameters
    ----------
    rows : DataFrame
        The attribute-pairs table of one variant, all attributes.

    Returns
    -------
    str
        Plain text; empty if no value was tested.
    """
    tested = rows[rows["mcnemar_q"].notna()]
    if tested.empty:
        return ""
    at_p = int((tested["mcnemar_p"] <= ALPHA).sum())
    chance = (
        f"{at_p} at p ≤ {ALPHA}, where at most {expected(ALPHA * len(tested))} are expected by "
        "chance"
    )
    at_q = tested[tested["mcnemar_q"] <= ALPHA]
    what = (
        f"out of {many(len(tested), 'value')} of {many(tested['attribute'].nunique(), 'attribute')}"
    )
    corrected = "corrected over the values, Benjamini-Hochberg"
    if at_q.empty:
        return (
            f"Nothing is significant: accuracy changed on none {what} at McNemar's q ≤ {ALPHA} "
            f"({corrected}; {chance}). That is no proof that it stayed: more images would show "
            "smaller changes."
        )
    delta = at_q["top1_delta"].astype(float)
    lost = at_q.loc[delta[delta < 0].sort_values().index]
    gained = at_q.loc[delta[delta > 0].sort_values(ascending=False).index]
    return (
        f"Accuracy changed on {len(at_q):,} {what} at McNemar's q ≤ {ALPHA} ({corrected}; "
        f"{chance}): {len(lost)} lost{_most(lost)} and {len(gained)} gained{_most(gained)}."
    )


def of_risks(rows: pd.DataFrame) -> str:
    """Name the values on whose images compression makes PIEs beyond those of seeds.

    Parameters
    ----------
    rows : DataFrame
        The attributes table of one variant, all attributes.

    Returns
    -------
    str
        Plain text; empty with too few runs to compare.
    """
    known = rows[rows["risk_difference_low"].notna()]
    if known.empty:
        return ""
    low, high = (known[f"risk_difference_{end}"].astype(float) for end in ("low", "high"))
    more, less = known[low > 0], known[high < 0]
    what = many(len(known), "value")
    chance = (
        f"95 % intervals over runs and images, not corrected: {expected(ALPHA * len(known))} of "
        "them by chance"
    )
    if more.empty and less.empty:
        sentence = (
            f"None of {what} has significantly more or fewer PIEs than seeds make ({chance})."
        )
    else:
        largest = more.loc[more["risk_difference"].astype(float).sort_values().index[::-1]]
        sentence = (
            f"Compression makes images of {len(more):,} of {what} likelier to be PIEs than seeds "
            f"do{_named(largest, 'risk_difference')}, of {len(less):,} less likely ({chance})."
        )
    at_q = known[known["contrast_q"] <= ALPHA]
    if at_q.empty:
        return (
            f"{sentence} No value is hit significantly harder or less than the other images "
            f"(contrast, q ≤ {ALPHA})."
        )
    contrast = at_q["contrast"].astype(float)
    harder = at_q.loc[contrast[contrast > 0].sort_values(ascending=False).index]
    return (
        f"{sentence} Against the other images of their attribute, {len(harder):,} are hit harder"
        f"{_named(harder, 'contrast')} and {len(at_q) - len(harder):,} less (contrast, "
        f"q ≤ {ALPHA})."
    )


def _most(rows: pd.DataFrame) -> str:
    return _named(rows, "top1_delta")


def _named(rows: pd.DataFrame, column: str) -> str:
    """Name the first of some values with its number in points; empty without any."""
    if rows.empty:
        return ""
    first = rows.iloc[0]
    word = "most: " if len(rows) > 1 else ""
    return f" ({word}“{first['attribute']} = {first['value']}”, {points(first[column])} points)"
