"""Named sets of images, the slices of a sweep, and a selection that an address spells: their ids.

This is the one place that says which slices there are. Those that people keep come from the sweep's
marks; where others are found by themselves, they are added here.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from analysis.results import SweepResults
from dashboard import data, feature_data
from dashboard.selection import Selection

Ids = npt.NDArray[np.int64]


def names(opened: SweepResults, asked: Sequence[str]) -> list[str]:
    """Name the slices that an address may choose; none where it asks for none."""
    return list(data.marks(opened.folder).slices) if asked else []


def kept(opened: SweepResults) -> Mapping[str, Collection[int]]:
    """Return the images of every slice that people keep."""
    return data.marks(opened.folder).slices


def masks(opened: SweepResults, selection: Selection) -> dict[str, npt.NDArray[np.bool_]]:
    """Mark the images of the slices chosen, of any of them, and those that are selected."""
    found = {}
    n = len(opened.label)
    if selection.slices:
        of = kept(opened)
        ids = [np.asarray(of.get(name, ()), np.int64) for name in selection.slices]
        found["slice"] = _marked(np.concatenate(ids), n)
    if selection.selected is not None:
        chosen = feature_data.selected_ids(opened, selection.selected)
        found["selected"] = _marked(np.empty(0, np.int64) if chosen is None else chosen, n)
    return found


def _marked(ids: Ids, n: int) -> npt.NDArray[np.bool_]:
    """Mark images; ids that the sweep does not have are passed over."""
    mask = np.zeros(n, np.bool_)
    mask[ids[(ids >= 0) & (ids < n)]] = True
    return mask
