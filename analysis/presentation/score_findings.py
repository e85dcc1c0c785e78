"""What was found of scores, in words: ties of the top score, and images without an answer."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis import schema
from analysis.presentation.formatting import is_missing, many

_NAMED = 3
_SAID = (
    (
        "n_score_tied",
        "Several classes share the top score of",
        "the first of them is taken as the prediction, so that a forgotten image may be a tie that "
        "holds the truth",
    ),
    ("n_no_answer", "The scores are not finite of", "that is no answer, and counts as wrong"),
)


def ties_of_forgotten(row: Mapping[Any, Any] | pd.Series) -> str:
    """Say how many forgotten images of a single run are ties that hold the truth, in brackets.

    Parameters
    ----------
    row : mapping
        A row of the summary; with several runs its ``n_forgotten_tied`` is null, and nothing said.
    """
    n = row.get("n_forgotten_tied")
    if is_missing(n) or not n:
        return ""
    ties = "a tie that holds" if n == 1 else "ties that hold"
    return f" ({int(n):,} of them {ties} the truth)"


def of_scores(variants: pd.DataFrame) -> list[str]:
    """Say how many predictions rest on a tied top score, and how many are no answer.

    Parameters
    ----------
    variants : DataFrame
        Rows of the summary, dense too.

    Returns
    -------
    list of str
        A sentence for each of the two that occurs, in plain text.
    """
    rows = variants.to_dict("records")
    said = []
    for column, what, about in _SAID:
        named = [
            f"{many(int(row[column]), 'image' if row['n_runs'] == 1 else 'prediction')} at "
            f"{row[schema.VARIANT_ID]}"
            for row in rows
            if not is_missing(row.get(column)) and row[column]
        ]
        rest = f" and at {len(named) - _NAMED} more variants" if len(named) > _NAMED else ""
        if named:
            said.append(f"{what} {', '.join(named[:_NAMED])}{rest}: {about}.")
    return said
