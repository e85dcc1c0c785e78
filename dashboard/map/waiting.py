"""What the page Map shows where there is no map yet: how it gets on, or what is missing."""

import streamlit as st

from analysis.store.features import words_to_make
from dashboard import feature_data, permissions
from dashboard.commands import typed
from dashboard.context import Context
from dashboard.map import making
from dashboard.pending import is_over
from dashboard.text import plain

_EVERY = 1.0
_ICON = ":material/scatter_plot:"


def not_yet(context: Context) -> None:
    """Say what is missing, and begin to make the map where that can be done here."""
    name = context.manifest.name
    digest = feature_data.digest(context.results)
    if digest is None:
        no_features(context)
        return
    if permissions.is_read_only():
        st.info(
            "This sweep has no map yet, and a read-only dashboard makes none. This command does:",
            icon=_ICON,
        )
        st.code(typed(("map", name)), language="bash", wrap_lines=True)
        return
    problem = making.begin(name, digest)
    if problem is not None:
        st.error(plain(problem))
        return
    st.fragment(_making, run_every=_EVERY)(context)


def no_features(context: Context) -> None:
    """Name the command that makes or brings features."""
    if context.manifest.origin == "imported":
        text = "was imported without features of its images and without scores. This brings them:"
    else:
        text = "has no features of its images. This makes them:"
    st.info(f"This sweep {text}", icon=_ICON)
    st.code(typed(words_to_make(context.manifest)), language="bash", wrap_lines=True)


def _making(context: Context) -> None:
    now, name = making.state(), context.manifest.name
    if is_over(lambda: feature_data.image_map(context.results) is not None):
        st.rerun()
    if now.is_running:
        if now.name == name:
            words = "Laying out the images, once for these features; other pages work meanwhile."
            st.progress(making.share(), text=words)
        else:
            words = f"The map of {now.name} is being made; that of this sweep follows."
            st.info(plain(words), icon=_ICON)
        return
    if now.name == name:
        st.error(plain(now.failure or "Making the map was stopped."))
        st.button("Try again", key="map-again", on_click=making.again, args=(name,))
        return
    making.again(name)  # that of another sweep is made, so it is this one's turn
    st.rerun()
