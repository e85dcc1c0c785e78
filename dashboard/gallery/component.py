"""The two browser components of the gallery: the grid of tiles, and one image over the page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).resolve().parent
GRID_KEY = "gallery-grid"
DETAIL_KEY = "gallery-detail"


def _source(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


# Styles are not isolated in a shadow root, so that tiles are ordinary elements of the page.
_grid = st.components.v2.component(
    "lethe.gallery_grid",
    html='<div class="lethe-gallery"></div>'
    '<dialog class="lethe-keys-dialog" aria-labelledby="lethe-keys-title"></dialog>',
    css=_source("gallery.css"),
    js=_source("elements.js") + _source("keys.js") + _source("grid.js"),
    isolate_styles=False,
)
_detail = st.components.v2.component(
    "lethe.gallery_detail",
    html='<div class="lethe-detail"><dialog aria-labelledby="lethe-detail-title"></dialog></div>',
    js=_source("elements.js") + _source("detail.js"),
    isolate_styles=False,
)


def grid(data: dict[str, Any], on_act: Callable[[], None]) -> None:
    """Paint count, chips, pager and tiles; what is clicked arrives as ``act``."""
    _grid(key=GRID_KEY, data=data, on_act_change=on_act)


def detail(data: dict[str, Any], on_act: Callable[[], None]) -> None:
    """Show one image over the page, or nothing where ``data`` has no ``shown``."""
    _detail(key=DETAIL_KEY, data=data, on_act_change=on_act)
