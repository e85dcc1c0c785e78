"""Whether two variants forget the same images."""

import numpy as np
import pandas as pd

from analysis import schema
from analysis.stats.modal import BoolArray


def pie_overlap(variant_ids: list[str], pie: BoolArray) -> pd.DataFrame:
    """Jaccard overlap of the PIE sets of every two variants, 0..1: ``|A and B| / |A or B|``.

    Parameters
    ----------
    variant_ids : list of T names
    pie : bool array, shape (T, N)

    Returns
    -------
    DataFrame
        T * T rows, a variant with itself among them (1). ``n_both`` and ``n_either`` count
        images; ``jaccard`` is null where neither variant has a PIE: there is nothing to overlap.

    Notes
    -----
    PIE sets overlap without any common cause, because the same images are hard for both.
    """
    flags = pie.astype(np.float64)
    both = flags @ flags.T
    size = flags.sum(axis=1)
    either = size[:, None] + size[None, :] - both
    jaccard = np.divide(both, either, out=np.full_like(both, np.nan), where=either > 0)
    t = len(variant_ids)
    return pd.DataFrame(
        {
            schema.VARIANT_ID: np.repeat(np.asarray(variant_ids, object), t),
            "other_variant_id": np.tile(np.asarray(variant_ids, object), t),
            "n_both": both.ravel().astype(np.int64),
            "n_either": either.ravel().astype(np.int64),
            "jaccard": jaccard.ravel(),
        },
        columns=list(schema.OVERLAP_COLUMNS),
    )
