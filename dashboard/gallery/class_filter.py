"""Choosing classes: of many, some are listed, and a field beside the list finds all by name."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import streamlit as st

from analysis.wording import count
from dashboard import state
from dashboard.context import Context
from dashboard.gallery.counted import understood
from dashboard.selection import changed
from dashboard.text import plain

LISTED = 100
Counts = npt.NDArray[np.integer]


def class_filter(
    context: Context, name: str, field: str, label: str, counts: Counts, placeholder: str
) -> None:
    """Draw the filter ``name``, tied to ``field`` of the selection, with the images of each class.

    Up to a hundred classes are listed as they are. Of more, the chosen ones and the hundred with
    the most images are; a text lists those that have it in their names, and one that fits a single
    class chooses it.
    """
    names, chosen = context.results.class_names, list(getattr(context.selection, field))
    position = {one: i for i, one in enumerate(names)}

    def add(one: str) -> None:
        now = tuple(dict.fromkeys([*chosen, one]))
        state.write(changed(context.selection, **{field: now}), context.default_variant)

    with st.container(key=f"filter-{name}"):
        text = _finder(name, label, names, add)
        st.multiselect(
            label,
            listed(names, counts, chosen, text),
            format_func=lambda one: f"{one} ({count(counts[position[one]])})",
            placeholder=placeholder,
            label_visibility="visible" if len(names) <= LISTED else "collapsed",
            **state.bound(
                name,
                chosen,
                context.selection,
                context.default_variant,
                lambda now: {field: understood(now, names)},
            ),
        )
        _say_how_many(names, text)


def class_choice(
    names: Sequence[str],
    sizes: Counts,
    label: str,
    *,
    default: int = 0,
    help: str | None = None,
) -> str:
    """Choose one class, kept in the address as ``of_class``."""
    asked = st.query_params.get("of_class", "")
    chosen = asked if asked in names else names[default]

    def take(one: str) -> None:
        st.query_params["of_class"] = one

    with st.container(key="filter-of_class", width=300):
        text = _finder("of_class", label, names, take)
        options = listed(names, sizes, [chosen], text)
        st.selectbox(
            label,
            options,
            help=help,
            label_visibility="visible" if len(names) <= LISTED else "collapsed",
            **state.local("of_class", chosen, options),
        )
        _say_how_many(names, text)
    return chosen


def listed(names: Sequence[str], counts: Counts, chosen: Sequence[str], text: str) -> list[str]:
    """Return the classes to list: all where they are few.

    Else those with the text in their names, all where none has it: the chosen ones, then the
    hundred with the most images.
    """
    if len(names) <= LISTED:
        return list(names)
    places = np.asarray(with_text(names, text) or range(len(names)))
    most = places[np.argsort(-np.asarray(counts)[places], kind="stable")][:LISTED]
    return list(dict.fromkeys([*chosen, *(names[place] for place in most)]))


def with_text(names: Sequence[str], text: str) -> list[int]:
    """Return the places of the names that contain a text, whatever its case."""
    folded = text.casefold()
    return [place for place, name in enumerate(names) if folded in name.casefold()]


def only_one(names: Sequence[str], text: str) -> str | None:
    """Return the class that a text means: of that very name, or alone in containing it."""
    matching = with_text(names, text)
    same = [place for place in matching if names[place].casefold() == text.casefold()]
    fitting = same or matching
    return names[fitting[0]] if text and len(fitting) == 1 else None


def _finder(name: str, label: str, names: Sequence[str], take: Callable[[str], None]) -> str:
    """Draw the field that finds classes where they are many; return what it lists them by."""
    if len(names) <= LISTED:
        return ""
    key = f"find-{name}"

    def found() -> None:
        one = only_one(names, str(st.session_state[key]).strip())
        if one is not None:
            st.session_state[key] = ""
            take(one)

    placeholder = f"Find among {count(len(names))} classes"
    return str(st.text_input(label, placeholder=placeholder, key=key, on_change=found)).strip()


def _say_how_many(names: Sequence[str], text: str) -> None:
    if not text:
        return
    n = len(with_text(names, text))
    words = f"{count(n)} classes have" if n else "No class has"
    rest = f"; the {LISTED} with the most images are listed" if n > LISTED else ""
    st.caption(f"{words} “{plain(text)}” in their names{rest}.")
