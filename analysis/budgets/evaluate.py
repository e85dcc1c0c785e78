"""Judge a sweep by a budget.

Measure each limit in the tables, give one verdict a limit and variant.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis import schema
from analysis.budgets.budget import Budget, Limit, Subgroups
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.results import SweepResults
from analysis.stats.classes import ALPHA
from analysis.stats.pairs import paired_rows
from analysis.stats.t_tests import paired, welch

_OF_RUNS = {"top1_drop": ("top1", -1), "top5_drop": ("top5", -1), "ece_increase": ("ece", 1)}


@dataclass(frozen=True)
class Measured:
    """One number, larger is worse, and what is known of it; NaN where nothing is.

    ``low`` and ``high`` are a 95 % interval; ``p`` and ``q`` those of a class, ``seed_p`` the
    one-sided p of the permutation test over runs.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    q: float = math.nan
    seed_p: float = math.nan
    where: str = ""


def measure(results: SweepResults, variant_id: str, limit: Limit) -> list[Measured]:
    """Measure what a limit names, of one variant; several numbers where any of them may breach it.

    Raises
    ------
    UserError
        The sweep has no such class or attribute.
    """
    if limit.rule in _OF_RUNS:
        return [_of_runs(results, variant_id, *_OF_RUNS[limit.rule])]
    if limit.rule in ("recall_drop", "classes"):
        return _of_classes(results, variant_id, limit.class_name)
    if limit.rule == "robustness_drop":
        return _of_shifts(results, variant_id)
    if limit.subgroups is not None:
        return _of_subgroups(results, variant_id, limit.subgroups)
    summary = results.summary()
    row = summary[summary[schema.VARIANT_ID] == variant_id].iloc[0]
    if limit.rule == "pie_excess":
        seed_p = results.seed_test(variant_id)["p"].iloc[0] if limit.judge == "seeds" else None
        return [
            Measured(
                _number(row["pie_excess"]),
                _number(row["pie_excess_low"]),
                _number(row["pie_excess_high"]),
                seed_p=_number(seed_p),
            )
        ]
    return [Measured(_number(row[limit.rule]))]


def _of_runs(results: SweepResults, variant_id: str, metric: str, sign: int) -> Measured:
    """Change of a mean over runs, with Welch's interval, the paired one where seeds tie the runs.

    Paired runs whose partner is missing are left out of both. Of single models top-1 has the
    interval over images.
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


def _of_classes(results: SweepResults, variant_id: str, name: str | None) -> list[Measured]:
    """Excess gap of every class, or of one: -D with its interval turned around."""
    classes = results.classes(variant_id)
    if name is not None:
        check_class(results, name)
        classes = classes[classes[schema.CLASS_NAME] == name]
    return [
        _turned(
            row,
            "normalized_recall_delta",
            # Of single models there is McNemar's test, of the change of recall itself.
            p=_number(row["mcnemar_p" if pd.isna(row["p"]) else "p"]),
            q=_number(row["mcnemar_q" if pd.isna(row["q"]) else "q"]),
            where=str(row[schema.CLASS_NAME]),
        )
        for row in classes.to_dict("records")
        if row["n_images"] or name is not None
    ]


def check_class(results: SweepResults, name: str) -> None:
    """See that a class is there.

    Raises
    ------
    UserError
        It is not; the message lists those that are.
    """
    names = results.class_names
    if name not in names:
        shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
        raise UserError(f"the budget names a class '{name}' that is not there; there: {shown}")


def _of_shifts(results: SweepResults, variant_id: str) -> list[Measured]:
    """Share of its clean top-1 accuracy that a variant keeps less than dense, under every shift."""
    table = results.robustness(variant_id)
    return [
        _turned(
            row,
            "difference",
            p=_number(None if row["degenerate"] else row["p"]),
            q=_number(None if row["degenerate"] else row["q"]),
            where=str(row[schema.SHIFT]),
        )
        for row in table[table["metric"] == "top1"].to_dict("records")
    ]


def _turned(row: Mapping[Hashable, Any], name: str, **known: Any) -> Measured:
    """A loss from a signed change and its interval: both turned around."""
    low, high = -_number(row["ci_high"]), -_number(row["ci_low"])
    return Measured(-_number(row[name]), low, high, **known)


def _of_subgroups(results: SweepResults, variant_id: str, asked: Subgroups) -> list[Measured]:
    """Rise of FPR and FNR within every subgroup."""
    table = results.subgroups(variant_id, by=asked.by, positive=asked.positive)
    found = []
    for rate, counted in (("fpr", "n_negative"), ("fnr", "n_positive")):
        if asked.rate not in ("both", rate):
            continue
        rows = table[table[counted] >= asked.min_images]
        rise = rows[f"{rate}_change"] if asked.change == "relative" else _rise(rows, rate)
        found += [
            Measured(_number(value), where=f"{rate.upper()} of {class_name}, {attribute} = {one}")
            for value, class_name, attribute, one in zip(
                rise, rows[schema.CLASS_NAME], rows["attribute"], rows["value"], strict=True
            )
        ]
    return found


def _rise(rows: pd.DataFrame, rate: str) -> pd.Series:
    return rows[rate] - rows[f"dense_{rate}"]


def _number(value: Any) -> float:
    return math.nan if value is None or pd.isna(value) else float(value)


_ORDER = ("breach", "untested", "pass")
_ROUNDING = 1e-12
_NAMED = 3
_WHY_UNTESTED = {
    "point": "it is not known",
    "significant": "no interval: that needs at least two runs of dense and of the variant",
    "assured": "no interval: that needs at least two runs of dense and of the variant",
    "p": "no test: that needs at least two runs of dense and of the variant",
    "q": "no test: that needs at least two runs of dense and of the variant",
    "seeds": "no test over runs: that needs at least two runs of dense and of the variant",
}


@dataclass(frozen=True)
class Verdict:
    """What became of one limit for one variant; numbers are NaN where they are unknown.

    ``where`` names the class or subgroup of the number, ``note`` what else is to be said.
    """

    variant_id: str
    limit: Limit
    verdict: Literal["breach", "untested", "pass"]
    measured: float = math.nan
    low: float = math.nan
    high: float = math.nan
    where: str = ""
    note: str = ""


def check(
    results: SweepResults, budget: Budget, variant_ids: Sequence[str] | None = None
) -> list[Verdict]:
    """Compare variants, all by default, with a budget; breaches first, then what is untested.

    Parameters
    ----------
    results : SweepResults
        The results of the sweep.
    budget : Budget
        The limits, from :func:`read_budget`.
    variant_ids : sequence of str, optional
        The variants to judge; all compressed ones by default.

    Raises
    ------
    UserError
        A variant, class or attribute is not there, no limit applies, or there are no dense runs.
    """
    manifest = results.manifest
    for name in (*budget.variants, *(variant_ids or ())):
        manifest.variant(name)
        if name == DENSE_ID:
            raise UserError("'dense' is what the budget is compared with; name another variant")
    if DENSE_ID not in results.variant_ids:
        raise UserError(f"sweep '{manifest.name}' has no dense run done, so nothing can be checked")
    asked = variant_ids or [v.variant_id for v in manifest.variants if v.variant_id != DENSE_ID]
    verdicts = [
        _verdict(results, variant_id, limit)
        for variant_id in dict.fromkeys(asked)
        for limit in budget.limits(variant_id)
    ]
    if not verdicts:
        raise UserError("the budget has no rule for any variant that is checked")
    return sorted(verdicts, key=lambda one: _ORDER.index(one.verdict))


def is_held(verdicts: Sequence[Verdict], budget: Budget) -> bool:
    """Whether nothing breaches the budget; what is untested does unless the budget allows it."""
    refused = {"breach"} if budget.allow_untested else {"breach", "untested"}
    return not any(one.verdict in refused for one in verdicts)


def _verdict(results: SweepResults, variant_id: str, limit: Limit) -> Verdict:
    if limit.class_name is not None:
        check_class(results, limit.class_name)
    if variant_id not in results.compressed_ids:
        where = limit.class_name or ""
        note = "no run of this variant is done"
        return Verdict(variant_id, limit, "untested", where=where, note=note)
    measured = measure(results, variant_id, limit)
    judged = [(one, _excess(one, limit)) for one in measured]
    known = [(one, excess) for one, excess in judged if not math.isnan(excess)]
    if not known:
        if limit.rule == "robustness_drop" and not measured:
            note = "no run of this variant and of dense is predicted on a shift"
            return Verdict(variant_id, limit, "untested", note=note)
        first = max(measured, key=_size, default=Measured(math.nan))
        note = _WHY_UNTESTED["point" if math.isnan(first.value) else limit.judge]
        where = first.where if limit.class_name is not None else ""
        value = first.value if limit.class_name is not None or len(measured) == 1 else math.nan
        return Verdict(variant_id, limit, "untested", value, where=where, note=note)
    over = sorted(((e, one) for one, e in known if e > _ROUNDING), key=lambda pair: -pair[0])
    if over:
        worst = over[0][1]
        return Verdict(
            variant_id, limit, "breach", worst.value, worst.low, worst.high, worst.where,
            _others([one.where for _, one in over[1:]]),
        )  # fmt: skip
    worst = max((one for one, _ in known), key=_size)
    note = "" if _is_counted(worst, limit) else "not significant"
    return Verdict(variant_id, limit, "pass", worst.value, worst.low, worst.high, worst.where, note)


def _excess(one: Measured, limit: Limit) -> float:
    """How far a number lies above its limit, judged as the limit says; NaN where it cannot be."""
    if limit.judge == "significant":
        return one.low - limit.max
    if limit.judge == "assured":
        return one.high - limit.max
    p = _p(one, limit)
    if limit.judge != "point" and math.isnan(p):
        return math.nan
    return one.value - limit.max if _is_counted(one, limit) else -math.inf


def _p(one: Measured, limit: Limit) -> float:
    return {"p": one.p, "q": one.q, "seeds": one.seed_p}.get(limit.judge, math.nan)


def _is_counted(one: Measured, limit: Limit) -> bool:
    return limit.judge not in ("p", "q", "seeds") or _p(one, limit) <= ALPHA


def _size(one: Measured) -> float:
    return -math.inf if math.isnan(one.value) else one.value


def _others(names: list[str]) -> str:
    if not names:
        return ""
    rest = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"also over it: {', '.join(names[:_NAMED])}{rest}"
