"""What raters said, by group of images: shares of every category, and how they differ."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.stats.modal import BoolArray, FloatArray, IntArray
from analysis.stats.proportions import fisher, newcombe, wilson
from analysis.stats.ttest import benjamini_hochberg

NOT_RATED = -1
DIVIDED = -2


def majority(ratings: IntArray, n_categories: int) -> npt.NDArray[np.int64]:
    """Category that most raters gave to each image, 0..C-1, shape (I,).

    Each rater gives one category to an image, so every image counts once. ``-2`` where several
    categories share the lead (no majority: the image stays in the denominator and counts for no
    category), ``-1`` where nobody rated it.

    Parameters
    ----------
    ratings : integer array, shape (R, I)
        Category that each rater gave to each image; -1 where none was given.
    """
    votes = np.stack([(ratings == c).sum(axis=0) for c in range(n_categories)])
    most = votes.max(axis=0, initial=0)
    winner = votes.argmax(axis=0)
    divided = (votes == most).sum(axis=0) > 1
    return np.where(most == 0, NOT_RATED, np.where(divided, DIVIDED, winner))


def category_shares(
    chosen: IntArray,
    *,
    pie: BoolArray,
    aa_pie: BoolArray,
    non_pie: BoolArray,
    categories: Sequence[str],
    divided: str,
) -> pd.DataFrame:
    """Share of every category among the rated PIEs, A/A PIEs and non-PIEs of a study.

    Shares have Wilson's intervals. ``difference`` is PIE minus non-PIE, two separate samples, with
    Newcombe's interval and Fisher's exact p. ``aa_difference`` is PIE minus A/A PIE, what
    compression adds to seed noise: images may be in both groups, so its interval takes their
    correlation into account, and its p is Fisher's between those that are in one of the two only
    (the others say nothing of the difference). ``q`` and ``aa_q`` are Benjamini-Hochberg's over
    the categories.

    Parameters
    ----------
    chosen : integer array, shape (I,)
        Category of each image; -1 not rated (left out), -2 no majority.
    pie, aa_pie, non_pie : bool arrays, shape (I,)
        Which images are in which group; one may be in two.
    divided : str
        Name of the last row: images without a majority. It is no category and has no p.

    Returns
    -------
    DataFrame
        One row a category, and one for images without a majority; null where a group is empty.
    """
    rated = chosen != NOT_RATED
    codes = [*range(len(categories)), DIVIDED]
    table: dict[str, object] = {"category": [*categories, divided]}
    counted = {}
    for name, members in (("pie", pie), ("aa", aa_pie), ("non_pie", non_pie)):
        counted[name] = counts, n = _counted(chosen, members & rated, codes)
        low, high = wilson(counts, n)
        share = counts / n if n else np.full(len(codes), np.nan)
        table |= {
            f"{name}_images": n, f"{name}_count": counts, f"{name}_share": share,
            f"{name}_low": low, f"{name}_high": high,
        }  # fmt: skip
    table |= _compared("", newcombe(*counted["pie"], *counted["non_pie"]))
    table |= _tested("", fisher(*counted["pie"], *counted["non_pie"]))
    shared = int((pie & aa_pie & rated).sum())
    table |= _compared("aa_", newcombe(*counted["pie"], *counted["aa"], n_shared=shared))
    alone = [_counted(chosen, one & rated, codes) for one in (pie & ~aa_pie, aa_pie & ~pie)]
    table |= _tested("aa_", fisher(*alone[0], *alone[1]))
    return pd.DataFrame(table)


def _counted(chosen: IntArray, members: BoolArray, codes: list[int]) -> tuple[IntArray, int]:
    counts = np.array([(chosen[members] == code).sum() for code in codes], np.int64)
    return counts, int(members.sum())


def _compared(start: str, values: tuple[object, object, object]) -> Mapping[str, object]:
    names = ("difference", "difference_low", "difference_high")
    return {f"{start}{name}": value for name, value in zip(names, values, strict=True)}


def _tested(start: str, p: FloatArray) -> Mapping[str, object]:
    of_categories = np.append(p[:-1], np.nan).astype(np.float64)  # no majority is no category
    return {f"{start}p": of_categories, f"{start}q": benjamini_hochberg(of_categories)}
