"""Every figure of a report, drawn by the functions that the screen draws with."""

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go

from analysis import schema
from analysis.figures.breaking_points import breaking_points
from analysis.figures.class_heatmap import class_heatmap, most_changed
from analysis.figures.class_impact import class_impact, usual_rule
from analysis.figures.confusion import confusion_flow
from analysis.figures.curves import QUANTITIES, metric_curve
from analysis.figures.hardness import pie_accuracy, pie_difficulty
from analysis.figures.over_representation import over_representation
from analysis.figures.overlap import pie_overlap
from analysis.figures.pies import pie_kinds, pie_share
from analysis.figures.shifts import robustness_curve, robustness_heatmap, shift_pairs_heatmap
from analysis.figures.trade_off import trade_off
from analysis.report.scope import Scope

MANY_CLASSES = 60
_MOST_CHANGED = 40
_EACH_END = 20
_FEW_SHIFTS = 16


@dataclass(frozen=True)
class Drawing:
    """One figure: the stem of its files, where it stands on the page, and what draws it."""

    name: str
    section: str
    draw: Callable[[], go.Figure]


def drawings(scope: Scope) -> list[Drawing]:
    """List every figure of a report, in the order of the page; nothing is drawn yet."""
    summary, note = scope.summary, scope.note()
    found = [
        Drawing("pie-share", "noise", lambda: pie_share(summary, note=note)),
        Drawing("pie-kinds", "pies", lambda: pie_kinds(summary, note=note)),
        Drawing("pie-accuracy", "pies", lambda: pie_accuracy(summary, note=note)),
        Drawing("pie-difficulty", "pies", lambda: pie_difficulty(summary, note=note)),
        Drawing("pie-overlap", "pies", lambda: pie_overlap(scope.table("overlap"), note=note)),
        *_breaking_points(scope),
        Drawing("trade-off", "curves", lambda: trade_off(summary, note=note)),
        *_curves(scope),
        Drawing("class-heatmap", "classes", lambda: _heatmap(scope)),
        *_shifts(scope),
    ]
    for variant_id in scope.variant_ids:
        found += _of_variant(scope, variant_id)
    return found


def _shifts(scope: Scope) -> list[Drawing]:
    """Figures of accuracy under shifts, where a sweep has any; one a shift where they are few."""
    table, note = scope.table("robustness"), scope.note()
    names = list(dict.fromkeys(table[schema.SHIFT]))

    def heatmap(metric: str) -> Drawing:
        return Drawing(
            f"robustness-{metric}",
            "shifts",
            lambda: robustness_heatmap(table, metric=metric, note=note),
        )

    def curve(shift: str) -> Drawing:
        return Drawing(
            f"robustness-{shift}", "shifts", lambda: robustness_curve(table, shift=shift, note=note)
        )

    pairs, clean = scope.table("shift-pairs"), scope.table("pairs")
    of_pairs = Drawing(
        "shift-pairs", "shifts", lambda: shift_pairs_heatmap(pairs, clean, note=note)
    )
    curves = [curve(name) for name in names] if len(names) <= _FEW_SHIFTS else []
    heatmaps = [heatmap(metric) for metric in dict.fromkeys(table["metric"])]
    return [*([of_pairs] if len(pairs) else []), *heatmaps, *curves]


def _curves(scope: Scope) -> list[Drawing]:
    there = set(scope.curves["metric"])
    # The floor has one value; it stands in the figure of PIE shares.
    shown = [m for m in QUANTITIES if m in there and m != "noise_floor_share"]

    def drawing(metric: str) -> Drawing:
        return Drawing(
            f"curve-{metric.replace('_', '-')}",
            "curves",
            lambda: metric_curve(scope.curves, metric=metric, note=scope.note()),
        )

    return [drawing(metric) for metric in shown]


def _heatmap(scope: Scope) -> go.Figure:
    classes, note = scope.classes, scope.note()
    n = classes[schema.CLASS_ID].nunique()
    if n > MANY_CLASSES:
        classes = most_changed(classes, _MOST_CHANGED)
        note = f"The {_MOST_CHANGED} classes of {n:,} that changed most. {note}"
    return class_heatmap(classes, note=note)


def _breaking_points(scope: Scope) -> list[Drawing]:
    """One figure where a method was swept over sparsities."""
    broken = scope.results.breaking_points()
    if broken.empty:
        return []
    return [Drawing("breaking-points", "pies", lambda: breaking_points(broken, note=scope.note()))]


def _of_variant(scope: Scope, variant_id: str) -> list[Drawing]:
    results, note, section = scope.results, scope.note(variant_id), variant_id
    many = len(results.class_names) > MANY_CLASSES
    found = [
        Drawing(
            f"class-impact-{variant_id}",
            section,
            lambda: class_impact(
                results.classes(variant_id),
                rule=usual_rule(results.classes(variant_id)),
                top=_EACH_END if many else None,
                note=note,
            ),
        ),
        Drawing(
            f"confusion-flow-{variant_id}",
            section,
            lambda: confusion_flow(
                results.images(variant_id, columns=["is_pie", "dense_modal_label", "modal_label"]),
                class_names=results.class_names,
                note=note,
            ),
        ),
    ]
    if results.attribute_kinds()["categorical"].any():
        found.append(
            Drawing(
                f"over-representation-{variant_id}",
                section,
                lambda: over_representation(results.attributes(variant_id), note=note),
            )
        )
    return found
