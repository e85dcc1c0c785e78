"""The pages: each one's address, title and icon."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from analysis.presentation.glossary import explained

_PAGES = {
    "overview": ("Overview", ":material/overview:"),
    "gallery": ("Gallery", ":material/grid_view:"),
    "classes": ("Classes", ":material/bar_chart:"),
    "curves": ("Curves", ":material/show_chart:"),
    "robustness": ("Robustness", ":material/storm:"),
    "compare": ("Compare", ":material/compare:"),
    "attributes": ("Attributes", ":material/label:"),
    "remedies": ("Remedies", ":material/healing:"),
    "map": ("Map", ":material/scatter_plot:"),
    "image": ("Image", ":material/image:"),
    "annotate": ("Annotate", ":material/how_to_vote:"),
    "export": ("Export", ":material/download:"),
    "sweeps": ("Sweeps", ":material/model_training:"),
}
# What the words on each page mean stands beside its heading.
_TERMS = {
    "overview": ("Variant", "Dense", "PIE", "Modal label", "Noise floor", "A/A"),
    "gallery": ("PIE", "Modal label", "Tie", "Vote distance", "Breaking point"),
    "classes": ("Variant", "Dense", "Noise floor", "q"),
    "curves": ("Sparsity", "PIE", "Noise floor", "Agreement"),
    "robustness": ("Variant", "PIE", "Noise floor"),
    "compare": ("PIE", "A/A", "PIE excess", "Forgotten"),
    "attributes": ("PIE", "A/A", "PIE excess", "q"),
    "map": ("PIE", "PIE excess", "Modal label", "Dense"),
    "remedies": ("PIE", "A/A", "PIE excess", "Forgotten", "q"),
    "image": ("Modal label", "Agreement", "Tie", "Breaking point"),
    "annotate": ("PIE", "A/A", "q"),
    "export": ("PIE", "Modal label", "Tie", "Variant"),
}
# Pages of the cache as a whole: which sweep is open does not matter there.
_OF_ALL_SWEEPS = frozenset({"sweeps"})
_HOME = "overview"
NAMES = tuple(_PAGES)


def all_pages(draw: Callable[[str], None]) -> list[Any]:
    """Return every page in the order of the navigation; ``draw`` draws the one of a name."""
    return [_page(name, draw) for name in _PAGES]


def page(name: str) -> Any:
    """Return one page, to navigate to; it is drawn by the router."""
    return _page(name, lambda _: None)


def title(name: str) -> str:
    """Return the heading of a page."""
    return _PAGES[name][0]


def words(name: str) -> str | None:
    """Explain the words that a page uses; None where it uses none."""
    return explained(*_TERMS[name]) if name in _TERMS else None


def is_of_one_sweep(name: str) -> bool:
    """Whether a page shows the sweep that is open, and not the cache as a whole."""
    return name not in _OF_ALL_SWEEPS


def _page(name: str, draw: Callable[[str], None]) -> Any:
    heading, icon = _PAGES[name]
    home = name == _HOME

    def show() -> None:
        draw(name)

    show.__name__ = name
    return st.Page(show, title=heading, icon=icon, url_path=None if home else name, default=home)
