"""Formatting of the outcome of a check: text for a terminal, Markdown, or JSON."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from analysis.budgets.budget import RULES, Budget, Limit
from analysis.budgets.evaluate import Verdict, is_held
from analysis.presentation.formatting import one_line

FORMATS = ("text", "markdown", "json")
HEADER = ("verdict", "variant", "rule", "measured", "budget", "95 % interval", "judge", "note")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&@$])")


def written(verdicts: Sequence[Verdict], budget: Budget, *, sweep: str, format: str) -> str:
    """Format the outcome of a check as ``text``, ``markdown`` or ``json``.

    Raises
    ------
    ValueError
        The format is unknown.
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
    if format == "json":
        return _json(verdicts, budget, sweep)
    rows = [tuple(map(one_line, cells(one, budget))) for one in verdicts]
    outcome = _outcome(verdicts, budget, one_line(sweep))
    if format == "markdown":
        marked = [HEADER, ("---",) * len(HEADER), *(tuple(map(_plain, row)) for row in rows)]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in marked)
        return f"**{_plain(outcome)}**\n\n{table}"
    widths = [max(len(row[i]) for row in (HEADER, *rows)) for i in range(len(HEADER))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (HEADER, *rows)
    ]
    return "\n".join([*lines, "", outcome])


def _outcome(verdicts: Sequence[Verdict], budget: Budget, sweep: str) -> str:
    count = {word: sum(one.verdict == word for one in verdicts) for word in ("breach", "untested")}
    word = "within its budget" if is_held(verdicts, budget) else "over its budget"
    untested = ""
    if count["untested"]:
        counts_as = "allowed" if budget.allow_untested else "each counts as a breach"
        untested = f", {count['untested']} could not be tested ({counts_as})"
    breaches = f"{count['breach']} breach{'' if count['breach'] == 1 else 'es'}"
    return f"{sweep} is {word}: {breaches} of {len(verdicts)} limits{untested}"


def cells(one: Verdict, budget: Budget) -> tuple[str, ...]:
    """Format one limit as the cells of a row: verdict, variant, rule, measured, budget, ….

    Parameters
    ----------
    one : Verdict
        The verdict on the limit.
    budget : Budget
        The whole budget, with the setting for untested limits.
    """
    limit = one.limit
    interval = "" if math.isnan(one.low) else f"{100 * one.low:+.2f} to {100 * one.high:+.2f}"
    mark = one.verdict.upper() if one.verdict == "breach" else one.verdict
    if one.verdict == "untested" and not budget.allow_untested:
        mark = "UNTESTED"
    return (
        mark, one.variant_id, _name(one), _value(one.measured, limit), _value(limit.max, limit),
        interval, limit.judge, one.note,
    )  # fmt: skip


def _name(one: Verdict) -> str:
    limit = one.limit
    rule = limit.rule
    if limit.subgroups is not None:
        rule += f" by {' & '.join(limit.subgroups.by)}, {limit.subgroups.change}"
    return f"{rule}: {one.where}" if one.where else rule


def _value(value: float, limit: Limit) -> str:
    if math.isnan(value):
        return "–"
    unit = RULES[limit.rule].unit
    if unit == "bytes":
        return f"{value:,.0f} B"
    is_share = unit == "share" or (limit.subgroups and limit.subgroups.change == "relative")
    return f"{round(100 * value, 2) + 0.0:.2f} {'%' if is_share else 'points'}"


def _plain(text: str) -> str:
    """Escape text so that Markdown shows it literally, HTML included."""
    return _MARKUP.sub(r"\\\1", text)


def _json(verdicts: Sequence[Verdict], budget: Budget, sweep: str) -> str:
    def known(value: float) -> float | None:
        return None if math.isnan(value) else value

    def row(one: Verdict) -> dict[str, Any]:
        return {
            "verdict": one.verdict,
            "variant_id": one.variant_id,
            "rule": one.limit.rule,
            "where": one.where or one.limit.class_name,
            "by": list(one.limit.subgroups.by) if one.limit.subgroups else None,
            "measured": known(one.measured),
            "budget": one.limit.max,
            "ci_low": known(one.low),
            "ci_high": known(one.high),
            "upper_bound": known(one.bound),
            "is_named": one.limit.is_named,
            "judge": one.limit.judge,
            "note": one.note or None,
        }

    outcome = {
        "sweep": sweep,
        "is_held": is_held(verdicts, budget),
        "allow_untested": budget.allow_untested,
        "verdicts": [row(one) for one in verdicts],
    }
    return json.dumps(outcome, indent=1, ensure_ascii=False, allow_nan=False)
