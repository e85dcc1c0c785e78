"""The choice of the variant, on every page that has one: its method, and a slider of its levels.

The slider is a component of its own, since Streamlit's takes no attributes and no keys. Whatever is
chosen keeps filters, page and the open image.
"""

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.context import Context
from dashboard.gallery.levels import Methods, Rung, naming, nearest, place_of
from dashboard.selection import changed

SLIDER_KEY = "sparsity-slider"
_TURN = "slider-turn"
_HERE = Path(__file__).resolve().parent


def _source(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


_slider = st.components.v2.component(
    "lethe.sparsity_slider",
    html='<div class="lethe-slider" data-testid="sparsity-slider"></div>',
    css=_source("slider.css"),
    js=_source("elements.js") + _source("slider.js"),
    isolate_styles=False,
)


def variant_filter(context: Context) -> None:
    """Choose the variant: its method, and where several levels were tested one of them."""
    known, variant = context.methods, context.variant
    method, place = place_of(known, variant)
    rungs = known[method]
    with st.container(
        key="filter-variant",
        horizontal=True,
        vertical_alignment="bottom",
        gap="small",
        width="content",
    ):
        with st.container(key="filter-method", width=220):
            st.selectbox(
                "Method",
                list(known),
                format_func=lambda one: method_label(one, known[one]),
                **state.bound(
                    "method",
                    method,
                    context.selection,
                    context.default_variant,
                    lambda now: _of_method(known, now, rungs[place].level),
                ),
            )
        if len(rungs) > 1:
            with st.container(key="filter-sparsity", width=210):
                _slider(
                    key=SLIDER_KEY,
                    data=slider_data(method, rungs, place) | {"turn": state.recall(_TURN, 0)},
                    on_act_change=lambda: _step(context),
                )


def method_label(method: str, rungs: tuple[Rung, ...] | Any) -> str:
    """Return what the menu calls a method; one with a single level says which."""
    if len(rungs) == 1 and rungs[0].level is not None:
        return f"{method} ({rungs[0].label})"
    return method


def slider_data(method: str, rungs: Any, place: int) -> dict[str, Any]:
    """Return what the slider shows: the levels of a method, and which of them is chosen."""
    return {
        "method": method,
        "levels": [{"id": rung.variant_id, "label": rung.label} for rung in rungs],
        "place": place,
    }


def steps(context: Context) -> dict[str, Any] | None:
    """Return the levels beside the chosen one, for the open image; None without a slider."""
    method, place = place_of(context.methods, context.variant)
    rungs = context.methods[method]
    if len(rungs) < 2:
        return None
    return {
        "label": rungs[place].label,
        "less": rungs[place - 1].variant_id if place else None,
        "more": rungs[place + 1].variant_id if place + 1 < len(rungs) else None,
    }


def chosen(context: Context, variant_id: str) -> dict[str, Any]:
    """Return the changes of the selection that choose a variant; none where it is not there."""
    try:
        return dict(naming(context.methods, variant_id))
    except KeyError:
        return {}


def _of_method(known: Methods, label: str, level: float | None) -> dict[str, Any]:
    """Take another method's level that is nearest; Streamlit may send a label of before."""
    method = label if label in known else label.rpartition(" (")[0]
    if method not in known:
        return {}
    return dict(naming(known, nearest(known[method], level).variant_id))


def _step(context: Context) -> None:
    event = state.event(SLIDER_KEY, "act")
    if not isinstance(event, dict):
        return
    turn = event.get("turn")
    if isinstance(turn, int):
        state.remember(_TURN, turn)
    changes = chosen(context, str(event.get("id")))
    if changes:
        state.write(changed(context.selection, **changes), context.default_variant)
