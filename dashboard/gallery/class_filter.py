"""A filter by class that stays small: of many classes it lists some, and finds all by name."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import streamlit as st

from analysis.wording import count
from dashboard import state
from dashboard.context import Context
from dashboard.text import plain

LISTED = 100


def class_filter(
    context: Context,
    name: str,
    field: str,
    label: str,
    counts: npt.NDArray[np.integer],
    placeholder: str,
) -> None:
    """Draw the filter ``name``, tied to ``field`` of the selection, with the images of each class.

    Up to a hundred classes are listed as they are. Of more, the chosen ones and the hundred with
    the most images are; a typed name need not be listed, and a typed part of several names lists
    those.
    """
    names, chosen = context.results.class_names, list(getattr(context.selection, field))
    position = {one: i for i, one in enumerate(names)}
    memory = f"classes-of-{name}"
    text = str(state.recall(memory, ""))
    with st.container(key=f"filter-{name}"):
        options, n_matching = listed(names, counts, chosen, text)
        st.multiselect(
            label,
            options,
            format_func=lambda one: (
                f"{one} ({count(counts[position[one]])})" if one in position else one
            ),
            placeholder=placeholder if len(names) <= LISTED else f"{placeholder}: type to find one",
            accept_new_options=len(names) > LISTED,
            **state.bound(
                name,
                chosen,
                context.selection,
                context.default_variant,
                lambda now: {field: _understood(now, names, memory)},
            ),
        )
        if text and n_matching:
            rest = f", {LISTED} of them listed" if n_matching > LISTED else ""
            st.caption(f"{count(n_matching)} classes have “{plain(text)}” in their names{rest}.")
        elif text:
            st.caption(f"No class has “{plain(text)}” in its name.")


def class_choice(
    names: Sequence[str],
    sizes: npt.NDArray[np.integer],
    label: str,
    *,
    default: int = 0,
    help: str | None = None,
) -> str:
    """Choose one class, kept in the address as ``of_class``; of many, any can be typed."""
    asked = str(st.query_params.get("of_class", ""))
    chosen = asked if asked in names else names[default]
    options, _ = listed(names, sizes, [chosen], "" if asked in names else asked)
    with st.container(key="filter-of_class", width=300):
        st.selectbox(
            label,
            options,
            help=help,
            accept_new_options=len(names) > LISTED,
            **state.local("of_class", chosen, options),
        )
        if asked and asked not in names:
            n_matching = len(with_text(names, asked))
            st.caption(f"{count(n_matching)} classes have “{plain(asked)}” in their names.")
    return chosen


def listed(
    names: Sequence[str], counts: npt.NDArray[np.integer], chosen: Sequence[str], text: str
) -> tuple[list[str], int]:
    """Return the classes to list, and how many have the text in their names.

    Many classes come by falling number of images, the chosen ones first.
    """
    if len(names) <= LISTED:
        return list(names), len(names)
    matching = with_text(names, text) or range(len(names))
    places = np.asarray(matching)
    most = places[np.argsort(-np.asarray(counts)[places], kind="stable")][:LISTED]
    options = dict.fromkeys([*chosen, *(names[place] for place in most)])
    return list(options), len(with_text(names, text))


def with_text(names: Sequence[str], text: str) -> list[int]:
    """Return the places of the names that contain a text, whatever its case."""
    folded = text.casefold()
    return [place for place, name in enumerate(names) if folded in name.casefold()]


def _understood(now: Sequence[str], names: Sequence[str], memory: str) -> tuple[str, ...]:
    """Turn what was typed into classes; what fits several is remembered, to be chosen from."""
    known, kept, searched = set(names), [], ""
    for text in now:
        if text in known:
            kept.append(text)
            continue
        matching = with_text(names, text)
        same = [place for place in matching if names[place].casefold() == text.casefold()]
        if len(same or matching) == 1:
            kept.append(names[(same or matching)[0]])
        else:
            searched = text
    state.remember(memory, searched)
    return tuple(dict.fromkeys(kept))
