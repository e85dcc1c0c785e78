"""False breaches of budgets in sweeps without any effect."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from analysis import schema
from analysis.budgets.measure import Measured, of_classes, of_shifts
from analysis.stats.classes import ALPHA
from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.two_way import TwoWay
from benchmarks.calibration.worlds import Counts

TESTED = ("significant", "p", "q")
JUDGES = (*TESTED, "point", "assured")


class _Sweep:
    """The part of a sweep's results that a limit on classes reads."""

    def __init__(self, classes: pd.DataFrame) -> None:
        self._classes = classes

    def classes(self) -> pd.DataFrame:
        """Return the table of classes of all variants."""
        return self._classes


class _Shifted:
    """The part of a sweep's results that a limit under shifts reads."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table

    def robustness(self) -> pd.DataFrame:
        """Return the table of robustness of all variants."""
        return self._table


def breaches(tests: Sequence[TwoWay], n_images: Counts) -> dict[str, bool]:
    """Return by judge whether a class of any variant breaches ``recall_drop = 0``."""
    n = len(n_images)
    table = pd.concat(
        pd.DataFrame(
            {
                # One name, so that all variants are judged at once.
                schema.VARIANT_ID: "any",
                schema.CLASS_NAME: np.arange(n).astype(str),
                "n_images": n_images,
                "normalized_recall_delta": test.difference,
                "se_two_way": test.se,
                "df_two_way": test.df,
                "p_two_way": test.p,
                "ci_low_two_way": test.low,
                "ci_high_two_way": test.high,
            }
        )
        for test in tests
    )
    table["q_sweep"] = benjamini_hochberg(table["p_two_way"].to_numpy(np.float64))
    sweep = cast(Any, _Sweep(table))
    breached = dict.fromkeys(JUDGES, False)
    for measured in of_classes(sweep, "any", None):
        _judge(breached, measured)
    return breached


def promised_rate(judge: str) -> str:
    """Return the rate of false breaches that a judge promises; without a test it has none."""
    return "at most .05" if judge in TESTED else "not promised"


def _judge(breached: dict[str, bool], measured: Measured) -> None:
    """Record which judges see a breach of a limit of 0 in this number."""
    breached["significant"] |= measured.floor > 0
    breached["p"] |= measured.value > 0 and measured.p <= ALPHA
    breached["q"] |= measured.value > 0 and measured.q <= ALPHA
    breached["point"] |= measured.value > 0
    breached["assured"] |= measured.high > 0


def shift_breaches(table: pd.DataFrame) -> dict[str, bool]:
    """Return by judge whether any variant breaches ``robustness_drop = 0`` under any shift.

    Parameters
    ----------
    table : DataFrame
        Robustness of all variants of a sweep.
    """
    sweep = cast(Any, _Shifted(table))
    breached = dict.fromkeys(JUDGES, False)
    for variant_id in table[schema.VARIANT_ID].unique():
        for measured in of_shifts(sweep, variant_id):
            _judge(breached, measured)
    return breached
