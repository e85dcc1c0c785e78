"""Two models compared within every value of a metadata column: accuracy, change, McNemar's test."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import schema
from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.pairs import pair
from analysis.stats.votes import BoolArray, IntArray


def attribute_pairs(
    variant_id: str,
    attribute: str,
    values: Sequence[str],
    code: IntArray,
    dense_correct: BoolArray,
    variant_correct: BoolArray,
) -> pd.DataFrame:
    """Compare one pair of models on the images of each value of one attribute.

    ``top1_delta = (c - b) / n`` with b images of the value that were right and are wrong, c the
    reverse, its 95 % interval of Bonett and Price, and McNemar's exact p, as :func:`pair` has them.

    Parameters
    ----------
    variant_id : str
        The variant that the rows are of.
    attribute : str
        Name of the metadata column, without ``meta_``.
    values : sequence of V str
        Its values.
    code : integer array, shape (N,)
        Index into ``values``; -1 where the image has no value: left out.
    dense_correct, variant_correct : bool arrays, shape (N,)
        Whether either model is right.

    Returns
    -------
    DataFrame
        A row each value, columns ``schema.ATTRIBUTE_PAIRS_COLUMNS``; accuracies 0..1.
        ``mcnemar_q`` is null, see :func:`corrected`; a value without images has nulls.

    Notes
    -----
    It is over images, for these two models: their seeds are fixed.
    """
    rows = []
    for place, value in enumerate(values):
        here = code == place
        row: dict[str, Any] = {
            schema.VARIANT_ID: variant_id,
            "attribute": attribute,
            "value": value,
        }
        row["n_images"] = int(here.sum())
        if here.any():
            dense, variant = dense_correct[here], variant_correct[here]
            row |= pair(dense, variant).row()
            row |= {"dense_top1": float(dense.mean()), "top1": float(variant.mean())}
        rows.append(row)
    return pd.DataFrame(rows).reindex(columns=list(schema.ATTRIBUTE_PAIRS_COLUMNS))


def corrected(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with ``mcnemar_q``: Benjamini-Hochberg over the values of each variant.

    Parameters
    ----------
    rows : DataFrame
        Rows of :func:`attribute_pairs`, of any number of attributes and variants.

    Notes
    -----
    Values of different attributes share images, so the tests depend on each other, mostly
    positively: Benjamini and Yekutieli 2001 show that the procedure holds then.
    """
    q = np.full(len(rows), np.nan)
    for _, places in rows.groupby(schema.VARIANT_ID, sort=False).indices.items():
        q[places] = benjamini_hochberg(rows["mcnemar_p"].to_numpy(np.float64)[places])
    return rows.assign(mcnemar_q=q)
