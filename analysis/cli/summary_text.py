"""The summary of a sweep as a Markdown table, for terminals and documents."""

from typing import Any

import pandas as pd

from analysis.one_pair import MORE_RUNS

_NOTHING = "–"


def summary_text(summary: pd.DataFrame) -> str:
    """Write the summary as Markdown; shares in percent, the excess with its 95 % interval."""
    header = (
        "variant", "runs", "top-1 %", "PIEs (% of images)", "tied", "floor %", "halves %",
        "excess, points [95 %]", "impacted p / q", "dense on PIEs %", "on A/A PIEs %",
        "on non-PIEs %",
    )  # fmt: skip
    rows = [header, ("---", *["---:"] * (len(header) - 1))]
    rows += [_cells(row) for row in summary.to_dict("records")]
    return _markdown(rows)


def pairs_text(pairs: pd.DataFrame, summary: pd.DataFrame) -> str:
    """Write variants of one run each as Markdown, and what more runs would give; empty without."""
    if pairs.empty:
        return ""
    header = (
        "one run each", "forgotten", "recovered", "changed", "top-1, points [95 %]",
        "McNemar's p", "KL from dense, nats",
    )  # fmt: skip
    counts = summary.set_index("variant_id")
    rows = [header, ("---", *["---:"] * (len(header) - 1))]
    for row in pairs.to_dict("records"):
        of = counts.loc[row["variant_id"]]
        low, high = row["ci_low"], row["ci_high"]
        kl = row["kl_from_dense"]
        rows.append(
            (
                row["variant_id"],
                *(_whole(of[name]) for name in ("n_forgotten", "n_recovered", "n_changed")),
                f"{100 * row['top1_delta']:+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]",
                f"{row['mcnemar_p']:.2g}",
                _NOTHING if pd.isna(kl) else f"{kl:.3g}",
            )
        )
    return f"{_markdown(rows)}\n\n{MORE_RUNS}"


def _markdown(rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _cells(row: dict[Any, Any]) -> tuple[str, ...]:
    return (
        row["variant_id"],
        str(row["n_runs"]),
        _joined(" ± ", _percent(row["top1_mean"], 2), _percent(row["top1_std"], 2)),
        _with_share(row["n_pies"], row["pie_share"]),
        _whole(row["n_tied"]),
        _percent(row["noise_floor_share"], 2),
        _percent(row["pie_share_half"], 2),
        _excess(row),
        _joined(" / ", _whole(row["n_impacted_p"]), _whole(row["n_impacted_q"])),
        _percent(row["dense_top1_on_pies"]),
        _percent(row["dense_top1_on_aa_pies"]),
        _percent(row["dense_top1_on_non_pies"]),
    )


def _percent(value: Any, digits: int = 1) -> str:
    return _NOTHING if pd.isna(value) else f"{100 * value:.{digits}f}"


def _whole(value: Any) -> str:
    return _NOTHING if pd.isna(value) else f"{int(value):,}"


def _with_share(count: Any, share: Any) -> str:
    return _NOTHING if pd.isna(count) else f"{int(count):,} ({100 * share:.2f})"


def _joined(between: str, first: str, second: str) -> str:
    return first if second == _NOTHING else f"{first}{between}{second}"


def _excess(row: dict[Any, Any]) -> str:
    if pd.isna(row["pie_excess"]):
        return _NOTHING
    low, high = row["pie_excess_low"], row["pie_excess_high"]
    return f"{100 * row['pie_excess']:+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]"
