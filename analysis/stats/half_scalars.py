"""Scalars of a variant beside those that seeds alone make: half of the runs against half."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.stats.classes import ClassRecall, class_table
from analysis.stats.long_tail import long_tail
from analysis.stats.pairs import Rows
from analysis.stats.pie import KINDS
from analysis.stats.summary import class_scalars
from analysis.stats.two_way import changes
from analysis.stats.votes import BoolArray, FloatArray, IntArray

MOST_SPLITS = 20
SCALARS = (
    "top1_change", *(f"share_{kind}" for kind in KINDS), "n_impacted_p", "n_impacted_q",
    "class_spread", "long_tail_slope", "cev", "sde",
)  # fmt: skip


@dataclass(frozen=True)
class Half:
    """Half of a population: K runs on n images of C classes.

    ``correct`` [K, n] flags correct predictions, ``modal`` [n] are the modal labels, and
    ``n_train`` [K, C] the training images of each run, None if unknown.
    """

    recall: ClassRecall
    correct: BoolArray
    modal: IntArray
    n_train: IntArray | None


@dataclass(frozen=True)
class Runs:
    """All K runs of a population, to take halves of; arrays as those of :class:`Half`."""

    recall: ClassRecall
    correct: BoolArray
    n_train: IntArray | None

    def half(self, rows: Rows, modal: IntArray) -> Half:
        """Select runs.

        Parameters
        ----------
        rows : integer array
            Positions of the runs.
        modal : integer array, shape (n,)
            Their modal labels.
        """
        n_train = None if self.n_train is None else self.n_train[rows]
        return Half(self.recall.rows(rows), self.correct[rows], modal, n_train)


def half_scalars(
    before: Half, after: Half, pie: BoolArray, label: IntArray, class_names: Sequence[str]
) -> dict[str, float]:
    """Scalars of one half of runs against another, as the summary has them of whole populations.

    No seed may stand on both sides: the halves are compared as independent ones.

    Parameters
    ----------
    before, after : Half
        Half A of the dense runs, and half B of them (A/A) or a half of a variant's runs.
    pie : bool array, shape (n,)
        Whether the modal labels of the two halves differ, under the tie rule.
    label : integer array, shape (n,)
    class_names : sequence of str
        C names.

    Returns
    -------
    dict
        A value of each of ``SCALARS``; NaN if undefined.
    """
    of_images = changes(before.correct, after.correct, label, len(class_names), None)
    classes = class_table("", list(class_names), before.recall, after.recall, of_images)
    slope = None
    if before.n_train is not None and after.n_train is not None:
        slope = long_tail(before.correct, after.correct, label, before.n_train, after.n_train, None)
    was, is_right = before.modal == label, after.modal == label
    kinds = (was & ~is_right, ~was & is_right, ~was & ~is_right)
    values: dict[str, Any] = {
        "top1_change": after.recall.accuracy.mean() - before.recall.accuracy.mean(),
        **{f"share_{kind}": (pie & of).mean() for kind, of in zip(KINDS, kinds, strict=True)},
        **class_scalars(classes),
        "long_tail_slope": slope.slope if slope else None,
    }
    return {n: np.nan if values.get(n) is None else float(values[n]) for n in SCALARS}


def beside_seeds(
    of_variant: Sequence[dict[str, float]], of_seeds: Sequence[dict[str, float]]
) -> pd.DataFrame:
    """One row a scalar: its median over variant halves, and median and range over A/A halves.

    Columns ``scalar half aa aa_low aa_high n_splits``; splits where it is undefined are left out.

    Parameters
    ----------
    of_variant, of_seeds : sequences of dict
        What :func:`half_scalars` gives, one a split; the first empty where the variant has too few
        runs for a half.
    """
    rows = []
    for name in SCALARS:
        half, aa = _known(of_variant, name), _known(of_seeds, name)
        rows.append(
            {
                "scalar": name,
                "half": np.median(half) if len(half) else np.nan,
                "aa": np.median(aa) if len(aa) else np.nan,
                "aa_low": aa.min() if len(aa) else np.nan,
                "aa_high": aa.max() if len(aa) else np.nan,
                "n_splits": len(aa),
            }
        )
    return pd.DataFrame(rows)


def some_splits(n_splits: int) -> IntArray:
    """Positions of at most 20 of the splits, evenly spaced: class tables of each take time.

    Parameters
    ----------
    n_splits : int
        How many there are.
    """
    return np.unique(np.linspace(0, n_splits - 1, min(n_splits, MOST_SPLITS)).astype(np.int64))


def _known(found: Sequence[dict[str, float]], name: str) -> FloatArray:
    values = np.array([one[name] for one in found], np.float64)
    return values[~np.isnan(values)]
