"""What a sweep found, in three plain sentences: from the tables, both signs, no verdict."""

import math
from typing import Any

import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.stats.classes import ALPHA, impacted

_NAMED = 3


def findings(summary: pd.DataFrame, classes: pd.DataFrame) -> list[str]:
    """Say what was found: PIEs of the focus variant, PIEs beyond seed noise, and changed classes.

    The focus is the most compressed pruned variant, or the last one where nothing is pruned.

    Parameters
    ----------
    summary : DataFrame
        The summary table, dense first.
    classes : DataFrame
        The classes table of any number of variants, the focus among them.

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
    part = classes[classes[schema.VARIANT_ID] == focus[schema.VARIANT_ID]]
    return [_pies(focus, dense.iloc[0], part), _beyond_noise(compressed), _classes(focus, part)]


def _focus(compressed: pd.DataFrame) -> pd.Series:
    pruned = compressed[compressed[schema.TARGET_SPARSITY].astype(float) > 0]
    if pruned.empty:
        return compressed.iloc[-1]
    return pruned.loc[pruned[schema.TARGET_SPARSITY].astype(float).idxmax()]


def _pies(focus: pd.Series, dense: pd.Series, classes: pd.DataFrame) -> str:
    n_images = int(classes["n_images"].sum())
    before, after = float(dense["top1_mean"]), float(focus["top1_mean"])
    change = (
        f"stays at {_percent(after)}"
        if _percent(before) == _percent(after)
        else f"{'falls' if after < before else 'rises'} from {_percent(before)}"
        f" to {_percent(after)}"
    )
    top1 = f"mean top-1 {change}"
    n_pies = int(focus["n_pies"])
    if not n_pies:
        return f"At {focus[schema.VARIANT_ID]} none of {n_images:,} images is a PIE; {top1}."
    return (
        f"At {focus[schema.VARIANT_ID]}, {n_pies:,} of {n_images:,} images "
        f"({_percent(focus['pie_share'])}) are PIEs: {int(focus['n_forgotten']):,} forgotten, "
        f"{int(focus['n_recovered']):,} recovered, {int(focus['n_changed']):,} changed; {top1}."
    )


def _beyond_noise(compressed: pd.DataFrame) -> str:
    known = compressed[compressed["pie_excess"].notna()]
    if known.empty:
        return (
            "There are too few runs for a noise floor, so what compression changed cannot be told "
            "from what another seed would have changed."
        )
    above = known[known["pie_excess_low"].astype(float) > 0]
    below = known[known["pie_excess_high"].astype(float) < 0]
    floor = _percent(known["noise_floor_share"].iloc[0])
    start = (
        f"Seed noise alone makes PIEs of {floor} of the images, between halves of the dense runs"
    )
    said = []
    if len(above):
        said.append(f"more than that, like for like: {_with_excess(above)}")
    if len(below):
        said.append(f"fewer: {_with_excess(below)}")
    n_same = len(known) - len(above) - len(below)
    if not said:
        return f"{start}; no variant lies significantly above or below that."
    if n_same:
        others = "one other variant is" if n_same == 1 else f"{n_same} other variants are"
        said.append(f"{others} not told from it")
    return f"{start}; {'; '.join(said)}."


def _with_excess(rows: pd.DataFrame) -> str:
    largest = rows.reindex(
        rows["pie_excess"].astype(float).abs().sort_values(ascending=False).index
    )
    named = [
        f"{row[schema.VARIANT_ID]} ({_points(row['pie_excess'])} points, 95 % interval over "
        f"images {_points(row['pie_excess_low'])} to {_points(row['pie_excess_high'])})"
        if place == 0
        else f"{row[schema.VARIANT_ID]} ({_points(row['pie_excess'])})"
        for place, (_, row) in enumerate(largest.head(_NAMED).iterrows())
    ]
    rest = len(rows) - len(named)
    return ", ".join(named) + (f" and {rest} more" if rest else "")


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
        f" ({word}“{first[schema.CLASS_NAME]}”, {_points(first['normalized_recall_delta'])} points)"
    )


def _percent(value: Any) -> str:
    return "–" if value is None or math.isnan(float(value)) else f"{100 * float(value):.1f} %"


def _points(value: Any) -> str:
    return f"{round(100 * float(value), 1) + 0.0:+.1f}"
