"""Named sets of images, the slices of a sweep, and a selection that an address spells: their ids.

This is the one place that says which slices there are. Those that people keep come from the sweep's
marks; those that Lethe finds are named by their keys in the slices table, such as ``clusters-8/6``.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from analysis.errors import LetheError
from analysis.results import SweepResults
from dashboard import data, feature_data
from dashboard.selection import Selection

Ids = npt.NDArray[np.int64]


def names(opened: SweepResults, requested: Sequence[str]) -> list[str]:
    """Name the slices that an address may choose; none where it asks for none."""
    if not requested:
        return []
    there = list(data.marks(opened.folder).slices)
    return [
        *there,
        *(name for name in requested if name not in there and _found(opened, name) is not None),
    ]


def _ids(opened: SweepResults, of: Mapping[str, Collection[int]], name: str) -> Ids:
    if name in of:
        return np.asarray(of[name], np.int64)
    found = _found(opened, name)
    return np.empty(0, np.int64) if found is None else found


def _found(opened: SweepResults, key: str) -> Ids | None:
    """Return the images of a slice that was found, by its key; None where there is no such one."""
    if "/" not in key:
        return None
    try:
        return opened.slice_images(key)
    except LetheError:
        return None


def kept(opened: SweepResults) -> Mapping[str, Collection[int]]:
    """Return the images of every slice that people keep."""
    return data.marks(opened.folder).slices


def masks(opened: SweepResults, selection: Selection) -> dict[str, npt.NDArray[np.bool_]]:
    """Mark the images of the slices chosen, of any of them, and those that are selected."""
    found = {}
    n = len(opened.label)
    if selection.slices:
        of = kept(opened)
        ids = [_ids(opened, of, name) for name in selection.slices]
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
