"""Whether a sweep without effects breaches a budget on its largest class."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from analysis import schema
from analysis.budgets.measure import of_classes
from analysis.stats.classes import ALPHA
from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.two_way import TwoWay
from benchmarks.calibration.worlds import Counts

JUDGES = ("significant", "p", "q")


class _Sweep:
    """What a limit on classes reads of the results of a sweep."""

    def __init__(self, classes: pd.DataFrame) -> None:
        self._classes = classes

    def classes(self) -> pd.DataFrame:
        """Classes of all variants."""
        return self._classes


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
        found["significant"] |= one.floor > 0
        found["p"] |= one.value > 0 and one.p <= ALPHA
        found["q"] |= one.value > 0 and one.q <= ALPHA
    return found
