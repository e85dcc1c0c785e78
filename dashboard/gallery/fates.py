"""The strip of marks on each tile, one a variant of the method in order of sparsity; its tags."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from analysis.presentation.formatting import class_name
from dashboard import data
from dashboard.context import Context
from dashboard.gallery.fate_marks import MARKS, WORDS, Fates
from dashboard.gallery.levels import Rung, place_of
from dashboard.pending import is_over

_EVERY = 1.0


def known(context: Context) -> tuple[Sequence[Rung], Fates] | None:
    """Return the variants of the chosen one's method and the fates of the images in them.

    None where the method has one variant alone, or while they are being computed.
    """
    rungs = _rungs(context)
    if len(rungs) < 2:
        return None
    found = data.fates(context.results, tuple(rung.variant_id for rung in rungs))
    return None if found is None else (rungs, found)


def note(context: Context) -> None:
    """Draw the gallery again once the strips are there."""
    if len(_rungs(context)) > 1 and known(context) is None:
        st.fragment(_waiting, run_every=_EVERY)(context)


def strips(context: Context, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return of each image its strip, as ``fates`` and in words, and its ``tags``."""
    found, names = known(context), context.results.class_names
    tags: dict[int, list[str]] = {}
    for tag, tagged in data.marks(context.results.folder).tags.items():
        for image_id in set(tagged).intersection(ids):
            tags.setdefault(image_id, []).append(tag)
    made = []
    for image_id in ids:
        fates = []
        for rung in found[0] if found else ():
            fate = found[1][rung.variant_id] if found else None
            if fate is not None:
                mark = MARKS[fate.mark[image_id]]
                label = class_name(names, fate.modal_label[image_id])
                here = rung.variant_id == context.variant
                words = f"{rung.label}: {label}, {WORDS.get(mark, mark)}"
                fates.append([mark, words, here, rung.label])
        made.append({"fates": fates, "tags": tags.get(image_id, [])})
    return made


def _rungs(context: Context) -> Sequence[Rung]:
    return context.methods[place_of(context.methods, context.variant)[0]]


def _waiting(context: Context) -> None:
    if is_over(lambda: known(context) is not None):
        st.rerun()
