"""What becomes of an image in one variant after the other: a mark each, by shape and colour."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.stats.pie import KINDS

# Those of PIEs, then right as dense is, and wrong as dense is.
MARKS = (*KINDS, "right", "wrong")
WORDS = {"wrong": "as wrong as dense"}


@dataclass(frozen=True)
class Fate:
    """Place in ``MARKS`` and modal label of every image in one variant, arrays of N."""

    mark: npt.NDArray[np.int8]
    modal_label: npt.NDArray[np.int32]


Fates = Mapping[str, Fate]


def fate_of(images: pd.DataFrame) -> Fate:
    """Take the fates from the columns ``label kind modal_label`` of one variant's images table."""
    kind = pd.Categorical(images["kind"], categories=list(KINDS)).codes
    modal = images["modal_label"].to_numpy(np.int32)
    right = modal == images[schema.LABEL].to_numpy()
    unchanged = np.where(right, MARKS.index("right"), MARKS.index("wrong"))
    return Fate(np.where(kind >= 0, kind, unchanged).astype(np.int8), modal)
