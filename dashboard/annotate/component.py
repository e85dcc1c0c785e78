"""The browser component that asks about one image at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).resolve().parent
KEY = "annotate-rater"


def _source(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


_rater = st.components.v2.component(
    "lethe.rater",
    html='<div class="lethe-rater"></div>',
    css=_source("rater.css"),
    js=_source("rater.js"),
    isolate_styles=False,
)


def rater(data: dict[str, Any], on_act: Callable[[], None]) -> None:
    """Show the image to judge and the categories; what is said of it arrives as ``act``."""
    _rater(key=KEY, data=data, on_act_change=on_act)
