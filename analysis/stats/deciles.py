"""The PIE excess by deciles of a numeric attribute."""

import numpy as np
import pandas as pd

from analysis import schema
from analysis.stats.attributes import MISSING
from analysis.stats.excess import Groups
from analysis.stats.votes import FloatArray, IntArray

N_DECILES = 10


def deciles(x: FloatArray) -> tuple[IntArray, FloatArray]:
    """Decile of each value, by equal counts; equal values are in the same one.

    Parameters
    ----------
    x : float array, shape (N,)
        NaN where an image has no value.

    Returns
    -------
    code : integer array, shape (N,)
        From 0; -1 without a value.
    edges : float array, shape (G + 1,)
        Smallest value of each of the G groups, and the largest of all; fewer than ten groups
        where many values are equal.
    """
    known = ~np.isnan(x)
    code = np.full(len(x), MISSING, np.int64)
    if not known.any():
        return code, np.empty(0)
    values = x[known]
    cuts = np.quantile(values, np.arange(1, N_DECILES) / N_DECILES, method="higher")
    group = np.searchsorted(np.unique(cuts), values, side="right")
    groups, code[known] = np.unique(group, return_inverse=True)
    edges = [values[code[known] == g].min() for g in range(len(groups))]
    return code, np.array([*edges, values.max()])


def decile_table(
    variant_id: str, attribute: str, code: IntArray, edges: FloatArray, excess: Groups | None
) -> pd.DataFrame:
    """PIE excess of every decile of a numeric attribute, with its interval over runs and images.

    Parameters
    ----------
    variant_id : str
        The variant that the rows are of.
    attribute : str
        Name of the metadata column, without ``meta_``.
    code, edges : arrays
        From :func:`deciles`.
    excess : Groups, optional
        Excess of each decile; None with too few runs, and its columns are null.
    """
    n = max(len(edges) - 1, 0)
    table = pd.DataFrame(
        {
            schema.VARIANT_ID: variant_id,
            "attribute": attribute,
            "decile": np.arange(1, n + 1),
            "from_value": edges[:-1],
            "to_value": edges[1:],
            "n_images": np.bincount(code[code != MISSING], minlength=n),
        }
    )
    if excess is not None:
        table["excess"] = excess.risk.difference
        table["excess_low"], table["excess_high"] = excess.risk.low, excess.risk.high
    return table.reindex(columns=list(schema.DECILES_COLUMNS))
