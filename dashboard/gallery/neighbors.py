"""The images nearest to one by their features, each opens its own page."""

import streamlit as st

from analysis.stats.image_map import nearest_images
from dashboard import feature_data
from dashboard.context import Context
from dashboard.gallery.component import strip
from dashboard.gallery.query import ImageIndex

_MOST = 12
_WORDS = (
    "By the cosine between their features, largest first; 1 is the same direction. "
    "Labels are the true one, then those of dense and of the variant."
)


def panel(context: Context, index: ImageIndex, image_id: int) -> None:
    """Draw the twelve nearest images, and say which are of another class; nothing without features.

    Where the sweep has none, the page Map names the command that makes them.
    """
    rows = feature_data.features(context.results)
    if rows is None or len(rows) < 2:
        return
    st.header("Nearest images", anchor=False)
    ids, likeness = nearest_images(rows, image_id, _MOST)
    captions = {}
    for other, value in zip(ids.tolist(), likeness.tolist(), strict=True):
        is_own = index.label[other] == index.label[image_id]
        captions[other] = f"{'= same class' if is_own else '≠ other class'}, {value:.2f}"
    with st.container(key="image-neighbors"):
        strip(context, index, ids.tolist(), context.variant, captions)
    st.caption(_WORDS)
