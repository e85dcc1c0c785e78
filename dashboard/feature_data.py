"""What the pages read of features, of the map made of them, and of selections; each once.

Keyed by what they rest on, as in ``dashboard.data``. The arguments named ``key`` and ``identity``
are those keys and nothing else.
"""

# ruff: noqa: ARG001

from concurrent.futures import Future

import numpy as np
import numpy.typing as npt
import streamlit as st

from analysis.errors import LetheError
from analysis.results import SweepResults
from analysis.results.image_map import read_map
from analysis.stats.image_map import Map, unit
from analysis.store.features import FEATURES, about_features
from analysis.store.selections import MOST_SPELLED, Selections, key_of, spelled
from dashboard import data, permissions


def selected_ids(opened: SweepResults, text: str) -> npt.NDArray[np.int64] | None:
    """Return the images that an address spells, or has the key of; None where there are none."""
    # One that is kept is named by what is in it.
    return _selected_ids(opened, text, str(opened.folder.path), len(opened.label))


def keep_selected(opened: SweepResults, image_ids: npt.NDArray[np.integer]) -> str:
    """Return what an address says for images.

    Where they are many their list is kept beside the sweep; a read-only dashboard keeps it in
    memory, and the address is good for as long as it runs.

    Raises
    ------
    RunError
        The disk refused it.
    UserError
        The page has a name that the server does not know.
    """
    if len(image_ids) <= MOST_SPELLED:
        return spelled(image_ids)
    if permissions.is_read_only():
        text = key_of(spelled(image_ids))
        _remembered(str(opened.folder.path), text).append(np.unique(image_ids).astype(np.int64))
    else:
        permissions.check("keep a selection")
        text = Selections(opened.folder.path).keep(image_ids)
    _selected_ids.clear()  # it may have been read before it existed
    return text


def features(opened: SweepResults) -> Map | None:
    """Return the directions of the images' features, (N, D); None where the sweep has none."""
    return _features(opened, _features_identity(opened))


def digest(opened: SweepResults) -> str | None:
    """Return the SHA-256 of the features; None where the sweep has none."""
    record = opened.manifest.files.get(FEATURES)
    return None if record is None else record.sha256


def about(opened: SweepResults) -> str:
    """Say what the features are of; empty where the sweep has none."""
    return _about(opened, _features_identity(opened))


def image_map(opened: SweepResults) -> Map | None:
    """Return where each image lies on the map, (N, 2); None where that is not known yet."""
    key = _features_identity(opened)
    found = _image_map(opened, key)
    if found is None:
        _image_map.clear()
    return found


def image_excess(opened: SweepResults, variant_id: str) -> npt.NDArray[np.float64] | None:
    """Return by how much likelier each image is a PIE than by seeds alone; None while computed.

    NaN where that is not known: of images not in the sample, of all with a single dense run.
    """
    try:
        return _image_excess(opened, variant_id, data.identity_of(opened)).result(
            timeout=data.PATIENCE
        )
    except TimeoutError:
        return None


@st.cache_resource(max_entries=64, show_spinner=False)
def _remembered(path: str, text: str) -> list[npt.NDArray[np.int64]]:
    return []


@st.cache_resource(max_entries=64, show_spinner=False)
def _selected_ids(
    _opened: SweepResults, text: str, path: str, n_images: int
) -> npt.NDArray[np.int64] | None:
    for ids in _remembered(path, text):
        return ids
    try:
        return Selections(_opened.folder.path).read(text, n_images)
    except LetheError:
        return None


def _features_identity(opened: SweepResults) -> tuple[str, str]:
    return (str(opened.folder.path), digest(opened) or "")


@st.cache_resource(max_entries=8, show_spinner=False)
def _about(_opened: SweepResults, identity: tuple[str, str]) -> str:
    return about_features(_opened.folder) or ""


@st.cache_resource(max_entries=2, show_spinner=False)
def _features(_opened: SweepResults, identity: tuple[str, str]) -> Map | None:
    found = _opened.features()
    return None if found is None else unit(found)


@st.cache_resource(max_entries=4, show_spinner=False)
def _image_map(_opened: SweepResults, identity: tuple[str, str]) -> Map | None:
    return read_map(_opened.folder)


@st.cache_resource(max_entries=8, show_spinner=False)
def _image_excess(
    _opened: SweepResults, variant_id: str, identity: tuple[str, str, str, int]
) -> "Future[npt.NDArray[np.float64]]":
    return data.beside(_opened, lambda own: own.image_excess(variant_id))
