"""The order of images of single models (K = 1), where every PIE has a vote distance of 1."""

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

SingleOrder: TypeAlias = Literal["confidence_lost", "dense_confidence", "image_id"]
COLUMNS = ("dense_true_confidence", "true_confidence", "dense_confidence")
WORDS: dict[SingleOrder, str] = {
    "confidence_lost": "by falling confidence lost in the true class",
    "dense_confidence": "by falling confidence of the dense model in its prediction",
    "image_id": "in order of image id",
}


def single_order(images: pd.DataFrame) -> tuple[SingleOrder, npt.NDArray[np.float64]]:
    """Say what images are sorted by, and how large that is, the largest first, NaN last.

    ``dense_true_confidence - true_confidence``, -1..1; where that is not known of any image, the
    confidence of dense in what it predicts, 0..1: what it was surest of comes first. Where no
    confidence is known at all zeros, which leaves the order of ``image_id``.

    Parameters
    ----------
    images : DataFrame
        All rows of the images table of one variant, with at least ``COLUMNS``.

    Returns
    -------
    order : {"confidence_lost", "dense_confidence", "image_id"}
    key : float64 array, shape (N,)
    """
    dense, variant, own = (images[name].to_numpy(np.float64) for name in COLUMNS)
    lost: npt.NDArray[np.float64] = dense - variant
    if not np.isnan(lost).all():
        return "confidence_lost", lost
    if not np.isnan(own).all():
        return "dense_confidence", own
    return "image_id", np.zeros(len(images))
