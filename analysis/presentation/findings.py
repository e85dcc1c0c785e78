"""Findings of a sweep as sentences: losses and gains alike, each with the question it answers.

Over several runs: PIEs beyond those of other seeds, and classes for other seeds and images. With
one run a variant: the two models compared image by image.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.p_values import p_text
from analysis.presentation.class_findings import of_classes, of_long_tail, of_losses
from analysis.presentation.formatting import is_missing, many, percent, points
from analysis.presentation.pair_findings import one_pair
from analysis.stats.classes import ALPHA
from analysis.stats.planning import alpha_at_look

CONTROLS = ("random",)
_COMPARABLE = 0.01


def findings(
    summary: pd.DataFrame,
    classes: pd.DataFrame,
    pairs: pd.DataFrame | None = None,
    *,
    single: str | None = None,
    look: int = 1,
    is_pending: bool = False,
) -> list[str]:
    """Summarize the findings: PIEs of the focus variant, PIEs beyond seed noise, changed classes.

    The focus is the most compressed variant whose mean top-1 is within one point of dense, if
    there is one, else the most compressed one; never a control (``random``). If the two differ, the
    most compressed one is described too.

    Parameters
    ----------
    summary : DataFrame
        The summary table, dense first.
    classes : DataFrame
        The classes table of any number of variants, the focus among them.
    pairs : DataFrame, optional
        The pairs table; if the focus is in it, sentences on single models replace those on
        populations.
    single : str, optional
        A variant of the pairs table to describe instead of the focus.
    look : int
        How often results have been looked at with more seeds, from 1.
    is_pending : bool
        Whether the inference for other seeds is still to be computed.

    Returns
    -------
    list of str
        Sentences in plain text, percent with one decimal; empty for dense alone.
    """
    compressed = summary[summary[schema.VARIANT_ID] != DENSE_ID]
    dense = summary[summary[schema.VARIANT_ID] == DENSE_ID]
    if compressed.empty or dense.empty:
        return []
    before = dense.iloc[0]
    focus, most = _focus(compressed, before)
    if pairs is not None and single in set(pairs[schema.VARIANT_ID]):
        focus = most = compressed[compressed[schema.VARIANT_ID] == single].iloc[0]
    variant_id = str(focus[schema.VARIANT_ID])
    part = classes[classes[schema.VARIANT_ID] == variant_id]
    n_images = int(part["n_images"].sum())
    scores = of_scores(summary[summary[schema.VARIANT_ID].isin([DENSE_ID, variant_id])])
    sentences = [_pies(focus, before, n_images), *scores]
    if pairs is not None and (pairs[schema.VARIANT_ID] == variant_id).any():
        return [
            *sentences,
            *one_pair(pairs.set_index(schema.VARIANT_ID, drop=False).loc[variant_id], part),
        ]
    if most is not focus:
        sentences.append(_pies(most, before, n_images))
    alpha = alpha_at_look(look)
    sentences.append(beyond_noise(compressed, alpha=alpha, is_pending=is_pending))
    for row in (focus,) if most is focus else (focus, most):
        name = str(row[schema.VARIANT_ID])
        of_row = classes[classes[schema.VARIANT_ID] == name]
        sentences += [
            what_is_added(row),
            of_classes(name, of_row, row.get("class_spread_p", float("nan")), alpha=alpha),
            of_losses(name, of_row),
            of_long_tail(row, alpha=alpha),
        ]
    sentences.append(_looks(look))
    return [sentence for sentence in sentences if sentence]


def focus_of(summary: pd.DataFrame) -> pd.Series:
    """Return the row of the focus variant, which findings describe first.

    Parameters
    ----------
    summary : DataFrame
        The summary table, with dense and at least one compressed variant.
    """
    is_dense = summary[schema.VARIANT_ID] == DENSE_ID
    return _focus(summary[~is_dense], summary[is_dense].iloc[0])[0]


def headline(
    summary: pd.DataFrame, classes: pd.DataFrame, pairs: pd.DataFrame, *, look: int = 1
) -> list[str]:
    """Return the three main findings: PIEs of the focus, PIEs beyond seeds, its classes.

    Parameters
    ----------
    summary, classes, pairs : DataFrame
        As of :func:`findings`.
    look : int
        How often results have been looked at with more seeds, from 1.
    """
    is_dense = summary[schema.VARIANT_ID] == DENSE_ID
    dense, focus = summary[is_dense].iloc[0], focus_of(summary)
    name = str(focus[schema.VARIANT_ID])
    part = classes[classes[schema.VARIANT_ID] == name]
    first = _pies(focus, dense, int(part["n_images"].sum()))
    if (pairs[schema.VARIANT_ID] == name).any():
        row = pairs.set_index(schema.VARIANT_ID, drop=False).loc[name]
        return [first, *one_pair(row, part)[:2]]
    alpha = alpha_at_look(look)
    spread = focus.get("class_spread_p", float("nan"))
    sentences = [
        first,
        beyond_noise(summary[~is_dense], alpha=alpha),
        of_classes(name, part, spread, alpha=alpha),
    ]
    return [sentence for sentence in sentences if sentence]


def _focus(compressed: pd.DataFrame, dense: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the rows of the focus variant and of the most compressed one."""
    is_control = compressed[schema.METHOD].isin(CONTROLS)
    candidates = compressed if is_control.all() else compressed[~is_control]
    lost = float(dense["top1_mean"]) - candidates["top1_mean"].astype(float)
    comparable = candidates[lost <= _COMPARABLE]
    most = _most_compressed(candidates)
    focus = most if comparable.empty else _most_compressed(comparable)
    return (most if focus.name == most.name else focus), most


def _most_compressed(variants: pd.DataFrame) -> pd.Series:
    pruned = variants[variants[schema.TARGET_SPARSITY].astype(float) > 0]
    if pruned.empty:
        return variants.iloc[-1]
    return pruned.loc[pruned[schema.TARGET_SPARSITY].astype(float).idxmax()]


def _pies(focus: pd.Series, dense: pd.Series, n_images: int) -> str:
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
        f"({percent(focus['pie_share'])}) are PIEs: {int(focus['n_forgotten']):,} forgotten"
        f"{ties_of_forgotten(focus)}, "
        f"{int(focus['n_recovered']):,} recovered, {int(focus['n_changed']):,} changed; {top1}."
    )


def _looks(look: int) -> str:
    if look <= 1:
        return ""
    return (
        f"Seeds were added after results were seen: this is look {look}, and p and q are compared "
        f"with {alpha_at_look(look):.2g}: all later looks together add at most 2 % of errors."
    )


_NAMED = 3
PENDING = (
    "Intervals and tests for other seeds are not computed yet, so PIEs beyond seed noise are "
    "unknown."
)


def beyond_noise(variants: pd.DataFrame, *, alpha: float = ALPHA, is_pending: bool = False) -> str:
    """Name the variants that make more or fewer PIEs than seeds alone, for other seeds.

    A finding rests on the permutation test over runs, Holm-corrected over the variants; intervals
    of the excess, over runs and images, are shown beside it.

    Parameters
    ----------
    variants : DataFrame
        Rows of the summary of compressed variants.
    alpha : float
        Level that p is compared with.
    is_pending : bool
        Whether the tests are still to be computed.
    """
    known = variants[variants["pie_excess"].notna()]
    if known.empty:
        return (
            "There are too few runs for a noise floor, so changes by compression cannot be "
            "separated from those that another seed would make."
        )
    if is_pending:
        return PENDING
    floor = percent(known["noise_floor_share"].iloc[0])
    start = f"Between halves of the dense runs, seeds alone make {floor} of the images PIEs"
    p_more, p_fewer = (known[name].astype(float) for name in ("seed_p_holm", "seed_p_fewer_holm"))
    more, fewer = p_more <= alpha, p_fewer <= alpha
    # Show the p of the side on which a variant lies.
    p = p_more.where(more | ~fewer & (known["pie_excess"].astype(float) >= 0), p_fewer)
    over = known["pie_excess_low"].astype(float) > 0
    under = known["pie_excess_high"].astype(float) < 0
    clauses = [
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
    if not clauses:
        clauses = [f"none of {many(len(known), 'variant')} differs from that significantly"]
    elif n_same:
        others = "one other variant does" if n_same == 1 else f"{n_same} other variants do"
        clauses.append(f"{others} not differ from it significantly")
    corrected = " (permutation test over runs, Holm over the variants of the sweep)"
    return f"{start}; {'; '.join(clauses)}{corrected}.{_reach(known, alpha)}"


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
    """Warn of variants whose runs are too few for the test to become significant."""
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
    """Describe how hard the images are that compression adds to the PIEs of seeds, if known.

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


_SCORE_PROBLEMS = (
    (
        "n_score_tied",
        "Several classes share the top score of",
        "the first of them is taken as the prediction, so that a forgotten image may be a tie that "
        "holds the truth",
    ),
    ("n_no_answer", "The scores are not finite of", "that is no answer, and counts as wrong"),
)


def ties_of_forgotten(row: Mapping[Any, Any] | pd.Series) -> str:
    """Count, in brackets, the forgotten images whose true class shares the top score.

    Parameters
    ----------
    row : mapping
        A row of the summary; with several runs its ``n_forgotten_tied`` is null, the text empty.
    """
    n = row.get("n_forgotten_tied")
    if is_missing(n) or not n:
        return ""
    ties = "a tie that holds" if n == 1 else "ties that hold"
    return f" ({int(n):,} of them {ties} the truth)"


def of_scores(variants: pd.DataFrame) -> list[str]:
    """Count the predictions that rest on a tied top score, and those without an answer.

    Parameters
    ----------
    variants : DataFrame
        Rows of the summary, dense too.

    Returns
    -------
    list of str
        A sentence in plain text for each of the two that occurs.
    """
    rows = variants.to_dict("records")
    sentences = []
    for column, what, about in _SCORE_PROBLEMS:
        named = [
            f"{many(int(row[column]), 'image' if row['n_runs'] == 1 else 'prediction')} at "
            f"{row[schema.VARIANT_ID]}"
            for row in rows
            if not is_missing(row.get(column)) and row[column]
        ]
        rest = f" and at {len(named) - _NAMED} more variants" if len(named) > _NAMED else ""
        if named:
            sentences.append(f"{what} {', '.join(named[:_NAMED])}{rest}: {about}.")
    return sentences
