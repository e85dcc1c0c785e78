"""How figures of this session are set: one preset for every download and for the report."""

from typing import Any

import streamlit as st

from analysis.errors import UserError
from analysis.figures.preset import SCREEN, FigurePreset
from analysis.options import option_named
from dashboard import state
from dashboard.text import plain

_MEMORY = "figure-preset"
USUAL = {
    "Screen: 900 px, 9 pt": SCREEN,
    "One column: 85 mm, 8 pt": FigurePreset(width="85mm", type_size=8.0, dpi=300),
    "Two columns: 174 mm, 8 pt": FigurePreset(width="174mm", type_size=8.0, dpi=300),
}
_WORDS = {"no_title": "Title", "no_subtitle": "Lines below it", "no_footnote": "Footnote"}


def current() -> FigurePreset:
    """Return the preset of this session."""
    found: FigurePreset = state.recall(_MEMORY, SCREEN)
    return found


def choice(name: str) -> None:
    """Draw the choice among the usual ones, beside a figure; it holds for all figures."""
    labels = {preset: label for label, preset in USUAL.items()}
    now = current()
    here = labels.get(now, f"{now.width}, {now.type_size:g} pt, as set on Export")
    key = f"preset-{name}"
    st.session_state[key] = here
    st.selectbox(
        "Set for",
        list(dict.fromkeys([*USUAL, here])),
        key=key,
        on_change=_chosen,
        args=(key,),
        help="Width and letters of PNG, SVG, PDF and HTML, the same for every figure and the "
        "report. Other sizes are set on Export.",
    )


def _chosen(key: str) -> None:
    state.remember(_MEMORY, USUAL.get(st.session_state[key], current()))


def controls() -> None:
    """Draw every part of the preset; one that cannot be used is refused in words."""
    now = current()
    with st.container(horizontal=True, vertical_alignment="bottom", key="figure-preset"):
        values: dict[str, Any] = {
            "width": st.text_input(
                "Width", now.width, help=_tip("figure_width"), key="preset-width", width=120
            ),
            "type_size": st.number_input(
                "Letters, pt", 4.0, 36.0, now.type_size, 0.5, help=_tip("type_size"),
                key="preset-type", width=130,
            ),
            "dpi": st.number_input(
                "Dots an inch", 36, 2_400, now.dpi, help=_tip("dpi"), key="preset-dpi", width=130
            ),
        }  # fmt: skip
        for name, label in _WORDS.items():
            is_shown = st.checkbox(label, not getattr(now, name), key=f"preset-{name}")
            values[name] = not is_shown
    try:
        state.remember(_MEMORY, FigurePreset(**values | {"width": values["width"].strip()}))
    except UserError as problem:
        st.error(plain(str(problem).removeprefix("--")), icon=":material/error:")
    st.caption(
        "Holds for every figure of this session and for the report. 85mm is one column of most "
        "journals, 174mm two; letters have their size at that width. Print is on white ground."
    )


def _tip(name: str) -> str:
    return option_named(FigurePreset, name).tip
