"""What a sweep found, in three plain sentences: from the tables, both signs, no verdict."""

import pandas as pd

from analysis import schema
from analysis.beyond_noise import beyond_noise
from analysis.config import DENSE_ID
from analysis.one_pair import one_pair
from analysis.stats.classes import ALPHA, impacted
from analysis.wording import percent, points


def findings(
    summary: pd.DataFrame,
    classes: pd.DataFrame,
    seed_tests: pd.DataFrame,
    pairs: pd.DataFrame | None = None,
    *,
    single: str | None = None,
) -> list[str]:
    """Say what was found: PIEs of the focus variant, PIEs beyond seed noise, and changed classes.

    The focus is the most compressed pruned variant, or the last one where nothing is pruned. What
    is said of PIEs beyond seed noise rests on two tests: the interval of the excess over images,
    with the seeds as they are, and the permutation test over runs, which other seeds would pass
    too. Only where both agree is it said without reserve.

    Parameters
    ----------
    summary : DataFrame
        The summary table, dense first.
    classes : DataFrame
        The classes table of any number of variants, the focus among them.
    seed_tests : DataFrame
        The seed-test table of the same variants.
    pairs : DataFrame, optional
        The pairs table: where the focus is in it, one run a variant, what is said of single models
        takes the place of what takes populations.
    single : str, optional
        The variant of the pairs table that is spoken of instead of the focus.

    Returns
    -------
    list of str
        Sentences in plain text, percent with one decimal; empty where there is dense alone.
    """
    compressed = summary[summary[schema.VARIANT_ID] != DENSE_ID]
    dense = summary[summary[schema.VARIANT_ID] == DENSE_ID]
    if compressed.empty or dense.empty:
        return []
    focus = _focus(compressed)
    if pairs is not None and single in set(pairs[schema.VARIANT_ID]):
        focus = compressed[compressed[schema.VARIANT_ID] == single].iloc[0]
    part = classes[classes[schema.VARIANT_ID] == focus[schema.VARIANT_ID]]
    if pairs is not None and (pairs[schema.VARIANT_ID] == focus[schema.VARIANT_ID]).any():
        of_focus = pairs.set_index(schema.VARIANT_ID, drop=False).loc[focus[schema.VARIANT_ID]]
        return [_pies(focus, dense.iloc[0], part), *one_pair(of_focus, part)]
    over_runs = seed_tests.set_index(schema.VARIANT_ID)["p"].rename("seed_p").astype(float)
    tested = compressed.join(over_runs, on=schema.VARIANT_ID)
    return [
        _pies(focus, dense.iloc[0], part),
        beyond_noise(tested, n_dense=int(dense["n_runs"].iloc[0])),
        _classes(focus, part),
    ]


def _focus(compressed: pd.DataFrame) -> pd.Series:
    pruned = compressed[compressed[schema.TARGET_SPARSITY].astype(float) > 0]
    if pruned.empty:
        return compressed.iloc[-1]
    return pruned.loc[pruned[schema.TARGET_SPARSITY].astype(float).idxmax()]


def _pies(focus: pd.Series, dense: pd.Series, classes: pd.DataFrame) -> str:
    n_images = int(classes["n_images"].sum())
    before, after = float(dense["top1_mean"]), float(focus["top1_mean"])
    change = (
        f"stays at {percent(after)}"
        if percent(before) == percent(after)
        else f"{'falls' if after < before else 'rises'} from {percent(before)} to {percent(after)}"
    )
    mean = "" if dense["n_runs"] == 1 == focus["n_runs"] else "mean "
    top1 = f"{mean}top-1 {change}"
    n_pies = int(focus["n_pies"])
    if not n_pies:
        return f"At {focus[schema.VARIANT_ID]} none of {n_images:,} images is a PIE; {top1}."
    return (
        f"At {focus[schema.VARIANT_ID]}, {n_pies:,} of {n_images:,} images "
        f"({percent(focus['pie_share'])}) are PIEs: {int(focus['n_forgotten']):,} forgotten, "
        f"{int(focus['n_recovered']):,} recovered, {int(focus['n_changed']):,} changed; {top1}."
    )


def _classes(focus: pd.Series, classes: pd.DataFrame) -> str:
    tested = classes[classes["p"].notna()]
    if tested.empty:
        return "With fewer than two runs a variant no class can be tested."
    at_p, at_q = tested[impacted(tested, "p")], tested[impacted(tested, "q")]
    chance = f"{ALPHA * len(tested):.1f} expected by chance"
    where = f"At {focus[schema.VARIANT_ID]}"
    if at_p.empty:
        return (
            f"{where} no class out of {len(tested):,} moved significantly against overall accuracy "
            f"(p ≤ {ALPHA}; {chance})."
        )
    return (
        f"{where}, {len(at_p):,} of {len(tested):,} classes moved against overall accuracy at "
        f"p ≤ {ALPHA} ({chance}), {len(at_q):,} of them at q ≤ {ALPHA}: {_signs(at_p)}. A gain is "
        "relative: it may only mean that others lost."
    )


def _signs(rows: pd.DataFrame) -> str:
    delta = rows["normalized_recall_delta"].astype(float)
    lost = rows.loc[delta[delta < 0].sort_values().index]
    gained = rows.loc[delta[delta >= 0].sort_values(ascending=False).index]
    return f"{len(lost)} lost{_most(lost)} and {len(gained)} gained{_most(gained)}"


def _most(rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    first = rows.iloc[0]
    word = "most: " if len(rows) > 1 else ""
    return (
        f" ({word}“{first[schema.CLASS_NAME]}”, {points(first['normalized_recall_delta'])} points)"
    )
