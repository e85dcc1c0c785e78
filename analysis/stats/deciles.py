"""The PIE excess by tenths of a number that each image has."""

import numpy as np
import pandas as pd

from analysis import schema
from analysis.stats.attributes import MISSING
from analysis.stats.excess import Groups
from analysis.stats.votes import FloatArray, IntArray

N_DECILES = 10


def deciles(x: FloatArray) -> tuple[IntArray, FloatArray]:
    """Tenth of each value, by equal counts; equal values are in one tenth.

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
    found, code[known] = np.unique(group, return_inverse=True)
    edges = [values[code[known] == g].min() for g in range(len(found))]
    return code, np.array([*edges, values.max()])


def decile_table(
    variant_id: str, attribute: str, code: IntArray, edges: FloatArray, found: Groups | None
) -> pd.DataFrame:
    """PIE excess of every tenth of a numeric attribute, with its interval over runs and images.

    Parameters
    ----------
    variant_id : str
        The variant that the rows are of.
    attribute : str
        Name of the metadata column, without ``meta_``.
    code, edges : arrays
        As :func:`deciles` gives them.
    found : Groups, optional
        Excess of each tenth; None with too few runs: its columns are null.
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
    if found is not None:
        table["excess"] = found.risk.difference
        table["excess_low"], table["excess_high"] = found.risk.low, found.risk.high
    return table.reindex(columns=list(schema.DECILES_COLUMNS))
