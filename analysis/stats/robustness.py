"""Robustness: how much of its clean accuracy a variant keeps under a shift, against dense."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.stats.accuracy import mean_interval, top_k
from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.two_sample import TTest, paired, welch
from analysis.stats.votes import FloatArray, IntArray

METRICS = ("top1", "top5")
Pairs = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


@dataclass(frozen=True)
class RunAccuracy:
    """Accuracy of every run of a population on some images, 0..1, shape (K,) each.

    ``top5`` is NaN where no ranks are known.
    """

    top1: FloatArray
    top5: FloatArray

    def of(self, metric: str) -> FloatArray:
        """Accuracy of every run, shape (K,): ``top1`` or ``top5``.

        Parameters
        ----------
        metric : {"top1", "top5"}
            Which accuracy.
        """
        return self.top1 if metric == "top1" else self.top5


def run_accuracy(prediction: IntArray, label: IntArray, true_rank: Any = None) -> RunAccuracy:
    """Accuracy of every run, 0..1.

    Parameters
    ----------
    prediction : integer array, shape (K, N)
    label : integer array, shape (N,)
    true_rank : array, shape (K, N), optional
        Needed for top-5 alone.
    """
    top1 = np.asarray((prediction == label).mean(axis=1))
    top5 = np.full(len(prediction), np.nan) if true_rank is None else top_k(true_rank, 5)
    return RunAccuracy(top1, top5)


def robustness(
    variant_id: str,
    shift: str,
    *,
    clean: RunAccuracy,
    shifted: RunAccuracy,
    dense_clean: RunAccuracy,
    dense_shifted: RunAccuracy,
    pairs: Pairs | None = None,
) -> pd.DataFrame:
    """Relative accuracy under a shift, ``acc shifted / acc clean``, of a variant and of dense.

    Each run is divided by its own clean accuracy. ``relative`` and ``dense_relative`` are means
    over runs with their 95 % t intervals, ``difference`` the first minus the second with its 95 %
    interval and p: negative where the variant keeps less of its accuracy than dense does. The test
    is Welch's; of runs that are tied to dense ones it is the paired t over those pairs, since what
    a seed does to both then cancels.

    Parameters
    ----------
    clean, shifted, dense_clean, dense_shifted : RunAccuracy
        Element k of ``shifted`` is the same run as element k of ``clean``; the images may be
        others.
    pairs : (integer array, integer array), optional
        Places of the tied runs: in the variant's arrays, and in those of dense.
    variant_id : str
        The variant that the rows are of.
    shift : str
        Name of the shift.

    Returns
    -------
    DataFrame
        Two rows, ``top1`` and ``top5``; q is null. A run without clean accuracy (0 or unknown) has
        no relative one and is left out; ``n_runs`` and ``dense_n_runs`` count those that remain.
        ``degenerate`` marks p = 0 because no run of either differs from another.

    Raises
    ------
    ValueError
        Clean and shifted have not the same number of runs.

    Notes
    -----
    Source: Hooker et al. 2019, corruption sensitivity relative to dense.
    """
    rows = []
    for metric in METRICS:
        after, before = _kept(clean, shifted, metric), _kept(dense_clean, dense_shifted, metric)
        test = _test(after, before, pairs)
        own, dense = mean_interval(after.relative), mean_interval(before.relative)
        rows.append(
            {
                schema.VARIANT_ID: variant_id,
                schema.SHIFT: shift,
                "metric": metric,
                "clean": after.clean,
                "shifted": after.shifted,
                "relative": own.mean,
                "relative_low": own.low,
                "relative_high": own.high,
                "dense_clean": before.clean,
                "dense_shifted": before.shifted,
                "dense_relative": dense.mean,
                "dense_relative_low": dense.low,
                "dense_relative_high": dense.high,
                "n_runs": after.n_runs,
                "dense_n_runs": before.n_runs,
                "degenerate": test is not None and bool(test.degenerate[0]),
                "test": "welch" if pairs is None else "paired",
            }
        )
        if test is not None:
            rows[-1] |= {
                "difference": test.difference[0],
                "ci_low": test.low[0],
                "ci_high": test.high[0],
                "p": test.p[0],
                "df": test.df[0],
            }
    return pd.DataFrame(rows, columns=list(schema.ROBUSTNESS_COLUMNS))


def with_q(table: pd.DataFrame) -> pd.DataFrame:
    """Add Benjamini-Hochberg's q over all variants and shifts of each metric.

    Parameters
    ----------
    table : DataFrame
        The robustness table.
    """
    q = pd.Series(np.nan, index=table.index)
    for _, rows in table.groupby("metric"):
        q[rows.index] = benjamini_hochberg(rows["p"].to_numpy(np.float64))
    return table.assign(q=q)


@dataclass(frozen=True)
class _Kept:
    """Relative accuracy of every run, NaN where it has none; mean accuracies of the others."""

    relative: FloatArray
    clean: float
    shifted: float

    @property
    def known(self) -> FloatArray:
        return self.relative[~np.isnan(self.relative)]

    @property
    def n_runs(self) -> int:
        return len(self.known)


def _kept(clean: RunAccuracy, shifted: RunAccuracy, metric: str) -> _Kept:
    before, after = clean.of(metric), shifted.of(metric)
    if len(before) != len(after):
        raise ValueError("expected the same runs on clean and on shifted images")
    known = (before > 0) & ~np.isnan(after)
    relative = np.full(len(before), np.nan)
    relative[known] = after[known] / before[known]
    return _Kept(relative, _mean(before[known]), _mean(after[known]))


def _test(after: _Kept, before: _Kept, pairs: Pairs | None) -> TTest | None:
    """Test the difference; None where either side has no run."""
    if not after.n_runs or not before.n_runs:
        return None
    if pairs is None:
        return welch(after.known[:, None], before.known[:, None])
    x, y = after.relative[pairs[0]], before.relative[pairs[1]]
    both = ~np.isnan(x) & ~np.isnan(y)
    return paired(x[both, None], y[both, None])


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else np.nan
