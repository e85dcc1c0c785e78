"""What is said of PIEs beyond seed noise: over the images at hand, and over other seeds."""

import math

import pandas as pd

from analysis import schema
from analysis.stats.classes import ALPHA
from analysis.wording import percent, points

_NAMED = 3


def beyond_noise(variants: pd.DataFrame, *, n_dense: int) -> str:
    """Say which variants make more PIEs than seeds alone, and by which of the two tests.

    Parameters
    ----------
    variants : DataFrame
        Rows of the summary of compressed variants, with ``seed_p``, the one-sided p of the
        permutation test over runs.
    n_dense : int
        Dense runs.
    """
    known = variants[variants["pie_excess"].notna()]
    if known.empty:
        return (
            "There are too few runs for a noise floor, so what compression changed cannot be told "
            "from what another seed would have changed."
        )
    floor = percent(known["noise_floor_share"].iloc[0])
    start = (
        f"Seed noise alone makes PIEs of {floor} of the images, between halves of the dense runs"
    )
    over_images = known["pie_excess_low"].astype(float) > 0
    over_runs = known["seed_p"] <= ALPHA
    below = known["pie_excess_high"].astype(float) < 0
    said = [
        f"{words}{_with_excess(known[which])}"
        for words, which in (
            ("more than that, like for like, over images and over runs: ", over_images & over_runs),
            (
                "more on these images, but not beyond what other seeds may make: ",
                over_images & ~over_runs,
            ),
            ("more by the test over runs alone: ", over_runs & ~over_images & ~below),
            ("fewer on these images: ", below),
        )
        if which.any()
    ]
    n_same = int((~over_images & ~over_runs & ~below).sum())
    if not said:
        said = ["no variant lies significantly above or below that, over images or over runs"]
    elif n_same:
        others = "one other variant is" if n_same == 1 else f"{n_same} other variants are"
        said.append(f"{others} not told from it")
    return f"{start}; {'; '.join(said)}.{_reach(known, n_dense)}"


def _with_excess(rows: pd.DataFrame) -> str:
    largest = rows.reindex(
        rows["pie_excess"].astype(float).abs().sort_values(ascending=False).index
    )
    named = [
        f"{row[schema.VARIANT_ID]} ({points(row['pie_excess'])} points"
        + (
            f", 95 % interval over images {points(row['pie_excess_low'])} to "
            f"{points(row['pie_excess_high'])}"
            if place == 0
            else ""
        )
        + ("" if math.isnan(row["seed_p"]) else f", p = {row['seed_p']:.2g} over runs")
        + ")"
        for place, (_, row) in enumerate(largest.head(_NAMED).iterrows())
    ]
    rest = len(rows) - len(named)
    return ", ".join(named) + (f" and {rest} more" if rest else "")


def _reach(known: pd.DataFrame, n_dense: int) -> str:
    """Say where the test over runs could not have found anything, whatever the PIEs."""
    is_mute = [
        math.isnan(row["seed_p"])
        or smallest_p(n_dense, int(row["n_runs"]), paired=bool(row["paired"])) > ALPHA
        for row in known.to_dict("records")
    ]
    if not any(is_mute):
        return ""
    which = "" if all(is_mute) else f" of {', '.join(known.loc[is_mute, schema.VARIANT_ID])}"
    return f" The runs{which} are too few for the test over runs to reach p ≤ {ALPHA}."


def smallest_p(n_dense: int, n_variant: int, *, paired: bool) -> float:
    """Return the smallest p that exchanging all runs in every way could give, 0..1.

    The observed share comes back where every run is exchanged, too: 2 of the 2^K ways of K pairs,
    2 of the binomial(2 K, K) ways of equal populations, 1 otherwise.
    """
    if paired:
        return 2 / 2 ** min(n_dense, n_variant)
    mirrored = 2 if n_dense == n_variant else 1
    return mirrored / math.comb(n_dense + n_variant, n_variant)
