"""One row a variant: what compression cost overall, on PIEs and beyond the noise floor."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis import schema
from analysis.stats.accuracy import mean_interval
from analysis.stats.classes import impacted
from analysis.stats.excess import excess_over_images
from analysis.stats.intensification import Intensification
from analysis.stats.long_tail import LongTail
from analysis.stats.pairs import Flips
from analysis.stats.pie import KINDS
from analysis.stats.rates import rate_change
from analysis.stats.seed_noise import NoiseFloor
from analysis.stats.splits import sample_images
from analysis.stats.spread import spread
from analysis.stats.votes import BoolArray, FloatArray

_COUNTED = ("n_score_tied", "n_no_answer", "n_outside")
_RATES = ("dense_fpr", "dense_fnr", "fpr", "fnr")
_ADDED = ("dense_top1", "top1", "dense_entropy")
_IMPACTED = {"n_impacted_p": "p", "n_impacted_q": "q_two_way", "n_impacted_holm": "holm"}


@dataclass(frozen=True)
class VariantResults:
    """Everything that the summary of one variant needs; without halves ``half_frequency`` is None.

    ``entropy`` [N] is the vote entropy of the dense runs, ``kl_from_dense`` the mean over images
    and paired runs in nats, None where nothing is paired. ``tied_with_truth`` [N] says where the
    true class shares the top score of the variant's only run; None with several. ``long_tail``
    is None with too few runs, or no training counts.
    """

    images: pd.DataFrame
    classes: pd.DataFrame
    half_frequency: FloatArray | None
    paired: bool
    entropy: FloatArray
    flips: Flips
    intensification: Intensification | None
    kl_from_dense: float | None
    tied_with_truth: BoolArray | None = None
    long_tail: LongTail | None = None


def summary_row(
    variant_id: str, runs: pd.DataFrame, results: VariantResults | None, floor: NoiseFloor | None
) -> dict[str, Any]:
    """Summary of one variant; ``results`` is None for dense, whose PIE columns are null.

    Shares are 0..1. ``pie_share_half`` is the PIE share of halves, like for like with
    ``noise_floor_share``; ``pie_excess`` is their difference, ``pie_excess_images_low`` and
    ``..._high`` its 95 % interval over images alone (that over runs and images, and the test over
    seeds, are filled in by :func:`with_inference`);
    ``class_spread_p`` is the Q test that the classes' deltas differ at all. The
    accuracies on PIEs and non-PIEs are means over the runs, ``..._on_random`` those on a fixed
    random sample of as many images as there are PIEs. ``n_score_tied``, ``n_no_answer`` and
    ``n_outside`` count predictions of all runs; ``n_forgotten_tied``, of a single run, the
    forgotten images whose true class shares the top score. Any set of images chosen by
    disagreement is hard: ``..._on_half_pies`` (PIEs of variant halves) stands like for like with
    ``..._on_aa_pies`` (A/A PIEs of the dense halves, which seed noise alone makes), both pooled
    over the splits, and a claim rests on their difference. Entropies are of dense votes, in nats.

    Parameters
    ----------
    variant_id : str
        The variant.
    runs : DataFrame
        Its rows of the runs table.
    results : VariantResults, optional
        What was computed against dense; None for dense itself.
    floor : NoiseFloor, optional
        The noise floor; None with a single dense run.
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
        "top1_ci_low": top1.low,
        "top1_ci_high": top1.high,
        "top5_mean": top5.mean,
        "ece_mean": runs["ece"].mean(),
        "size_bytes": runs["size_bytes"].median(),
        "latency_ms": runs["latency_ms"].median(),
        **{name: runs[name].sum(min_count=1) for name in _COUNTED},
        "noise_floor_share": floor.share if floor else None,
        "dense_top1_on_aa_pies": floor.dense_top1_on_aa_pies if floor else None,
    }
    if results is not None:
        row |= _pie_columns(results.images) | class_scalars(results.classes)
        row |= {"paired": results.paired} | _excess_columns(results.half_frequency, floor)
        row |= _hardness_columns(results, floor) | _single_run_columns(results)
        row |= _long_tail_columns(results.long_tail)
        if results.tied_with_truth is not None:
            forgotten = (results.images["kind"] == "forgotten").to_numpy()
            row["n_forgotten_tied"] = int((forgotten & results.tied_with_truth).sum())
    return row


def _pie_columns(images: pd.DataFrame) -> dict[str, Any]:
    pie = images["is_pie"].to_numpy()
    kinds = images["kind"].value_counts()
    accuracy, dense = images["accuracy"].to_numpy(), images["dense_accuracy"].to_numpy()
    sample = sample_images(len(pie), int(pie.sum()))
    return {
        "n_pies": int(pie.sum()),
        "pie_share": float(pie.mean()),
        **{f"share_{kind}": kinds.get(kind, 0) / len(pie) for kind in KINDS},
        "dense_top1_on_random": _mean(dense[sample]),
        "top1_on_random": _mean(accuracy[sample]),
        "n_tied": int((images["tied"] | images["dense_tied"]).sum()),
        **{f"n_{kind}": int(kinds.get(kind, 0)) for kind in KINDS},
        "dense_top1_on_pies": _mean(dense[pie]),
        "dense_top1_on_non_pies": _mean(dense[~pie]),
        "top1_on_pies": _mean(accuracy[pie]),
        "top1_on_non_pies": _mean(accuracy[~pie]),
    }


def class_scalars(classes: pd.DataFrame) -> dict[str, Any]:
    """CEV, SDE, impacted classes and spread of the deltas: the columns of the summary on classes.

    Parameters
    ----------
    classes : DataFrame
        The classes table of one variant.
    """
    rates = rate_change(*(classes[name].to_numpy() for name in _RATES))
    columns: dict[str, Any] = {
        "cev": rates.cev,
        "sde": rates.sde,
        "n_classes_left_out": rates.n_left_out,
    }
    for name, column in _IMPACTED.items():
        if classes[column].notna().any():
            columns[name] = int(impacted(classes, column).sum())
    deltas = spread(
        classes["normalized_recall_delta"].to_numpy(np.float64),
        classes["se_two_way"].to_numpy(np.float64),
        classes["n_images"].to_numpy(np.int64),
    )
    columns["class_spread"], columns["class_spread_p"] = np.sqrt(deltas.variance), deltas.p
    return columns


def _hardness_columns(results: VariantResults, floor: NoiseFloor | None) -> dict[str, Any]:
    pie, entropy = results.images["is_pie"].to_numpy(), results.entropy
    columns = {
        "dense_entropy_on_pies": _mean(entropy[pie]),
        "dense_entropy_on_non_pies": _mean(entropy[~pie]),
    }
    if floor is None:
        return columns
    properties = {
        "dense_top1": results.images["dense_accuracy"].to_numpy(),
        "top1": results.images["accuracy"].to_numpy(),
        "dense_entropy": entropy,
    }
    for name, values in properties.items():
        here = values[floor.sample]
        columns[f"{name}_on_aa_pies"] = _weighted(here, floor.frequency)
        if results.half_frequency is not None:
            columns[f"{name}_on_half_pies"] = _weighted(here, results.half_frequency)
    return columns


def _single_run_columns(results: VariantResults) -> dict[str, Any]:
    columns: dict[str, Any] = {schema.KL_FROM_DENSE: results.kl_from_dense}
    if results.flips.n_pairs:
        columns["flips_to_wrong"] = _mean(results.flips.to_wrong)
        columns["flips_to_right"] = _mean(results.flips.to_right)
    if results.intensification is not None:
        columns["intensification"] = results.intensification.slope
        columns["intensification_dense"] = results.intensification.dense_slope
    return columns


def _excess_columns(half: FloatArray | None, floor: NoiseFloor | None) -> dict[str, Any]:
    if half is None or floor is None:
        return {}
    excess, low, high = excess_over_images(half, floor.frequency)
    return {
        "pie_share_half": float(half.mean()),
        "pie_excess": excess,
        "pie_excess_images_low": low,
        "pie_excess_images_high": high,
    }


def _long_tail_columns(tail: LongTail | None) -> dict[str, Any]:
    if tail is None:
        return {}
    return {
        "long_tail_slope": tail.slope,
        "long_tail_low": tail.low,
        "long_tail_high": tail.high,
        "long_tail_p": tail.p,
        "long_tail_classes": tail.n_classes,
    }


def with_inference(summary: pd.DataFrame, inference: pd.DataFrame) -> pd.DataFrame:
    """Fill in the inference for other seeds: intervals of the excess, tests, and what is added.

    ``dense_top1_on_added``, ``top1_on_added`` and ``dense_entropy_on_added`` are means over the
    images that compression adds to the PIEs of seeds; null unless ``pie_excess_low`` > 0.

    Parameters
    ----------
    summary : DataFrame
        One row a variant, as of :func:`summary_row`.
    inference : DataFrame
        ``variant_id pie_excess_low pie_excess_high seed_p seed_p_holm`` of some variants.
    """
    rows = inference.set_index(schema.VARIANT_ID).reindex(summary[schema.VARIANT_ID])
    columns: dict[str, Any] = {name: rows[name].to_numpy() for name in rows.columns}
    is_more = rows["pie_excess_low"].to_numpy(np.float64) > 0
    half, floor = (
        summary[name].to_numpy(np.float64) for name in ("pie_share_half", "noise_floor_share")
    )
    for name in _ADDED:
        on_half, on_aa = (
            summary[f"{name}_on_{group}"].to_numpy(np.float64) for group in ("half_pies", "aa_pies")
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            added = (on_half * half - np.nan_to_num(on_aa) * floor) / (half - floor)
        columns[f"{name}_on_added"] = np.where(is_more, added, np.nan)
    return summary.assign(**columns)


def _weighted(values: FloatArray, weight: FloatArray) -> float | None:
    return float((weight * values).sum() / weight.sum()) if weight.any() else None


def _mean(values: Any) -> float | None:
    return float(np.mean(values)) if len(values) else None
