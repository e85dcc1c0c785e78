"""The table of variants: what each cost, on the whole and beyond seed noise."""

from typing import Any

import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.manifest import Manifest
from analysis.wording import NOTHING, count, is_missing, percent, points, size

HELP = {
    "Runs": "Finished runs of those asked, one a seed.",
    "Top-1": "Accuracy; of several runs their mean and standard deviation.",
    "PIEs": "Images whose modal label, of one run its prediction, differs from that of dense; "
    "share of all images.",
    "Noise floor": "PIE share between random halves of the dense runs: what seeds alone make.",
    "PIE excess": "PIE share of halves minus the noise floor, in percentage points, with the 95 % "
    "interval over images. Zero within the interval: not told from seed noise.",
    "Classes, p": "Classes that moved against overall accuracy at p ≤ 0.05, the paper's rule; one "
    "in twenty does by chance.",
    "Classes, q": "The same at q ≤ 0.05 (Benjamini-Hochberg).",
    "Latency": "Median forward pass of one image.",
}


def variant_table(summary: pd.DataFrame, manifest: Manifest) -> pd.DataFrame:
    """Write the summary for reading: one row a variant, text in every cell.

    Parameters
    ----------
    summary
        The summary table.
    manifest
        Says how many runs were asked.
    """
    return pd.DataFrame([_row(row, manifest) for row in summary.to_dict("records")])


def _row(row: dict[str, Any], manifest: Manifest) -> dict[str, str]:
    n_runs, asked = int(row["n_runs"]), len(manifest.seeds)
    spread = "" if is_missing(row["top1_std"]) else f" ± {100 * row['top1_std']:.2f}"
    return {
        "Variant": row[schema.VARIANT_ID],
        "Runs": str(n_runs) if n_runs >= asked else f"{n_runs} of {asked}",
        "Top-1": f"{100 * row['top1_mean']:.2f}{spread} %",
        "Top-5": percent(row["top5_mean"], 2),
        "PIEs": _pies(row),
        "Noise floor": percent(row["noise_floor_share"]),
        "PIE excess": _excess(row),
        "Classes, p": count(row["n_impacted_p"]),
        "Classes, q": count(row["n_impacted_q"]),
        "Size": size(row["size_bytes"]),
        "Latency": NOTHING if is_missing(row["latency_ms"]) else f"{row['latency_ms']:.3g} ms",
    }


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
