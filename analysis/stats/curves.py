"""Every figure of merit against sparsity: one row a variant and metric, with 95 % intervals."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.stats.accuracy import mean_interval

METRICS = (
    "top1", "top5", "ece", "pie_share", "noise_floor_share", "top1_on_pies", "top1_on_non_pies",
    "agreement", "size_bytes", "latency_ms",
)  # fmt: skip
_PER_RUN = ("top1", "top5", "ece", "size_bytes", "latency_ms")


def accuracy_on(
    correct: npt.NDArray[np.bool_], chosen: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Accuracy of every run on chosen images, 0..1, shape (K,); NaN where none is chosen.

    Parameters
    ----------
    correct : bool array, shape (K, N)
    chosen : bool array, shape (N,)
    """
    if not chosen.any():
        return np.full(len(correct), np.nan)
    return correct[:, chosen].mean(axis=1)


def curve_rows(
    summary: dict[str, Any],
    runs: pd.DataFrame,
    *,
    agreement: float,
    on_pies: npt.NDArray[np.float64] | None = None,
    on_non_pies: npt.NDArray[np.float64] | None = None,
) -> list[dict[str, Any]]:
    """Curve rows of one variant, one a metric that is known for it.

    Metrics measured on every run carry standard deviation (n - 1) and the 95 % t interval over
    runs; those of the population as a whole (``pie_share``, ``noise_floor_share``, ``agreement``)
    have a mean alone.

    Parameters
    ----------
    summary, runs
        The variant's summary row and its rows of the runs table.
    agreement : float
        Mean agreement over images, 0..1.
    on_pies, on_non_pies : float arrays, shape (K,)
        Accuracy of the variant's runs on its PIEs and non-PIEs; None for dense.
    summary : DataFrame
        The summary row of the variant.
    runs : DataFrame
        Its rows of the runs table.
    """
    per_run: dict[str, Any] = {metric: runs[metric] for metric in _PER_RUN}
    if on_pies is not None and on_non_pies is not None:
        per_run |= {"top1_on_pies": on_pies, "top1_on_non_pies": on_non_pies}
    population = {
        "pie_share": summary["pie_share"],
        "noise_floor_share": summary["noise_floor_share"],
        "agreement": agreement,
    }
    rows = []
    for metric in METRICS:
        if metric in per_run:
            rows.append(curve_row(summary, metric, per_run[metric]))
        elif (
            metric in population
            and population[metric] is not None
            and not np.isnan(population[metric])
        ):
            rows.append(_row(summary, metric, population[metric], len(runs)))
    return [row for row in rows if row is not None]


def curve_row(summary: dict[str, Any], metric: str, per_run: Any) -> dict[str, Any] | None:
    """Curve row of a metric measured on every run; None where no run has it.

    Parameters
    ----------
    summary
        The variant's summary row.
    per_run : array, shape (K,)
        The metric of each run, NaN if unknown.
    metric : str
        Name of the metric.
    """
    values = pd.Series(per_run).dropna()
    if values.empty:
        return None
    interval = mean_interval(values)
    return _row(summary, metric, interval.mean, len(values)) | {
        "std": interval.std,
        "ci_low": interval.low,
        "ci_high": interval.high,
    }


def curve_table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Join the curve rows of all variants: the columns of ``export curves``.

    Parameters
    ----------
    rows : iterable of dict
        Rows of :func:`curve_row`.
    """
    return pd.DataFrame(list(rows), columns=list(schema.CURVES_COLUMNS))


def _row(summary: dict[str, Any], metric: str, mean: Any, n_runs: int) -> dict[str, Any]:
    return {
        schema.METHOD: summary[schema.METHOD],
        schema.TARGET_SPARSITY: summary[schema.TARGET_SPARSITY],
        schema.SPARSITY: summary[schema.SPARSITY],
        "metric": metric,
        "mean": mean,
        "n_runs": n_runs,
    }
