"""What is said of PIEs beyond seed noise, and of the images that compression adds to them."""

import pandas as pd

from analysis import schema
from analysis.p_values import p_text
from analysis.presentation.formatting import is_missing, many, percent, points
from analysis.stats.classes import ALPHA

_NAMED = 3
PENDING = (
    "Intervals and tests for other seeds are not computed yet, so nothing is said of PIEs beyond "
    "seed noise."
)


def beyond_noise(variants: pd.DataFrame, *, alpha: float = ALPHA, is_pending: bool = False) -> str:
    """Say which variants make more or fewer PIEs than seeds alone, for other seeds.

    A finding rests on the permutation test over runs, Holm-corrected over the variants; intervals
    of the excess, over runs and images, stand beside it.

    Parameters
    ----------
    variants : DataFrame
        Rows of the summary of compressed variants.
    alpha : float
        What p is compared with.
    is_pending : bool
        Whether the tests are still to be computed.
    """
    known = variants[variants["pie_excess"].notna()]
    if known.empty:
        return (
            "There are too few runs for a noise floor, so what compression changed cannot be told "
            "from what another seed would have changed."
        )
    if is_pending:
        return PENDING
    floor = percent(known["noise_floor_share"].iloc[0])
    start = f"Between halves of the dense runs, seeds alone make {floor} of the images PIEs"
    p_more, p_fewer = (known[name].astype(float) for name in ("seed_p_holm", "seed_p_fewer_holm"))
    more, fewer = p_more <= alpha, p_fewer <= alpha
    # Beside each variant stands the p of the side on which it lies.
    p = p_more.where(more | ~fewer & (known["pie_excess"].astype(float) >= 0), p_fewer)
    over = known["pie_excess_low"].astype(float) > 0
    under = known["pie_excess_high"].astype(float) < 0
    said = [
        f"{words}{_with_excess(known[which], p)}"
        for words, which in (
            ("more than that, like for like, for other seeds: ", more),
            ("fewer, for other seeds: ", fewer & ~more),
            (
                "outside it by the interval, but not by the test over seeds: ",
                (over | under) & ~more & ~fewer,
            ),
        )
        if which.any()
    ]
    n_same = int((~more & ~fewer & ~over & ~under).sum())
    if not said:
        said = [f"none of {many(len(known), 'variant')} is told from that"]
    elif n_same:
        others = "one other variant is" if n_same == 1 else f"{n_same} other variants are"
        said.append(f"{others} not told from it")
    corrected = " (permutation test over runs, Holm over the variants of the sweep)"
    return f"{start}; {'; '.join(said)}{corrected}.{_reach(known, alpha)}"


def _with_excess(rows: pd.DataFrame, p: pd.Series) -> str:
    size = rows["pie_excess"].astype(float).abs()
    largest = rows.reindex(size.sort_values(ascending=False, kind="stable").index)
    named = [
        f"{row[schema.VARIANT_ID]} ({percent(row['pie_share_half'])} between halves, "
        f"{points(row['pie_excess'])} points{_interval(row)}{_p(p[at])})"
        for at, row in largest.head(_NAMED).iterrows()
    ]
    rest = len(rows) - len(named)
    return ", ".join(named) + (f" and {rest} more" if rest else "")


def _interval(row: pd.Series) -> str:
    low, high = row["pie_excess_low"], row["pie_excess_high"]
    return "" if is_missing(low) else f" [{points(low)}, {points(high)}]"


def _p(p: float) -> str:
    return "" if is_missing(float(p)) else f", {p_text(float(p))}"


def _reach(known: pd.DataFrame, alpha: float) -> str:
    """Say where the test over runs could not have found anything, whatever the PIEs."""
    smallest = known["seed_smallest_p"].astype(float)
    is_mute = smallest.isna() | (smallest * len(known) > alpha)
    if not is_mute.any():
        return ""
    which = "" if is_mute.all() else f" of {', '.join(known.loc[is_mute, schema.VARIANT_ID])}"
    return (
        f" The runs{which} are too few for the test over runs to reach {alpha:.2g} over "
        f"{many(len(known), 'variant')}, whatever it finds."
    )


def what_is_added(row: pd.Series) -> str:
    """Say how hard the images are that compression adds to the PIEs of seeds; empty if unknown.

    Parameters
    ----------
    row : Series
        The variant's row of the summary.
    """
    added, others, seeds = (
        row.get(name)
        for name in ("dense_top1_on_added", "dense_top1_on_non_pies", "dense_top1_on_aa_pies")
    )
    if is_missing(added) or is_missing(others):
        return ""
    hard = "harder" if float(added) < float(others) else "easier"
    beside = "" if is_missing(seeds) else f"; on PIEs that seeds alone make it is {percent(seeds)}"
    return (
        f"The images that {row[schema.VARIANT_ID]} adds to those of seeds are {hard} for dense "
        f"than non-PIEs: its accuracy is {percent(added)} on them and {percent(others)} on "
        f"non-PIEs{beside}."
    )
