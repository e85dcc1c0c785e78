"""The session: the address is the single source of truth, and this the only file that writes it.

Widgets hold no state of their own. Before one is made, its value is set from the selection; when
the user moves it, a callback writes the address, from which the next run reads everything again.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from dashboard.selection import Selection, changed, to_params

_CARRIED = "carried"
_DECIMAL = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4})?", re.ASCII)
_PAGE = "page"
_IMAGE_PAGE = "image"
# Each of them names the variant: what an address says by one is not mixed with another.
_NAMING = ("variant", "method", "sparsity")
# Parameters of single pages, beside those of the selection, which all pages share.
_LOCAL = frozenset(
    ("metric", "of", "of_class", "of_value", "cost", "rule", "order_by", "search", "top", "other",
     "attribute", "crossed", "shift", "part", "margin", "difference", "pair", "color", "score")
)  # fmt: skip


def arrive(url_path: str) -> None:
    """Take the selection along to another page, whose address starts empty.

    What an address says for itself stays: a link opens as it was copied.
    """
    if st.session_state.get(_PAGE) != url_path:
        carried = dict(st.session_state.get(_CARRIED, {}))
        # An open image is what its own page is of; the gallery would open it over the tiles.
        if url_path != _IMAGE_PAGE:
            carried.pop("image", None)
        if any(name in st.query_params for name in _NAMING):
            carried = {name: value for name, value in carried.items() if name not in _NAMING}
        missing = {name: value for name, value in carried.items() if name not in st.query_params}
        if missing:
            st.query_params.from_dict(params() | missing)
        st.session_state[_PAGE] = url_path


def follows_runs() -> bool:
    """Whether the page shown is one that follows a sweep run by run: Overview or Sweeps."""
    return st.session_state.get(_PAGE) in ("", "sweeps")


def params() -> dict[str, list[str]]:
    """Return the query parameters of the address, every value of each."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def write(selection: Selection, default_variant: str | None) -> None:
    """Write a selection into the address; what the page keeps there for itself stays."""
    spelled = to_params(selection, default_variant=default_variant)
    own = {name: values for name, values in params().items() if name in _LOCAL}
    st.query_params.from_dict(spelled | own)
    _carry(spelled)


def open_page(page: Any, selection: Selection, default_variant: str | None) -> None:
    """Go to another page with this selection, leaving what was carried so far behind."""
    spelled = to_params(selection, default_variant=default_variant)
    _carry(spelled)
    st.switch_page(page, query_params=spelled)


def _carry(spelled: dict[str, list[str]]) -> None:
    st.session_state[_CARRIED] = {
        name: values for name, values in spelled.items() if name != "page"
    }


def bound(
    name: str,
    value: Any,
    selection: Selection,
    default_variant: str | None,
    change: Callable[[Any], dict[str, Any]],
) -> dict[str, Any]:
    """Tie a widget to the selection: its keyword arguments ``key``, ``on_change`` and ``args``.

    Parameters
    ----------
    value
        What the widget shows.
    change
        Turns the widget's new value into changes of the selection.
    """
    key = f"widget-{name}"
    st.session_state[key] = value
    return {"key": key, "on_change": _moved, "args": (key, selection, default_variant, change)}


def _moved(
    key: str,
    selection: Selection,
    default_variant: str | None,
    change: Callable[[Any], dict[str, Any]],
) -> None:
    write(changed(selection, **change(st.session_state[key])), default_variant)


def local(name: str, default: Any, options: Sequence[Any] | None = None) -> dict[str, Any]:
    """Tie a widget of one page to a parameter of the address: its keyword arguments.

    Parameters
    ----------
    name
        One of the parameters of single pages.
    default
        What is shown where the address says nothing, or nothing that can be shown; a number makes
        it a parameter of numbers, whole ones where it is whole.
    options
        What may be chosen; anything without.
    """
    if name not in _LOCAL:
        raise ValueError(f"{name} is no parameter of a page")
    key = f"local-{name}"
    text = st.query_params.get(name)
    value: Any = text
    if isinstance(default, float):
        value = float(text) if text and _DECIMAL.fullmatch(text) else None
    elif isinstance(default, int):
        value = int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else None
    st.session_state[key] = (
        value if value is not None and (options is None or value in options) else default
    )
    return {"key": key, "on_change": _kept, "args": (key, name, default)}


def _kept(key: str, name: str, default: Any) -> None:
    value, rest = st.session_state[key], {n: v for n, v in params().items() if n != name}
    own = {} if value in (None, "", default) else {name: [str(value)]}
    st.query_params.from_dict(rest | own)


def put_local(name: str, value: str) -> None:
    """Write a parameter of one page into the address, for use inside a callback."""
    st.query_params[name] = value


def field(form: str, name: str, default: Any) -> str:
    """Return the key of a form's field, which keeps what was filled in while pages change."""
    key = f"{form}-{name}"
    if key not in st.session_state:
        st.session_state[key] = recall(key, default)
    return key


def text(form: str, name: str, default: str = "") -> dict[str, Any]:
    """Return the arguments of a text field.

    Values set in the session state are sent to the browser once, and lost if the next run begins
    before that: the browser then shows, and sends back, the widget's own default. So every widget
    of a form has the value of its field as its default.
    """
    key = field(form, name, default)
    return {"key": key, "value": st.session_state[key] or ""}


def choice(form: str, name: str, options: Sequence[Any], default: Any) -> dict[str, Any]:
    """Return the arguments of a field with one chosen option; see :func:`text`."""
    key = field(form, name, default)
    held = st.session_state[key]
    return {"key": key, "index": options.index(held) if held in options else 0}


def choices(
    form: str, name: str, options: Sequence[Any], default: Sequence[Any] = ()
) -> dict[str, Any]:
    """Return the arguments of a field with several chosen options; see :func:`text`."""
    key = field(form, name, list(default))
    held = st.session_state[key] or []
    return {"key": key, "default": [one for one in held if one in options]}


def amount(
    form: str, name: str, default: float | None, *, least: float | None = None
) -> dict[str, Any]:
    """Return the arguments of a number field or a checkbox; see :func:`text`."""
    key = field(form, name, default)
    held = st.session_state[key]
    return {"key": key, "value": held if held is None or least is None else max(held, least)}


def fill(form: str, name: str, value: Any) -> None:
    """Fill a form's field in, for use inside a callback."""
    key = f"{form}-{name}"
    st.session_state[key] = value
    remember(key, value)


def filled(form: str, names: Sequence[str]) -> dict[str, Any]:
    """Return what a form's fields hold, and remember it."""
    values = {name: st.session_state.get(f"{form}-{name}") for name in names}
    for name, value in values.items():
        remember(f"{form}-{name}", value)
    return values


def event(key: str, name: str) -> Any:
    """Return what a component just triggered; for use inside its callback."""
    return getattr(st.session_state.get(key), name, None)


def widget(key: str) -> Any:
    """Return what a widget holds; None where it is not there."""
    return st.session_state.get(key)


def recall(name: str, default: Any = None) -> Any:
    """Return a value remembered for this session alone."""
    return st.session_state.get(f"memory-{name}", default)


def remember(name: str, value: Any) -> None:
    """Remember a value for this session alone."""
    st.session_state[f"memory-{name}"] = value
