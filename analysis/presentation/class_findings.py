"""Findings on classes: those that moved, bounds of their losses, and the long tail."""

import math

import pandas as pd

from analysis import schema
from analysis.p_values import p_text
from analysis.presentation.formatting import expected, is_missing, points
from analysis.stats.classes import ALPHA, impacted


def of_classes(
    variant_id: str,
    classes: pd.DataFrame,
    spread_p: float,
    *,
    has_seeds: bool = True,
    alpha: float = ALPHA,
) -> str:
    """Count the classes that moved against overall accuracy, losses and gains, with the test.

    Parameters
    ----------
    variant_id : str
        The variant.
    classes : DataFrame
        Its rows of the classes table.
    spread_p : float
        p of the Q test that the classes differ; NaN if unknown.
    has_seeds : bool
        Whether other seeds are in the tests; with one run a variant they are not.
    alpha : float
        Level that q is compared with.
    """
    tested = classes[classes["p_two_way"].notna()]
    if tested.empty:
        return "No class can be tested: nothing changed that a test could rest on."
    n = f"{len(tested):,}"
    at_q = tested[impacted(tested, "q_two_way", alpha)]
    others = "other seeds and other images" if has_seeds else "other images, with these two models"
    rule = f"for {others}, at q ≤ {_level(alpha)}"
    paper = _paper_rule(tested, alpha) if has_seeds else ""
    if at_q.empty:
        reach = _reach(tested) if has_seeds else ""
        return (
            f"At {variant_id} no class out of {n} moved significantly against overall accuracy "
            f"({rule}).{paper}{reach}"
        )
    name_it = not spread_p > ALPHA
    unnamed = (
        ""
        if name_it
        else f" Their changes do not differ significantly (Q test, {p_text(spread_p)}), so none is "
        "named as the most changed."
    )
    return (
        f"At {variant_id}, {len(at_q):,} of {n} classes moved against overall accuracy ({rule}): "
        f"{_signs(at_q, name_it=name_it)}. A gain is relative: it may only mean that others lost."
        f"{unnamed}{paper}"
    )


def _level(alpha: float) -> str:
    return f"{alpha:.2g}"


def _paper_rule(tested: pd.DataFrame, alpha: float) -> str:
    known = tested[tested["p"].notna()]
    if known.empty:
        return ""
    n_p = int(impacted(known, "p", alpha).sum())
    return (
        f" By the paper's rule (p ≤ {_level(alpha)}, other seeds, these images) {n_p:,} did, "
        f"where {expected(alpha * len(known))} do by chance."
    )


def _reach(tested: pd.DataFrame) -> str:
    """State the differences that so many runs and images could detect."""
    detectable, floor = (tested[name].median() for name in ("detectable", "image_floor"))
    if is_missing(detectable) or math.isnan(detectable):
        return ""
    return (
        f" For the median class so many seeds detect {100 * detectable:.1f} points (80 % power), "
        f"and so many images no less than {100 * floor:.1f}, whatever the seeds."
    )


def _signs(rows: pd.DataFrame, *, name_it: bool) -> str:
    delta = rows["normalized_recall_delta"].astype(float)
    lost = rows.loc[delta[delta < 0].sort_values().index]
    gained = rows.loc[delta[delta >= 0].sort_values(ascending=False).index]
    named = [_most(part) if name_it else "" for part in (lost, gained)]
    return f"{len(lost)} lost{named[0]} and {len(gained)} gained{named[1]}"


def _most(rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    first = rows.iloc[0]
    word = "most: " if len(rows) > 1 else ""
    return (
        f" ({word}“{first[schema.CLASS_NAME]}”, {points(first['normalized_recall_delta'])} points)"
    )


def of_losses(variant_id: str, classes: pd.DataFrame, *, has_seeds: bool = True) -> str:
    """State the loss of recall that is ruled out for every class; empty without bounds.

    Parameters
    ----------
    variant_id : str
        The variant.
    classes : DataFrame
        Its rows of the classes table.
    has_seeds : bool
        Whether other seeds are in the bounds.
    """
    known = classes[classes["loss_upper"].notna()]
    if known.empty:
        return ""
    worst = known.loc[known["loss_upper"].astype(float).idxmax()]
    unknown = int((classes["n_images"] > 0).sum()) - len(known)
    but = "" if not unknown else f" ({unknown:,} with too few images left out)"
    others = "seeds and images" if has_seeds else "images, with these two models"
    return (
        f"At {variant_id} no class{but} loses more than {100 * worst['loss_upper']:.1f} points of "
        f"recall, for other {others} (one-sided 95 %; the largest bound is of "
        f"“{worst[schema.CLASS_NAME]}”)."
    )


def of_long_tail(row: pd.Series, *, alpha: float = ALPHA) -> str:
    """State whether rare classes lose more; empty if that is unknown.

    Parameters
    ----------
    row : Series
        The variant's row of the summary.
    alpha : float
        Level that p is compared with.
    """
    slope, p = row.get("long_tail_slope"), row.get("long_tail_p")
    if is_missing(slope) or is_missing(p):
        return ""
    low, high = (points(row[f"long_tail_{end}"]) for end in ("low", "high"))
    test = f"95 % interval {low} to {high}, {p_text(float(p))}, over runs and images"
    where = f"At {row[schema.VARIANT_ID]}"
    if p > alpha:
        return (
            f"{where} rare classes lose neither significantly more nor less than frequent ones: "
            f"{points(slope)} points of recall a doubling of training images ({test})."
        )
    which = "rare classes lose more" if slope > 0 else "frequent classes lose more"
    return (
        f"{where} {which}: {points(slope)} points of recall for each doubling of a class's "
        f"training images ({test})."
    )
