"""Evaluation of a sweep against a budget: one verdict per limit and variant."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.budgets.budget import NOT_WORSE, Budget, Limit
from analysis.budgets.measure import Measured, check_class, measure
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.results import SweepResults
from analysis.stats.classes import ALPHA

_ORDER = ("breach", "untested", "pass")
_ROUNDING = 1e-12
_NAMED = 3
_TAKES = "that needs at least two runs of dense and of the variant, and some that differ"
_WHY_UNTESTED = {
    "point": "the value is unknown",
    "significant": f"no interval: {_TAKES}",
    "assured": f"no interval: {_TAKES}",
    "p": f"no test: {_TAKES}",
    "q": f"no test: {_TAKES}",
    "seeds": f"no test over runs: {_TAKES}",
    "bound": "no bound: no class has two images",
}


@dataclass(frozen=True)
class Verdict:
    """The verdict on one limit for one variant; unknown numbers are NaN.

    ``bound`` is the one-sided 95 % upper bound of ``not_worse``. ``where`` names the class or
    subgroup of the number; ``note`` explains the verdict.
    """

    variant_id: str
    limit: Limit
    verdict: Literal["breach", "untested", "pass"]
    measured: float = math.nan
    low: float = math.nan
    high: float = math.nan
    where: str = ""
    note: str = ""
    bound: float = math.nan


def check(
    results: SweepResults, budget: Budget, variant_ids: Sequence[str] | None = None
) -> list[Verdict]:
    """Compare variants with a budget; breaches come first, then untested limits.

    Parameters
    ----------
    results : SweepResults
        The results of the sweep.
    budget : Budget
        The limits, from :func:`read_budget`.
    variant_ids : sequence of str, optional
        The variants to check; all compressed ones by default.

    Raises
    ------
    UserError
        A variant, class or attribute does not exist, no limit applies, or there is no dense run.
    """
    manifest = results.manifest
    for name in (*budget.variants, *(variant_ids or ())):
        manifest.variant(name)
        if name == DENSE_ID:
            raise UserError("'dense' is the baseline of the budget; name a compressed variant")
    if DENSE_ID not in results.variant_ids:
        raise UserError(f"sweep '{manifest.name}' has no dense run done, so nothing can be checked")
    variants = variant_ids or [v.variant_id for v in manifest.variants if v.variant_id != DENSE_ID]
    verdicts = [
        _verdict(results, variant_id, limit)
        for variant_id in dict.fromkeys(variants)
        for limit in budget.limits(variant_id)
    ]
    if not verdicts:
        raise UserError("the budget has no rule for any variant that is checked")
    return sorted(verdicts, key=lambda one: _ORDER.index(one.verdict))


def is_held(verdicts: Sequence[Verdict], budget: Budget) -> bool:
    """Whether nothing breaches the budget; untested limits do unless the budget allows them."""
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
        notes = [_bound(worst, limit), _others([one.where for _, one in over[1:]])]
        return Verdict(
            variant_id, limit, "breach", worst.value, worst.low, worst.high, worst.where,
            "; ".join(filter(None, notes)), worst.bound,
        )  # fmt: skip
    if limit.rule == NOT_WORSE and len(known) < len(judged):
        unknown = [one.where for one, excess in judged if math.isnan(excess)]
        note = f"no bound for {', '.join(unknown[:_NAMED])}: it takes two images"
        return Verdict(variant_id, limit, "untested", note=note)
    worst = max((one for one, _ in known), key=_upper if limit.rule == NOT_WORSE else _size)
    note = _bound(worst, limit) if _is_counted(worst, limit) else "not significant"
    return Verdict(
        variant_id,
        limit,
        "pass",
        worst.value,
        worst.low,
        worst.high,
        worst.where,
        note,
        worst.bound,
    )


def _excess(one: Measured, limit: Limit) -> float:
    """Return how far a number exceeds its limit, by the limit's rule; NaN if untested."""
    if limit.judge == "bound":
        return one.bound - limit.max
    if limit.judge == "significant":
        return (one.low if math.isnan(one.floor) else one.floor) - limit.max
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


def _upper(one: Measured) -> float:
    return one.bound


def _bound(one: Measured, limit: Limit) -> str:
    """Describe the loss that is ruled out, for a limit on bounds."""
    if limit.rule != NOT_WORSE:
        return ""
    level = "one class of all" if limit.is_named else "all classes"
    return f"at most {100 * one.bound:.2f} points (one-sided 95 %, {level})"


def _others(names: list[str]) -> str:
    if not names:
        return ""
    rest = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"also over it: {', '.join(names[:_NAMED])}{rest}"
