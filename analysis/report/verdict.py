"""The first page of a report: a verdict, three sentences, four numbers and twelve images."""

from dataclasses import dataclass

import pandas as pd

from analysis import schema
from analysis.budgets import Verdict, cells, check, is_held
from analysis.config import DENSE_ID
from analysis.presentation.findings import focus_of, headline
from analysis.presentation.formatting import count, is_missing, percent, points
from analysis.report.asked import Asked
from analysis.report.gallery import Tile, most_forgotten
from analysis.report.scope import Scope

_LIMITS, _IMAGES = 6, 12
PASSES, FAILS, UNTOLD, UNASKED = "passes", "fails", "cannot tell", "no budget"
_HEADINGS = {
    PASSES: "Within the budget",
    FAILS: "Over the budget",
    UNTOLD: "Cannot tell: some limits could not be tested",
    UNASKED: "No budget was given",
}


@dataclass(frozen=True)
class FirstPage:
    """What a person who decides reads first; ``variant`` is the one that is spoken of.

    ``limits`` are cells of the limits of the budget, breaches first; ``n_more`` how many more
    there are. ``numbers`` are what, how much, and what is to be said beside it.
    """

    state: str
    heading: str
    about: str
    variant: str
    limits: list[tuple[str, ...]]
    n_more: int
    sentences: list[str]
    numbers: list[tuple[str, str, str]]
    tiles: list[Tile]
    n_forgotten: int


def first_page(scope: Scope, asked: Asked) -> FirstPage:
    """Judge the reported variants, and say the least that one has to know.

    Parameters
    ----------
    scope : Scope
        What is reported.
    asked : Asked
        With the budget, if there is one.

    Raises
    ------
    UserError
        The budget names what is not there.
    """
    summary = scope.summary
    focus = focus_of(summary)
    variant_id = str(focus[schema.VARIANT_ID])
    classes = scope.classes[scope.classes[schema.VARIANT_ID] == variant_id]
    verdicts = check(scope.results, asked.budget, list(scope.variant_ids)) if asked.budget else None
    state = UNASKED if verdicts is None else _state(verdicts, asked)
    rows = [cells(one, asked.budget) for one in verdicts or [] if asked.budget]
    return FirstPage(
        state=state,
        heading=_HEADINGS[state],
        about=_about(verdicts, scope),
        variant=variant_id,
        limits=rows[:_LIMITS],
        n_more=max(0, len(rows) - _LIMITS),
        sentences=headline(
            summary, scope.classes, scope.results.pairs(), look=scope.manifest.n_looks
        ),
        numbers=_numbers(summary[summary[schema.VARIANT_ID] == DENSE_ID].iloc[0], focus, classes),
        tiles=most_forgotten(scope, variant_id, _IMAGES),
        n_forgotten=int(focus["n_forgotten"]),
    )


def _state(verdicts: list[Verdict], asked: Asked) -> str:
    if any(one.verdict == "breach" for one in verdicts):
        return FAILS
    held = asked.budget is not None and is_held(verdicts, asked.budget)
    return PASSES if held else UNTOLD


def _about(verdicts: list[Verdict] | None, scope: Scope) -> str:
    if verdicts is None:
        return (
            "Whether this is good enough takes limits: lethe report SWEEP --budget FILE.toml "
            "--out DIR holds the sweep against them."
        )
    variants = {one.variant_id for one in verdicts}
    n = {word: sum(one.verdict == word for one in verdicts) for word in ("breach", "untested")}
    return (
        f"{len(verdicts)} limits of {len(variants)} of {len(scope.variant_ids)} variants: "
        f"{n['breach']} breached, {n['untested']} not testable."
    )


def _numbers(
    dense: pd.Series, focus: pd.Series, classes: pd.DataFrame
) -> list[tuple[str, str, str]]:
    before, after = float(dense["top1_mean"]), float(focus["top1_mean"])
    excess, low, high = (focus[f"pie_excess{end}"] for end in ("", "_low", "_high"))
    interval = (
        "no interval: too few runs"
        if is_missing(low)
        else f"95 % {points(low)} to {points(high)}, other seeds and images"
    )
    bound = classes["loss_upper"].max()
    return [
        ("Top-1, points", points(after - before), f"{percent(before)} to {percent(after)}"),
        (
            "Forgotten, recovered",
            f"{count(focus['n_forgotten'])}, {count(focus['n_recovered'])}",
            f"of {count(classes['n_images'].sum())} images; {count(focus['n_changed'])} changed",
        ),
        ("PIEs beyond seeds, points", points(excess), interval),
        (
            "No class loses more than",
            "–" if is_missing(bound) else f"{points(bound).lstrip('+')} points",
            "one-sided 95 % bounds of recall, other images"
            + ("" if int(focus["n_runs"]) == 1 else " and seeds"),
        ),
    ]
