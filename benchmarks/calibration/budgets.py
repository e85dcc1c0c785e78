"""Whether a sweep without effects breaches a budget on its largest class."""

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
    """What a limit on classes reads of the results of a sweep."""

    def __init__(self, classes: pd.DataFrame) -> None:
        self._classes = classes

    def classes(self) -> pd.DataFrame:
        """Classes of all variants."""
        return self._classes


class _Shifted:
    """What a limit under shifts reads of the results of a sweep."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table

    def robustness(self) -> pd.DataFrame:
        """Robustness of all variants."""
        return self._table


def breaches(tests: Sequence[TwoWay], n_images: Counts) -> dict[str, bool]:
    """Whether any variant has a class that breaches ``recall_drop = 0``, by each judge."""
    n = len(n_images)
    whole = pd.concat(
        pd.DataFrame(
            {
                # One name for all, so that all are judged at once.
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
    whole["q_sweep"] = benjamini_hochberg(whole["p_two_way"].to_numpy(np.float64))
    sweep = cast(Any, _Sweep(whole))
    found = dict.fromkeys(JUDGES, False)
    for one in of_classes(sweep, "any", None):
        _judge(found, one)
    return found


def asked_of(judge: str) -> str:
    """Say what false breaches a judge promises: one that tests nothing promises nothing."""
    return "at most .05" if judge in TESTED else "not promised"


def _judge(found: dict[str, bool], one: Measured) -> None:
    """Note what a limit of 0 on this number would be breached by."""
    found["significant"] |= one.floor > 0
    found["p"] |= one.value > 0 and one.p <= ALPHA
    found["q"] |= one.value > 0 and one.q <= ALPHA
    found["point"] |= one.value > 0
    found["assured"] |= one.high > 0


def shift_breaches(table: pd.DataFrame) -> dict[str, bool]:
    """Whether any variant breaches ``robustness_drop = 0`` under any shift, by each judge.

    Parameters
    ----------
    table : DataFrame
        Robustness of all variants of a sweep.
    """
    sweep = cast(Any, _Shifted(table))
    found = dict.fromkeys(JUDGES, False)
    for variant_id in table[schema.VARIANT_ID].unique():
        for one in of_shifts(sweep, variant_id):
            _judge(found, one)
    return found
