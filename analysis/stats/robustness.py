"""Robustness: how much of its clean accuracy a variant keeps under a shift, against dense."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis import schema
from analysis.stats.accuracy import top_k
from analysis.stats.modal import IntArray
from analysis.stats.ttest import FloatArray, welch


@dataclass(frozen=True)
class Scored:
    """What a population did on one set of images: ``prediction`` [K, N], ``label`` [N].

    ``true_rank`` [K, N] is needed for top-5 alone; None where it is not known.
    """

    prediction: IntArray
    label: IntArray
    true_rank: Any = None

    def accuracy(self, metric: str) -> FloatArray:
        """Accuracy of every run, 0..1, shape (K,): ``top1`` or ``top5``."""
        if metric == "top1":
            return np.asarray((self.prediction == self.label).mean(axis=1))
        if self.true_rank is None:
            return np.full(len(self.prediction), np.nan)
        return top_k(self.true_rank, 5)


def robustness(
    variant_id: str,
    *,
    clean: Scored,
    shifted: Scored,
    dense_clean: Scored,
    dense_shifted: Scored,
) -> pd.DataFrame:
    """Relative accuracy under a shift, ``acc shifted / acc clean``, of a variant and of dense.

    Each run is divided by its own clean accuracy. ``relative`` and ``dense_relative`` are means
    over runs, ``difference`` the first minus the second with Welch's 95 % interval and p:
    negative where the variant keeps less of its accuracy than dense does.

    Parameters
    ----------
    clean, shifted, dense_clean, dense_shifted : Scored
        Row k of ``shifted`` is the same run as row k of ``clean``; the images may be others.

    Returns
    -------
    DataFrame
        Two rows, ``top1`` and ``top5``. A run without clean accuracy (0 or unknown) has no
        relative one and is left out; ``n_runs`` and ``dense_n_runs`` count those that remain.

    Raises
    ------
    ValueError
        Clean and shifted have not the same number of runs.

    Notes
    -----
    Source: Hooker et al. 2019, corruption sensitivity relative to dense.
    """
    rows = []
    for metric in ("top1", "top5"):
        after, before = _kept(clean, shifted, metric), _kept(dense_clean, dense_shifted, metric)
        test = (
            welch(after.relative[:, None], before.relative[:, None])
            if (len(after.relative) and len(before.relative))
            else None
        )
        rows.append(
            {
                schema.VARIANT_ID: variant_id,
                "metric": metric,
                "clean": after.clean,
                "shifted": after.shifted,
                "relative": _mean(after.relative),
                "dense_clean": before.clean,
                "dense_shifted": before.shifted,
                "dense_relative": _mean(before.relative),
                "n_runs": len(after.relative),
                "dense_n_runs": len(before.relative),
            }
        )
        if test is not None:
            rows[-1] |= {
                "difference": test.difference[0],
                "ci_low": test.low[0],
                "ci_high": test.high[0],
                "p": test.p[0],
            }
    return pd.DataFrame(rows, columns=list(schema.ROBUSTNESS_COLUMNS))


@dataclass(frozen=True)
class _Kept:
    relative: FloatArray
    clean: float
    shifted: float


def _kept(clean: Scored, shifted: Scored, metric: str) -> _Kept:
    before, after = clean.accuracy(metric), shifted.accuracy(metric)
    if len(before) != len(after):
        raise ValueError("expected the same runs on clean and on shifted images")
    known = (before > 0) & ~np.isnan(after)
    relative = after[known] / before[known]
    return _Kept(relative, _mean(before[known]), _mean(after[known]))


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else np.nan
