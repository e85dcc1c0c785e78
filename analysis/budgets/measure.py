"""Measurements of the quantities of limits, from the tables of a sweep."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from analysis import schema
from analysis.budgets.budget import NOT_WORSE, Limit, Subgroups
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.results import SweepResults
from analysis.stats.classes import ALPHA
from analysis.stats.multiple import holm
from analysis.stats.pairs import paired_rows
from analysis.stats.two_sample import paired, welch

_NOTHING = 1e-12
_OF_RUNS = {"top1_drop": ("top1", -1), "top5_drop": ("top5", -1), "ece_increase": ("ece", 1)}


@dataclass(frozen=True)
class Measured:
    """A number, of which larger is worse, with its uncertainty; unknown values are NaN.

    ``low`` and ``high`` are a 95 % interval; ``p`` and ``q`` those of a class, ``seed_p`` the
    one-sided p of the permutation test over runs. ``floor`` is the value that it
    significantly exceeds, corrected for many; ``bound`` its one-sided 95 % upper bound.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    q: float = math.nan
    seed_p: float = math.nan
    where: str = ""
    floor: float = math.nan
    bound: float = math.nan


def measure(results: SweepResults, variant_id: str, limit: Limit) -> list[Measured]:
    """Measure the quantity of a limit for one variant; several numbers if any may breach it.

    Raises
    ------
    UserError
        The sweep has no such class or attribute.
    """
    if limit.rule in _OF_RUNS:
        return [_of_runs(results, variant_id, *_OF_RUNS[limit.rule])]
    if limit.rule in ("recall_drop", "classes"):
        return of_classes(results, variant_id, limit.class_name)
    if limit.rule == NOT_WORSE:
        return of_losses(results, variant_id, is_named=limit.is_named)
    if limit.rule == "robustness_drop":
        return of_shifts(results, variant_id)
    if limit.subgroups is not None:
        return _of_subgroups(results, variant_id, limit.subgroups)
    summary = results.summary()
    row = summary[summary[schema.VARIANT_ID] == variant_id].iloc[0]
    if limit.rule == "pie_excess":
        return [
            Measured(
                number(row["pie_excess"]),
                number(row["pie_excess_low"]),
                number(row["pie_excess_high"]),
                seed_p=number(row["seed_p_holm"]),
            )
        ]
    return [Measured(number(row[limit.rule]))]


def _of_runs(results: SweepResults, variant_id: str, metric: str, sign: int) -> Measured:
    """Change of a mean over runs, with Welch's interval, or the paired one for paired runs.

    Paired runs whose partner is missing are left out. For single models the interval of top-1 is
    over images.
    """
    pair = results.pairs(variant_id) if metric == "top1" else pd.DataFrame()
    if len(pair):
        return _turned(pair.iloc[0], "top1_delta")
    runs = results.runs()
    dense = runs[runs[schema.VARIANT_ID] == DENSE_ID]
    variant = runs[runs[schema.VARIANT_ID] == variant_id]
    x, y = (sign * part[metric].to_numpy(np.float64)[:, None] for part in (variant, dense))
    if results.manifest.variant(variant_id).paired:
        of_dense, of_variant = paired_rows(
            tuple(dense[schema.SEED]), tuple(variant[schema.SEED]), paired=True
        )
        test = paired(x[of_variant], y[of_dense])
    else:
        test = welch(x, y)
    return Measured(float(test.difference[0]), float(test.low[0]), float(test.high[0]))


def of_classes(results: SweepResults, variant_id: str, name: str | None) -> list[Measured]:
    """Excess gap of every class, or of one: -D with its interval over runs and images.

    For one class p is uncorrected. For the largest of all, p and the floor are corrected over all
    tests of the sweep (Holm, Bonferroni), as q is (Benjamini-Hochberg).

    Parameters
    ----------
    results : SweepResults
        The results of the sweep.
    variant_id : str
        The variant.
    name : str, optional
        The class; all by default.

    Raises
    ------
    UserError
        The sweep has no such class.
    """
    table = results.classes()
    table = table.assign(holm_sweep=holm(table["p_two_way"].to_numpy(np.float64)))
    n_tests = max(int(table["p_two_way"].notna().sum()), 1)
    classes = table[table[schema.VARIANT_ID] == variant_id]
    if name is not None:
        check_class(results, name)
        classes = classes[classes[schema.CLASS_NAME] == name]
    many = name is None
    losses = []
    for row in classes.to_dict("records"):
        if not row["n_images"] and many:
            continue
        margin = _margin(row["df_two_way"], n_tests)
        loss = -number(row["normalized_recall_delta"])
        where = str(row[schema.CLASS_NAME])
        if math.isnan(margin) and abs(loss) < _NOTHING and row["n_images"] > 1:
            # Nothing changed, so there is no interval and nothing can be significant.
            losses.append(Measured(loss, p=1.0, q=1.0, where=where, floor=loss))
            continue
        losses.append(
            Measured(
                loss,
                -number(row["ci_high_two_way"]),
                -number(row["ci_low_two_way"]),
                p=number(row["holm_sweep" if many else "p_two_way"]),
                q=number(row["q_sweep"]),
                where=where,
                floor=loss - margin * number(row["se_two_way"]) if many else math.nan,
            )
        )
    return losses


def of_losses(results: SweepResults, variant_id: str, *, is_named: bool) -> list[Measured]:
    """Loss of recall of every class with its one-sided upper bound.

    Parameters
    ----------
    results : SweepResults
        The results of the sweep.
    variant_id : str
        The variant.
    is_named : bool
        Whether each class is to be shown safe by itself: bounds at .05 / C.
    """
    column = "loss_upper_named" if is_named else "loss_upper"
    classes = results.classes(variant_id)
    return [
        Measured(
            -number(row["recall_delta"]), bound=number(row[column]),
            where=str(row[schema.CLASS_NAME]),
        )
        for row in classes.to_dict("records")
        if row["n_images"]
    ]  # fmt: skip


def check_class(results: SweepResults, name: str) -> None:
    """Check that a class exists.

    Raises
    ------
    UserError
        It does not exist; the message lists the classes.
    """
    names = results.class_names
    if name not in names:
        shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
        raise UserError(f"the budget names an unknown class '{name}'; expected one of {shown}")


def of_shifts(results: SweepResults, variant_id: str) -> list[Measured]:
    """Relative top-1 accuracy under every shift, dense minus variant.

    The largest counts: p and the floor are corrected over all variants and shifts of the sweep
    (Holm, Bonferroni), as q is (Benjamini-Hochberg).

    Parameters
    ----------
    results : SweepResults
        The results of the sweep.
    variant_id : str
        The variant.
    """
    table = results.robustness()
    table = table[table["metric"] == "top1"]
    tested = np.where(table["degenerate"], np.nan, table["p"].to_numpy(np.float64))
    table = table.assign(p=holm(tested), q=np.where(np.isnan(tested), np.nan, table["q"]))
    n_tests = max(int((~np.isnan(tested)).sum()), 1)
    return [
        _turned(
            row,
            "difference",
            p=number(row["p"]),
            q=number(row["q"]),
            where=str(row[schema.SHIFT]),
            floor=_above(row, n_tests),
        )
        for row in table[table[schema.VARIANT_ID] == variant_id].to_dict("records")
    ]


def _above(row: Mapping[Hashable, Any], n_tests: int) -> float:
    """Value that a loss under one of many shifts significantly exceeds; NaN without an interval."""
    loss, half = -number(row["difference"]), (number(row["ci_high"]) - number(row["ci_low"])) / 2
    return loss - half * _margin(row["df"], n_tests) / _margin(row["df"], 1)


def _margin(df: Any, n_tests: int) -> float:
    """Half width, in standard errors, of an interval for so many tests at once (Bonferroni)."""
    return float(stdtrit(number(df), 1 - ALPHA / 2 / n_tests))


def _turned(row: Mapping[Hashable, Any], name: str, **known: Any) -> Measured:
    """Turn a signed change and its interval into a loss."""
    low, high = -number(row["ci_high"]), -number(row["ci_low"])
    return Measured(-number(row[name]), low, high, **known)


def _of_subgroups(results: SweepResults, variant_id: str, subgroups: Subgroups) -> list[Measured]:
    """Rise of FPR and FNR within every subgroup."""
    table = results.subgroups(variant_id, by=subgroups.by, positive=subgroups.positive)
    rises = []
    for rate, counted in (("fpr", "n_negative"), ("fnr", "n_positive")):
        if subgroups.rate not in ("both", rate):
            continue
        rows = table[table[counted] >= subgroups.min_images]
        rise = rows[f"{rate}_change"] if subgroups.change == "relative" else _rise(rows, rate)
        rises += [
            Measured(number(value), where=f"{rate.upper()} of {class_name}, {attribute} = {one}")
            for value, class_name, attribute, one in zip(
                rise, rows[schema.CLASS_NAME], rows["attribute"], rows["value"], strict=True
            )
        ]
    return rises


def _rise(rows: pd.DataFrame, rate: str) -> pd.Series:
    return rows[rate] - rows[f"dense_{rate}"]


def number(value: Any) -> float:
    """Return a number of a table, NaN for null."""
    return math.nan if value is None or pd.isna(value) else float(value)
