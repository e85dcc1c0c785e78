"""The pages: each one's address, title and icon, and the view behind it."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import streamlit as st

_PAGES = {
    "overview": ("Overview", ":material/overview:"),
    "gallery": ("Gallery", ":material/grid_view:"),
    "classes": ("Classes", ":material/bar_chart:"),
    "curves": ("Curves", ":material/show_chart:"),
    "robustness": ("Robustness", ":material/storm:"),
    "compare": ("Compare", ":material/compare:"),
    "attributes": ("Attributes", ":material/label:"),
    "image": ("Image", ":material/image:"),
    "annotate": ("Annotate", ":material/how_to_vote:"),
    "export": ("Export", ":material/download:"),
    "sweeps": ("Sweeps", ":material/model_training:"),
}
# Pages of the cache as a whole: which sweep is open does not matter there.
_OF_ALL_SWEEPS = frozenset({"sweeps"})
_HOME = "overview"


def all_pages() -> list[Any]:
    """Return every page, in the order of the navigation."""
    return [page(name) for name in _PAGES]


def page(name: str) -> Any:
    """Return one page, to navigate to."""
    title, icon = _PAGES[name]
    home = name == _HOME
    return st.Page(
        _show(name), title=title, icon=icon, url_path=None if home else name, default=home
    )


def _show(name: str) -> Callable[[], None]:
    def show() -> None:
        heading, controls = st.columns([1, 3], vertical_alignment="bottom")
        heading.title(_PAGES[name][0], anchor=False)
        # What is heavy is imported only now, with the heading on the screen.
        from dashboard import shell

        view = import_module(f"dashboard.views.{name}").show
        shell.show(controls, view, is_of_one_sweep=name not in _OF_ALL_SWEEPS)

    show.__name__ = name
    return show
