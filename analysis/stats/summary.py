"""One row a variant: what compression cost overall, on PIEs and beyond the noise floor."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis import schema
from analysis.stats.accuracy import mean_interval
from analysis.stats.classes import impacted
from analysis.stats.modal import FloatArray
from analysis.stats.noise import NoiseFloor, excess_interval
from analysis.stats.pie import KINDS


@dataclass(frozen=True)
class VariantResults:
    """What the summary of one variant is made of; ``half_frequency`` is None without two halves."""

    images: pd.DataFrame
    classes: pd.DataFrame
    half_frequency: FloatArray | None
    paired: bool


def summary_row(
    variant_id: str, runs: pd.DataFrame, results: VariantResults | None, floor: NoiseFloor | None
) -> dict[str, Any]:
    """Summary of one variant; ``results`` is None for dense, whose PIE columns are null.

    Shares are 0..1. ``pie_share_half`` is the PIE share of halves, like for like with
    ``noise_floor_share``; ``pie_excess`` is their difference with a 95 % interval over images. The
    accuracies on PIEs and non-PIEs are means over the runs; ``dense_top1_on_aa_pies`` is the same
    property of the A/A PIEs of the dense halves, the figure any claim is held against.
    """
    top1, top5 = mean_interval(runs["top1"]), mean_interval(runs["top5"])
    first = runs.iloc[0]
    row: dict[str, Any] = dict.fromkeys(schema.SUMMARY_COLUMNS)
    row |= {
        schema.VARIANT_ID: variant_id,
        schema.METHOD: first[schema.METHOD],
        schema.TARGET_SPARSITY: first[schema.TARGET_SPARSITY],
        schema.SPARSITY: runs[schema.SPARSITY].mean(),
        "n_runs": len(runs),
        "top1_mean": top1.mean,
        "top1_std": top1.std,
        "top5_mean": top5.mean,
        "ece_mean": runs["ece"].mean(),
        "size_bytes": runs["size_bytes"].median(),
        "latency_ms": runs["latency_ms"].median(),
        "noise_floor_share": floor.share if floor else None,
        "dense_top1_on_aa_pies": floor.dense_top1_on_aa_pies if floor else None,
    }
    if results is not None:
        row |= _pie_columns(results.images) | _class_columns(results.classes)
        row |= {"paired": results.paired} | _excess_columns(results.half_frequency, floor)
    return row


def _pie_columns(images: pd.DataFrame) -> dict[str, Any]:
    pie = images["is_pie"].to_numpy()
    kinds = images["kind"].value_counts()
    accuracy, dense = images["accuracy"].to_numpy(), images["dense_accuracy"].to_numpy()
    return {
        "n_pies": int(pie.sum()),
        "pie_share": float(pie.mean()),
        "n_tied": int((images["tied"] | images["dense_tied"]).sum()),
        **{f"n_{kind}": int(kinds.get(kind, 0)) for kind in KINDS},
        "dense_top1_on_pies": _mean(dense[pie]),
        "dense_top1_on_non_pies": _mean(dense[~pie]),
        "top1_on_pies": _mean(accuracy[pie]),
        "top1_on_non_pies": _mean(accuracy[~pie]),
    }


def _class_columns(classes: pd.DataFrame) -> dict[str, Any]:
    if classes["p"].isna().all():
        return {}
    return {f"n_impacted_{rule}": int(impacted(classes, rule).sum()) for rule in ("p", "q")}


def _excess_columns(half: FloatArray | None, floor: NoiseFloor | None) -> dict[str, Any]:
    if half is None or floor is None:
        return {}
    excess, low, high = excess_interval(half, floor.frequency)
    return {
        "pie_share_half": float(half.mean()),
        "pie_excess": excess,
        "pie_excess_low": low,
        "pie_excess_high": high,
    }


def _mean(values: Any) -> float | None:
    return float(np.mean(values)) if len(values) else None
