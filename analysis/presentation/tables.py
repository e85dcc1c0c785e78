"""Tables formatted for reading: the summary, variants, and single models beside dense."""

from typing import Any

import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.p_values import short_p
from analysis.presentation.formatting import NOTHING, count, is_missing, percent, points, size
from analysis.presentation.glossary import TERMS
from analysis.presentation.pair_findings import MORE_RUNS
from analysis.store.manifest import Manifest


def summary_text(summary: pd.DataFrame) -> str:
    """Format the summary as Markdown; shares in percent, the excess with its 95 % interval."""
    header = (
        "variant", "runs", "top-1 %", "PIEs (% of images)", "tied", "floor %", "halves %",
        "excess, points [95 %]", "p, seeds", "impacted p / q", "dense on PIEs %", "on A/A PIEs %",
        "on non-PIEs %",
    )  # fmt: skip
    rows = [header, ("---", *["---:"] * (len(header) - 1))]
    rows += [_cells(row) for row in summary.to_dict("records")]
    return _markdown(rows)


_COUNTS = ("n_forgotten", "n_forgotten_tied", "n_recovered", "n_changed")


def pairs_text(pairs: pd.DataFrame, summary: pd.DataFrame) -> str:
    """Format variants of one run each as Markdown, with a note on more runs; empty without any."""
    if pairs.empty:
        return ""
    header = (
        "one run each", "forgotten", "of them tied", "recovered", "changed", "top-1, points [95 %]",
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
                *(count(of[name]) for name in _COUNTS),
                f"{100 * row['top1_delta']:+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]",
                f"{row['mcnemar_p']:.2g}",
                NOTHING if pd.isna(kl) else f"{kl:.3g}",
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
        count(row["n_tied"]),
        _percent(row["noise_floor_share"], 2),
        _percent(row["pie_share_half"], 2),
        _excess_cell(row),
        _p(row),
        _joined(" / ", count(row["n_impacted_p"]), count(row["n_impacted_q"])),
        _percent(row["dense_top1_on_pies"]),
        _percent(row["dense_top1_on_aa_pies"]),
        _percent(row["dense_top1_on_non_pies"]),
    )


def _percent(value: Any, digits: int = 1) -> str:
    return NOTHING if pd.isna(value) else f"{100 * value:.{digits}f}"


def _with_share(n: Any, share: Any) -> str:
    return NOTHING if pd.isna(n) else f"{int(n):,} ({100 * share:.2f})"


def _joined(between: str, first: str, second: str) -> str:
    return first if second == NOTHING else f"{first}{between}{second}"


def _excess_cell(row: dict[Any, Any]) -> str:
    if pd.isna(row["pie_excess"]):
        return NOTHING
    low, high = row["pie_excess_low"], row["pie_excess_high"]
    interval = "" if pd.isna(low) else f" [{100 * low:+.2f}, {100 * high:+.2f}]"
    return f"{100 * row['pie_excess']:+.2f}{interval}"


PAIR_HELP = {
    "Top-1, points": "Change of top-1 accuracy against dense, in percentage points.",
    "95 % interval": "Of that change, over images, with these two models (Bonett and Price 2012).",
    "McNemar's p": "Exact test over the images that flip, for each model on its own.",
    "To wrong": "Images that dense is right on and the model is not.",
    "To right": "Images that the model is right on and dense is not.",
    "KL, nats": "Mean KL divergence of the model's outputs from those of dense.",
}


def pair_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Format the pairs table for reading: one row a variant, text in every cell.

    Parameters
    ----------
    pairs : DataFrame
        The pairs table.
    """
    return pd.DataFrame([_pair_row(row) for row in pairs.to_dict("records")])


def _pair_row(row: dict[Any, Any]) -> dict[str, str]:
    kl = row[schema.KL_FROM_DENSE]
    return {
        "Variant": str(row[schema.VARIANT_ID]),
        "Top-1, points": points(row["top1_delta"], 2),
        "95 % interval": f"{points(row['ci_low'], 2)} to {points(row['ci_high'], 2)}",
        "McNemar's p": f"{row['mcnemar_p']:.2g}",
        "To wrong": count(row["flips_to_wrong"]),
        "To right": count(row["flips_to_right"]),
        "KL, nats": NOTHING if is_missing(kl) else f"{kl:.3g}",
    }


VARIANT_HELP = {
    "Runs": "Finished runs of those planned, one a seed.",
    "Top-1": "Accuracy; of several runs their mean and standard deviation.",
    "PIEs": f"{TERMS['PIE']} Of one run its prediction counts. Share of all images.",
    "Noise floor": TERMS["Noise floor"],
    "PIE excess": f"{TERMS['PIE excess']} Percentage points, with the 95 % interval over runs and "
    "images.",
    "p, seeds": "Permutation test over runs: whether other seeds make as many PIEs; one-sided, "
    "Holm over the variants.",
    "Classes, p": "Classes that moved against overall accuracy for other seeds on these images at "
    "p ≤ 0.05, the paper's rule; one in twenty does by chance.",
    "Classes, q": "Classes that moved for other seeds and other images, at q ≤ 0.05 "
    "(Benjamini-Hochberg).",
    "Tied scores": "Predictions of all runs whose top score several classes share.",
    "Forgotten, tied": "Forgotten images of the one run whose top score the true class shares.",
    "No answer": "Predictions of all runs whose scores are not all finite: counted as wrong.",
    "Latency": "Median forward pass of one image.",
}


_OF_SCORES = {
    "Tied scores": "n_score_tied",
    "Forgotten, tied": "n_forgotten_tied",
    "No answer": "n_no_answer",
}


def variant_table(summary: pd.DataFrame, manifest: Manifest) -> pd.DataFrame:
    """Format the summary for reading: one row a variant, text in every cell.

    Parameters
    ----------
    summary
        The summary table.
    manifest
        Has the number of planned runs.
    """
    table = pd.DataFrame([_variant_row(row, manifest) for row in summary.to_dict("records")])
    # Columns on scores only if they have something to show.
    unused = [name for name in _OF_SCORES if table[name].isin([NOTHING, "0"]).all()]
    return table.drop(columns=unused)


def _variant_row(row: dict[str, Any], manifest: Manifest) -> dict[str, str]:
    n_runs, n_planned = int(row["n_runs"]), len(manifest.seeds)
    spread = "" if is_missing(row["top1_std"]) else f" ± {100 * row['top1_std']:.2f}"
    return {
        "Variant": row[schema.VARIANT_ID],
        "Runs": str(n_runs) if n_runs >= n_planned else f"{n_runs} of {n_planned}",
        "Top-1": f"{100 * row['top1_mean']:.2f}{spread} %",
        "Top-5": percent(row["top5_mean"], 2),
        "PIEs": _pies(row),
        "Noise floor": percent(row["noise_floor_share"]),
        "PIE excess": _excess(row),
        "p, seeds": _p(row),
        "Classes, p": count(row["n_impacted_p"]),
        "Classes, q": count(row["n_impacted_q"]),
        **{name: count(row[column]) for name, column in _OF_SCORES.items()},
        "Size": size(row["size_bytes"]),
        "Latency": NOTHING if is_missing(row["latency_ms"]) else f"{row['latency_ms']:.3g} ms",
    }


def _p(row: dict[str, Any]) -> str:
    p = row.get("seed_p_holm")
    return NOTHING if is_missing(p) else short_p(float(p))  # type: ignore[arg-type]


def _pies(row: dict[str, Any]) -> str:
    if row[schema.VARIANT_ID] == DENSE_ID or is_missing(row["n_pies"]):
        return NOTHING
    return f"{count(row['n_pies'])} ({percent(row['pie_share'])})"


def _excess(row: dict[str, Any]) -> str:
    if is_missing(row["pie_excess"]):
        return NOTHING
    interval = (
        f" ({points(row['pie_excess_low'])} to {points(row['pie_excess_high'])})"
        if not is_missing(row["pie_excess_low"])
        else ""
    )
    return f"{points(row['pie_excess'])}{interval}"
