"""False positive and negative rates within subgroups of the images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.stats.rates import relative_change
from analysis.stats.votes import FloatArray, IntArray


@dataclass(frozen=True)
class SubgroupRates:
    """Rates per subgroup and class, means over runs, arrays of shape (G, C).

    NaN where a subgroup has no image of the class (``fnr``) or none of another (``fpr``).
    """

    fpr: FloatArray
    fnr: FloatArray
    n_positive: npt.NDArray[np.int64]
    n_negative: npt.NDArray[np.int64]


def subgroup_rates(
    prediction: IntArray, label: IntArray, group: IntArray, *, n_groups: int, n_classes: int
) -> SubgroupRates:
    """FPR and FNR within each subgroup, one class versus the rest, 0..1, averaged over runs.

    ``FPR[g,c] = mean_k |{i in g: prediction = c != label}| / |{i in g: label != c}|`` and
    ``FNR[g,c] = mean_k |{i in g: label = c != prediction}| / |{i in g: label = c}|``.

    Parameters
    ----------
    prediction : integer array, shape (K, N)
    label, group : integer arrays, shape (N,)
        True class, 0..C-1, and subgroup, 0..G-1; images in no subgroup (-1) are left out.
    n_groups : int
        Number of groups, G.
    n_classes : int
        Number of classes, C.

    Notes
    -----
    Source: Hooker et al. 2020 (arXiv 2010.03058), for binary classes.
    """
    inside = group >= 0
    shape, cells = (n_groups, n_classes), n_groups * n_classes
    offset = group[inside].astype(np.int64) * n_classes
    truth = label[inside]
    positive = np.bincount(offset + truth, minlength=cells).reshape(shape)
    negative = positive.sum(axis=1, keepdims=True) - positive
    false_positive, false_negative = np.zeros(cells), np.zeros(cells)
    for row in prediction:
        (wrong,) = np.nonzero(row[inside] != truth)
        predicted = row[inside][wrong]
        valid = predicted != schema.NO_ANSWER
        false_positive += np.bincount(offset[wrong][valid] + predicted[valid], minlength=cells)
        false_negative += np.bincount(offset[wrong] + truth[wrong], minlength=cells)
    k = len(prediction)
    return SubgroupRates(
        fpr=_share(false_positive.reshape(shape) / k, negative),
        fnr=_share(false_negative.reshape(shape) / k, positive),
        n_positive=positive,
        n_negative=negative,
    )


def _share(count: FloatArray, total: npt.NDArray[np.int64]) -> FloatArray:
    return np.divide(count, total, out=np.full(count.shape, np.nan), where=total > 0)


def subgroup_table(
    variant_id: str,
    attribute: str,
    values: list[str],
    class_names: list[str],
    dense: SubgroupRates,
    variant: SubgroupRates,
    *,
    classes: list[int],
) -> pd.DataFrame:
    """FPR and FNR of every subgroup and chosen class, dense and variant, and their changes.

    ``fpr_change`` and ``fnr_change`` are relative, ``(after - before) / before``, fractions; null
    where the dense rate is 0 or there is nothing to count.

    Parameters
    ----------
    values : list of G names
        Of the subgroups.
    classes : list of int
        Class ids that are taken as the positive class, one versus the rest.
    variant_id : str
        The variant that the rows are of.
    attribute : str
        Name of the metadata column, without ``meta_``.
    class_names : sequence of str
        Class names in order of class id.
    dense : SubgroupRates
        Rates of the dense runs.
    variant : SubgroupRates
        Rates of the variant's runs.
    """
    g, c = len(values), len(classes)
    take = np.asarray(classes, np.intp)
    rates = {
        name: (getattr(dense, name)[:, take].ravel(), getattr(variant, name)[:, take].ravel())
        for name in ("fpr", "fnr")
    }
    positive = dense.n_positive[:, take].ravel()
    negative = dense.n_negative[:, take].ravel()
    return pd.DataFrame(
        {
            schema.VARIANT_ID: variant_id,
            "attribute": attribute,
            "value": np.repeat(np.asarray(values, object), c),
            schema.CLASS_ID: np.tile(take.astype(np.int32), g),
            schema.CLASS_NAME: np.tile(np.asarray(class_names, object)[take], g),
            "n_images": positive + negative,
            "n_positive": positive,
            "n_negative": negative,
            "dense_fpr": rates["fpr"][0],
            "fpr": rates["fpr"][1],
            "fpr_change": relative_change(*rates["fpr"]),
            "dense_fnr": rates["fnr"][0],
            "fnr": rates["fnr"][1],
            "fnr_change": relative_change(*rates["fnr"]),
        },
        columns=list(schema.SUBGROUPS_COLUMNS),
    )
