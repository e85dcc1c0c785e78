"""Registry of all figures of a sweep, for the command line, the Export page and reports."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.errors import LetheError
from analysis.figures.attribute_pairs import attribute_pairs
from analysis.figures.breaking_points import breaking_points
from analysis.figures.cascade import cascade
from analysis.figures.class_heatmap import class_heatmap, most_changed
from analysis.figures.class_impact import class_impact, usual_rule
from analysis.figures.confusion import confusion_flow
from analysis.figures.curves import QUANTITIES, metric_curve
from analysis.figures.deciles import deciles
from analysis.figures.hardness import pie_accuracy, pie_difficulty
from analysis.figures.human_shares import human_shares
from analysis.figures.layers import culprit_layers
from analysis.figures.long_tail import long_tail
from analysis.figures.not_worse import not_worse
from analysis.figures.over_representation import over_representation
from analysis.figures.overlap import pie_overlap
from analysis.figures.pies import pie_kinds, pie_share
from analysis.figures.risk_difference import risk_difference
from analysis.figures.shifts import robustness_curve, robustness_heatmap, shift_pairs_heatmap
from analysis.figures.trade_off import trade_off
from analysis.presentation.formatting import one_line
from analysis.report.scope import Scope
from analysis.results.code import table_code, where

MANY_CLASSES = 60
_MOST_CHANGED = 40
_EACH_END = 20
_FEW_SHIFTS = 16
_LONGEST = 60


@dataclass(frozen=True)
class Drawing:
    """One figure of a sweep, computed only when it is drawn.

    Parameters
    ----------
    name : str
        Stem of its files, and its name on the command line.
    title : str
        Its title in menus.
    section : str
        Its section of a report; for figures of one variant, the variant.
    draw : callable
        Draws the table.
    table : callable
        Computes the table of its data.
    method, arguments
        The method of ``SweepResults`` that computes the table, and its arguments.
    rows : tuple of str, optional
        Column and value that select the rows to show; all rows by default.
    """

    name: str
    title: str
    section: str
    draw: Callable[[pd.DataFrame], go.Figure]
    table: Callable[[], pd.DataFrame]
    method: str
    arguments: tuple[Any, ...] = ()
    rows: tuple[str, str] | None = None
    named: dict[str, Any] = field(default_factory=dict)

    def figure(self) -> go.Figure:
        """Draw the figure."""
        return self.draw(self.table())

    def data(self) -> pd.DataFrame:
        """Return the rows shown."""
        table = self.table()
        return table if self.rows is None else table[table[self.rows[0]] == self.rows[1]]

    def code(self, scope: Scope) -> str:
        """Return the Python code that computes its data in a notebook."""
        code = table_code(scope.results, self.method, *self.arguments, **self.named)
        return code if self.rows is None else code + where(*self.rows)


def drawings(scope: Scope, problems: list[str] | None = None) -> list[Drawing]:
    """List every figure of some variants of a sweep, in the order of a report.

    Parameters
    ----------
    scope : Scope
        Results and variants.
    problems : list of str, optional
        Collects messages on damaged files, instead of raising; other figures are listed.

    Raises
    ------
    CacheError
        A file is damaged, and ``problems`` is None.
    """
    note = scope.note()

    def listed(part: Callable[[Scope], list[Drawing]]) -> list[Drawing]:
        try:
            return part(scope)
        except LetheError as problem:
            if problems is None:
                raise
            problems.append(str(problem))
            return []

    def of(name: str, title: str, section: str, draw: Any, table: str = "summary") -> Drawing:
        return Drawing(
            name, title, section, lambda rows: draw(rows, note=note), partial(scope.table, table),
            table.replace("-", "_"),
        )  # fmt: skip

    return [
        of("pie-share", "PIE share", "noise", pie_share),
        of("pie-kinds", "Kinds of PIE", "pies", pie_kinds),
        of("pie-accuracy", "Accuracy on PIEs", "pies", pie_accuracy),
        of("pie-difficulty", "Difficulty of PIEs", "pies", pie_difficulty),
        of("pie-overlap", "Overlap of PIEs", "pies", pie_overlap, "overlap"),
        *listed(_breaking_points),
        of("trade-off", "Trade-off", "curves", trade_off),
        *_curves(scope),
        of("class-heatmap", "Classes by variant", "classes", _heatmap, "classes"),
        *listed(_shifts),
        *listed(_studies),
        *(one for variant_id in scope.variant_ids for one in _of_variant(scope, variant_id)),
    ]


def _shifts(scope: Scope) -> list[Drawing]:
    """Figures of accuracy under shifts; one a shift if they are few."""
    table, note = scope.table("robustness"), scope.note()
    pairs, clean = scope.table("shift-pairs"), scope.table("pairs")
    names = list(dict.fromkeys(table[schema.SHIFT]))
    figures = []
    if len(pairs):
        figures.append(
            Drawing(
                "shift-pairs", "Shifts, one model each", "shifts",
                lambda rows: shift_pairs_heatmap(rows, clean, note=note), lambda: pairs,
                "shift_pairs",
            )
        )  # fmt: skip
    for metric in dict.fromkeys(table["metric"]):
        figures.append(
            Drawing(
                f"robustness-{metric}", f"Robustness, {metric}", "shifts",
                partial(robustness_heatmap, metric=metric, note=note), lambda: table, "robustness",
                rows=("metric", metric),
            )
        )  # fmt: skip
    for shift in names if len(names) <= _FEW_SHIFTS else []:
        figures.append(
            Drawing(
                f"robustness-{shift}", f"Robustness, {shift}", "shifts",
                partial(robustness_curve, shift=shift, note=note), lambda: table, "robustness",
                rows=(schema.SHIFT, shift),
            )
        )  # fmt: skip
    return figures


def _curves(scope: Scope) -> list[Drawing]:
    known, note = set(scope.curves["metric"]), scope.note()
    # The noise floor is a single value, shown in the figure of PIE shares.
    return [
        Drawing(
            f"curve-{metric.replace('_', '-')}", QUANTITIES[metric], "curves",
            partial(metric_curve, metric=metric, note=note), lambda: scope.curves, "curves",
            rows=("metric", metric),
        )
        for metric in QUANTITIES
        if metric in known and metric != "noise_floor_share"
    ]  # fmt: skip


def _heatmap(classes: pd.DataFrame, *, note: str) -> go.Figure:
    n = classes[schema.CLASS_ID].nunique()
    if n > MANY_CLASSES:
        classes = most_changed(classes, _MOST_CHANGED)
        note = f"The {_MOST_CHANGED} classes of {n:,} that changed most. {note}"
    return class_heatmap(classes, note=note)


def _breaking_points(scope: Scope) -> list[Drawing]:
    """One figure, if a method was swept over sparsities."""
    table, note = scope.results.breaking_points(), scope.note()
    if table.empty:
        return []
    draw = partial(breaking_points, note=note)
    return [
        Drawing(
            "breaking-points", "Breaking points", "pies", draw, lambda: table, "breaking_points"
        )
    ]


def _studies(scope: Scope) -> list[Drawing]:
    """One figure a study with answers."""
    shares, note = scope.table("annotation-shares"), scope.note()
    return [
        Drawing(
            f"human-shares-{study}", f"What people see, {study}", "people",
            lambda rows, study=study: human_shares(rows[rows["study"] == study], note=note),  # type: ignore[misc]
            lambda: shares, "annotation_shares", rows=("study", study),
        )
        for study in dict.fromkeys(shares["study"])
    ]  # fmt: skip


def _of_variant(scope: Scope, variant_id: str) -> list[Drawing]:
    results, note = scope.results, scope.note(variant_id)
    many = len(results.class_names) > MANY_CLASSES
    columns = ["is_pie", "dense_modal_label", "modal_label"]

    def impact(classes: pd.DataFrame) -> go.Figure:
        top = _EACH_END if many else None
        return class_impact(classes, rule=usual_rule(classes), top=top, note=note)

    figures = [
        Drawing(
            f"class-impact-{variant_id}", f"Class impact, {variant_id}", variant_id, impact,
            partial(results.classes, variant_id), "classes", (variant_id,),
        ),
        Drawing(
            f"not-worse-{variant_id}", f"Loss ruled out, {variant_id}", variant_id,
            partial(not_worse, note=note), partial(results.classes, variant_id), "classes",
            (variant_id,),
        ),
        Drawing(
            f"confusion-flow-{variant_id}", f"Confusion flow, {variant_id}", variant_id,
            partial(confusion_flow, class_names=results.class_names, note=note),
            partial(results.images, variant_id, columns=columns), "images", (variant_id,),
            named={"columns": columns},
        ),
    ]  # fmt: skip
    if len(set(results.manifest.dataset.train_counts or ())) > 1:
        figures.append(
            Drawing(
                f"long-tail-{variant_id}", f"Long tail, {variant_id}", variant_id,
                lambda classes: long_tail(classes, scope.summary, note=note),
                partial(results.classes, variant_id), "classes", (variant_id,),
            )
        )  # fmt: skip
    figures.append(
        Drawing(
            f"cascade-{variant_id}", f"Cascade, {variant_id}", variant_id,
            partial(cascade, note=note), partial(results.cascade, variant_id), "cascade",
            (variant_id,),
        )
    )  # fmt: skip
    layers = partial(results.layers, variant_id)
    if not layers().empty:
        figures.append(
            Drawing(
                f"layers-{variant_id}", f"Culprit layers, {variant_id}", variant_id,
                partial(culprit_layers, note=note), layers, "layers", (variant_id,),
            )
        )  # fmt: skip
    return figures + _of_attributes(scope, variant_id)


def _of_attributes(scope: Scope, variant_id: str) -> list[Drawing]:
    """Figures of the metadata of one variant: values, numbers, and one pair of models."""
    results, note = scope.results, scope.note(variant_id)
    kinds = results.attribute_kinds()
    figures = []
    if kinds["categorical"].any():
        values = partial(results.attributes, variant_id)
        figures.append(
            Drawing(
                f"risk-difference-{variant_id}", f"PIEs added, by value, {variant_id}", variant_id,
                partial(risk_difference, note=note), values, "attributes", (variant_id,),
            )
        )  # fmt: skip
        if results.manifest.is_single(variant_id):
            figures.append(
                Drawing(
                    f"attribute-pairs-{variant_id}", f"Accuracy by value, {variant_id}", variant_id,
                    partial(attribute_pairs, note=note),
                    partial(results.attribute_pairs, variant_id), "attribute_pairs", (variant_id,),
                )
            )  # fmt: skip
        figures.append(
            Drawing(
                f"over-representation-{variant_id}", f"Over-representation, {variant_id}",
                variant_id, partial(over_representation, note=note),
                values, "attributes", (variant_id,),
            )
        )  # fmt: skip
    numeric = kinds.loc[kinds["numeric"].astype(bool) & ~kinds["is_id"], "attribute"].tolist()
    figures += [
        Drawing(
            f"deciles-{stem}-{variant_id}", f"PIE excess by {one_line(attribute)}, {variant_id}",
            variant_id, partial(deciles, note=note),
            partial(results.attribute_deciles, variant_id, attribute=attribute),
            "attribute_deciles", (variant_id,), named={"attribute": attribute},
        )
        for attribute, stem in zip(numeric, _stems(numeric), strict=True)
    ]  # fmt: skip
    return figures


def _stems(names: Sequence[str]) -> list[str]:
    """Turn names of attributes, which may hold any character, into distinct parts of file names."""
    stems: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_+-]+", "-", name)[:_LONGEST].strip("-") or "attribute"
        stem, n = plain, 1
        while stem in stems:
            n += 1
            stem = f"{plain}-{n}"
        stems.append(stem)
    return stems
