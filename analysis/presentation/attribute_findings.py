"""What was found by value of the metadata, in a sentence: both signs, and nothing said plainly."""

import pandas as pd

from analysis.presentation.formatting import expected, many, points
from analysis.stats.classes import ALPHA


def of_attribute_pairs(rows: pd.DataFrame) -> str:
    """Say on which values the accuracy of one pair of models changed significantly.

    Parameters
    ----------
    rows : DataFrame
        The attribute-pairs table of one variant, all attributes.

    Returns
    -------
    str
        Plain text; empty where no value was tested.
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


def of_differences(rows: pd.DataFrame) -> str:
    """Say how many values PIEs have more or less often than the PIEs of seeds alone.

    Parameters
    ----------
    rows : DataFrame
        The attributes table of one variant, all attributes.

    Returns
    -------
    str
        Plain text; empty where there are too few runs to compare.
    """
    known = rows[rows["difference_low"].notna()]
    if known.empty:
        return ""
    low, high = (known[f"difference_{end}"].astype(float) for end in ("low", "high"))
    more, less = int((low > 0).sum()), int((high < 0).sum())
    by_chance = f"{expected(ALPHA * len(known))} of {len(known):,} do by chance"
    if not more + less:
        return (
            f"Nothing is told from seed noise: none of {len(known):,} values is more or less "
            f"frequent among PIEs than among those of seeds alone (95 % intervals over images)."
        )
    return (
        f"Like for like, {more} of {len(known):,} values are more frequent among PIEs than among "
        f"those of seeds alone, {less} less (95 % intervals over images, not corrected: "
        f"{by_chance})."
    )


def _most(rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    first = rows.iloc[0]
    word = "most: " if len(rows) > 1 else ""
    return (
        f" ({word}“{first['attribute']} = {first['value']}”, {points(first['top1_delta'])} points)"
    )
