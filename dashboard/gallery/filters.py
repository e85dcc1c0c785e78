"""The filters of the gallery, each tied to the selection, with the number of images it shows.

Streamlit sends the label of what is chosen, and the numbers in it may have changed meanwhile: a
choice made just before the page was drawn again comes with the earlier number.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from analysis.presentation.formatting import count
from analysis.presentation.glossary import TERMS, explained
from analysis.stats.pie import KINDS
from dashboard import state
from dashboard.address import WHOLE
from dashboard.context import Context
from dashboard.gallery import sets, single, sorts
from dashboard.gallery.query import Facets
from dashboard.gallery.sort_keys import sort_of
from dashboard.gallery.tiles import KIND_ICONS, SCORES_WORDS
from dashboard.gallery.variant_control import variant_filter
from dashboard.selection import (
    CLASS_OF,
    MAX_PER_PAGE,
    ORDERS,
    POPULATIONS,
    SCORES,
    TILES,
    VIEWS,
    changed,
)
from dashboard.text import plain

_NUMBER = re.compile(r" \([\d,]+\)\Z")


def counted(
    counts: Mapping[str, int], words: Mapping[str, str] | None = None
) -> Callable[[str], str]:
    """Return what labels an option: its words, by default itself, and its number of images."""
    return lambda one: f"{(words or {}).get(one, one)} ({count(counts[one])})"


def understood(value: Any, options: Sequence[str], words: Mapping[str, str] | None = None) -> Any:
    """Return the option, or the options of a list, that is meant; labels with any number count.

    What is no option under any number stays as it is.
    """
    if isinstance(value, list | tuple):
        return tuple(understood(one, options, words) for one in value)
    if value in options:
        return value
    bare = _NUMBER.sub("", str(value))
    return next((one for one in options if (words or {}).get(one, one) == bare), value)


# So many classes are listed as they are, about 25 bytes each; of more, the first with most images.
LISTED, FIRST = 2_000, 100
Counts = npt.NDArray[np.integer]


def class_filter(
    context: Context, name: str, field: str, label: str, counts: Counts, placeholder: str
) -> None:
    """Draw the filter ``name``, tied to ``field`` of the selection, with the images of each class.

    Typing finds a class where all are listed; of very many a field of its own finds them.
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
            filter_mode="contains",
            select_all=False,  # Enter takes the class that was typed
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
    in_address = st.query_params.get("of_class", "")
    chosen = in_address if in_address in names else names[default]

    def take(one: str) -> None:
        st.query_params["of_class"] = one

    with st.container(key="filter-of_class", width=300):
        text = _finder("of_class", label, names, take)
        options = listed(names, sizes, [chosen], text)
        st.selectbox(
            label,
            options,
            help=help,
            filter_mode="contains",
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
    most = places[np.argsort(-np.asarray(counts)[places], kind="stable")][:FIRST]
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
    rest = f"; the {FIRST} with the most images are listed" if n > FIRST else ""
    st.caption(f"{words} “{plain(text)}” in their names{rest}.")


_POPULATIONS = {"pies": "PIEs", "non-pies": "Non-PIEs", "all": "All images"}
_CLASS_OF = {"label": "True", "dense": "Dense", "variant": "Variant"}
_ORDERS = {"desc": "Falling", "asc": "Rising"}
_VIEWS = {"tiles": "Tiles", "table": "Table"}
_TILES = {"small": "S", "medium": "M", "large": "L"}
_PER_PAGE = (24, 60, 120, MAX_PER_PAGE)


def filters(context: Context, facets: Facets, metadata: dict[str, pd.Categorical]) -> None:
    """Draw every filter, the number of images each option would show beside it."""
    selection = context.selection
    variant_filter(context)
    with st.container(key="filter-population"):
        st.radio(
            "Population",
            POPULATIONS,
            format_func=counted(facets.population, _POPULATIONS),
            help=TERMS["PIE"],
            **_bound(
                context,
                "population",
                selection.population,
                options=POPULATIONS,
                words=_POPULATIONS,
            ),
        )
    _kind_filter(context, facets.kind)
    sets.variants_filter(context)
    if any(facets.scores.values()) or selection.scores:
        _scores_filter(context, facets.scores)
    class_filter(context, "class", "classes", "Class", facets.classes, "All classes")
    with st.container(key="filter-class_of"):
        st.segmented_control(
            "Class by",
            CLASS_OF,
            required=True,
            format_func=lambda one: _CLASS_OF[one],
            help="Whose class is meant: the true label, the modal label of the dense models, or "
            "that of the chosen variant.",
            **_bound(context, "class_of", selection.class_of),
        )
    class_filter(
        context, "not_class", "not_classes", "Class is not", facets.not_classes, "None left out"
    )
    class_filter(context, "becomes", "becomes", "Variant says", facets.becomes, "Any class")
    if facets.tags:
        _tag_filter(context, facets.tags)
        sets.not_tag_filter(context, list(facets.tags))
    sets.slice_filter(context)
    is_single = single.is_single(context)
    for name, label in (("agreement", "Agreement, %"), ("distance", "Vote distance, %")):
        if is_single and getattr(selection, name) == WHOLE:
            continue
        with st.container(key=f"filter-{name}"):
            st.slider(
                label,
                0,
                100,
                help=TERMS[label.removesuffix(", %")],
                **_bound(context, name, getattr(selection, name)),
            )
    for column, values in metadata.items():
        _meta_filter(context, column, values, facets.meta[column])
    if is_single:
        instead = (
            "Tiles show the confidence in the true class instead."
            if single.is_known(context)
            else "The confidence in the true class, which tiles would show instead, is not known."
        )
        st.caption(f"{single.MORE_RUNS} {instead}")


def _kind_filter(context: Context, counts: dict[str, int]) -> None:
    chosen = context.selection.kinds
    with st.container(key="filter-kind"):
        st.markdown(
            "**Kind of PIE**",
            help=explained("Forgotten"),
        )
        for kind in KINDS:
            others = [one for one in chosen if one != kind]
            st.checkbox(
                f"{KIND_ICONS[kind]} {kind} ({count(counts[kind])})",
                **state.bound(
                    f"kind-{kind}",
                    kind in chosen,
                    context.selection,
                    context.default_variant,
                    partial(_with_kind, others, kind),
                ),
            )


def _scores_filter(context: Context, counts: dict[str, int]) -> None:
    chosen = context.selection.scores
    with st.container(key="filter-scores"):
        st.markdown(
            "**Scores**",
            help="Top score tied: several classes share the largest score of a run, and the first "
            "of them is its prediction. No answer: a run's scores are not all finite, and it "
            "predicts nothing.",
        )
        for one in SCORES:
            others = tuple(name for name in chosen if name != one)
            st.checkbox(
                f"{SCORES_WORDS[one].capitalize()} ({count(counts[one])})",
                **state.bound(
                    f"scores-{one}",
                    one in chosen,
                    context.selection,
                    context.default_variant,
                    partial(_with_scores, others, one),
                ),
            )


def _with_scores(others: tuple[str, ...], name: str, is_chosen: bool) -> dict[str, Any]:
    kept = {*others, *([name] if is_chosen else [])}
    return {"scores": tuple(one for one in SCORES if one in kept)}


def _with_kind(others: list[str], kind: str, is_chosen: bool) -> dict[str, Any]:
    kept = {*others, *([kind] if is_chosen else [])}
    return {"kinds": tuple(one for one in KINDS if one in kept)}


def arrangement(context: Context) -> None:
    """Draw sort, order, tile size and page size in one row."""
    selection = context.selection
    with st.container(horizontal=True, vertical_alignment="bottom", key="gallery-arrangement"):
        with st.container(key="filter-sort", width=165):
            st.selectbox(
                "Sort by",
                sorts.known(context),
                format_func=lambda one: sort_of(one).label,
                **_bound(context, "sort", selection.sort),
            )
        _switch(context, "order", "Order", ORDERS, _ORDERS)
        _switch(context, "view", "Show as", VIEWS, _VIEWS)
        if selection.view == "tiles":
            _switch(context, "tile", "Tile size", TILES, _TILES)
        with st.container(key="filter-per_page", width=110):
            st.selectbox(
                "A page",
                sorted({*_PER_PAGE, selection.per_page}),
                **_bound(context, "per_page", selection.per_page),
            )


def _switch(
    context: Context, name: str, label: str, options: tuple[str, ...], words: dict[str, str]
) -> None:
    with st.container(key=f"filter-{name}", width="content"):
        st.segmented_control(
            label,
            options,
            required=True,
            format_func=lambda one: words[one],
            **_bound(context, name, getattr(context.selection, name)),
        )


def _meta_filter(
    context: Context, column: str, values: pd.Categorical, counts: dict[str, int]
) -> None:
    chosen = [value for name, value in context.selection.meta if name == column]
    others = tuple(pair for pair in context.selection.meta if pair[0] != column)
    with st.container(key=f"filter-meta-{column}"):
        st.multiselect(
            plain(column),
            list(values.categories),
            format_func=counted(counts),
            placeholder="All values",
            **state.bound(
                f"meta-{column}",
                chosen,
                context.selection,
                context.default_variant,
                lambda now: {
                    "meta": (
                        *others,
                        *((column, one) for one in understood(now, list(values.categories))),
                    )
                },
            ),
        )


def _tag_filter(context: Context, counts: dict[str, int]) -> None:
    with st.container(key="filter-tag"):
        st.multiselect(
            "Tag",
            list(counts),
            format_func=counted(counts),
            placeholder="Any or none",
            **_bound(context, "tag", list(context.selection.tags), "tags", options=list(counts)),
        )


def _bound(
    context: Context,
    name: str,
    value: Any,
    field: str | None = None,
    *,
    options: Sequence[str] = (),
    words: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Tie a widget to the selection; ``options`` and ``words`` where its labels carry numbers."""

    def change(now: Any) -> dict[str, Any]:
        meant = understood(now, options, words) if options else now
        return {field or name: tuple(meant) if isinstance(meant, list | tuple) else meant}

    return state.bound(name, value, context.selection, context.default_variant, change)
