"""The images that are selected: for this session, across pages, filters and variants of a sweep."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dashboard import state
from dashboard.context import Context
from dashboard.gallery.query import Found

Ids = npt.NDArray[np.int64]


def ids(context: Context) -> Ids:
    """Return the selected images, by rising id."""
    kept: Ids = state.recall(_memory(context), np.empty(0, np.int64))
    return kept[kept < context.n_images]


def select(context: Context, image_ids: Sequence[int] | npt.NDArray[np.integer]) -> None:
    """Add images to what is selected."""
    state.remember(_memory(context), np.union1d(ids(context), np.asarray(image_ids, np.int64)))


def clear(context: Context) -> None:
    """Select nothing."""
    state.remember(_memory(context), np.empty(0, np.int64))


def hear(context: Context, event: dict[str, Any]) -> None:
    """Take over what was selected of the images shown, where an event of the browser says so."""
    state.remember("turn", event.get("turn", state.recall("turn", 0)))
    shown, chosen = event.get("shown"), event.get("selected")
    if isinstance(shown, list) and isinstance(chosen, list):
        numbers = [one for one in shown + chosen if isinstance(one, int)]
        if len(numbers) == len(shown) + len(chosen):
            rest = np.setdiff1d(ids(context), np.asarray(shown, np.int64))
            state.remember(_memory(context), np.union1d(rest, np.asarray(chosen, np.int64)))


def turn() -> int:
    """Return the number of the last event that was heard."""
    return int(state.recall("turn", 0))


def meant(context: Context, found: Found) -> Ids:
    """Return what an action is for: the selected images, else all that were found.

    Those that were found come in the gallery's order, before those the filters hide now.
    """
    chosen = ids(context)
    if not len(chosen):
        return found.ids.astype(np.int64)
    shown = found.ids[np.isin(found.ids, chosen)].astype(np.int64)
    return np.concatenate([shown, np.setdiff1d(chosen, shown)])


def _memory(context: Context) -> str:
    return f"selected-{context.manifest.name}"
