"""What a sweep found, in plain sentences: both signs, no verdict, each with its question.

Over several runs: PIEs beyond what other seeds would make, and classes for other seeds and other
images. With one run a variant: the two models compared image by image.
"""

import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.presentation.class_findings import of_classes, of_long_tail, of_losses
from analysis.presentation.formatting import percent
from analysis.presentation.noise_findings import beyond_noise, what_is_added
from analysis.presentation.pair_findings import one_pair
from analysis.presentation.score_findings import of_scores, ties_of_forgotten
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
    """Say what was found: PIEs of the focus variant, PIEs beyond seed noise, changed classes.

    The focus is the most compressed variant whose mean top-1 is within one point of dense, where
    there is one, else the most compressed one; a control (``random``) never is. Where they
    differ, the most compressed one is told of too.

    Parameters
    ----------
    summary : DataFrame
        The summary table, dense first.
    classes : DataFrame
        The classes table of any number of variants, the focus among them.
    pairs : DataFrame, optional
        The pairs table: where the focus is in it, one run a variant, what is said of single models
        takes the place of what takes populations.
    single : str, optional
        The variant of the pairs table that is spoken of instead of the focus.
    look : int
        How often results have been looked at with more seeds, from 1.
    is_pending : bool
        Whether what holds for other seeds is still to be computed.

    Returns
    -------
    list of str
        Sentences in plain text, percent with one decimal; empty where there is dense alone.
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
    said = [_pies(focus, before, n_images), *scores]
    if pairs is not None and (pairs[schema.VARIANT_ID] == variant_id).any():
        return [
            *said,
            *one_pair(pairs.set_index(schema.VARIANT_ID, drop=False).loc[variant_id], part),
        ]
    if most is not focus:
        said.append(_pies(most, before, n_images))
    alpha = alpha_at_look(look)
    said.append(beyond_noise(compressed, alpha=alpha, is_pending=is_pending))
    for row in (focus,) if most is focus else (focus, most):
        name = str(row[schema.VARIANT_ID])
        of_row = classes[classes[schema.VARIANT_ID] == name]
        said += [
            what_is_added(row),
            of_classes(name, of_row, row.get("class_spread_p", float("nan")), alpha=alpha),
            of_losses(name, of_row),
            of_long_tail(row, alpha=alpha),
        ]
    said.append(_looks(look))
    return [sentence for sentence in said if sentence]


def focus_of(summary: pd.DataFrame) -> pd.Series:
    """Return the row of the focus variant: what is said of a sweep is said of it first.

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
    """Say the three things one has to know: PIEs of the focus, PIEs beyond seeds, its classes.

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
    found = [
        first,
        beyond_noise(summary[~is_dense], alpha=alpha),
        of_classes(name, part, spread, alpha=alpha),
    ]
    return [sentence for sentence in found if sentence]


def _focus(compressed: pd.DataFrame, dense: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The variant that is spoken of, and the most compressed one."""
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
