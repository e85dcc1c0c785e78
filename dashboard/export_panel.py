"""Images set out for other tools, behind one small button."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import streamlit as st

from analysis.export import Chosen, Format, formats, refusal, share_bytes
from analysis.export.selection import NO_PICTURE, first_of_each, has_pictures
from analysis.figures.preset import FigurePreset
from analysis.presentation.formatting import count
from analysis.results import SweepResults
from dashboard import figure_preset
from dashboard.commands import typed
from dashboard.context import Context
from dashboard.figure_panel import file_name
from dashboard.text import plain

_FIRST = "zip"
_BROWSER_MOST = 100_000


def panel(
    context: Context,
    image_ids: Sequence[int] | npt.NDArray[np.integer],
    *,
    key: str,
    words: str,
    label: str = "Export",
    variant_id: str | None = None,
) -> None:
    """Offer images in every format, each made only when it is downloaded.

    Parameters
    ----------
    image_ids
        The images, in the order wanted.
    key
        Tells this panel from others on the page.
    words
        In a line how they were chosen; it stands in what is downloaded.
    label
        What stands on the button, before the number of images.
    variant_id
        What they are compared with dense by; the chosen variant by default.
    """
    ids = np.asarray(image_ids, np.int64)
    with st.popover(
        f"{label} ({count(len(ids))})",
        icon=":material/ios_share:",
        disabled=not len(ids),
        key=f"ways-out-{key}",
    ):
        block(context, ids, key=key, words=words, variant_id=variant_id)


def block(
    context: Context,
    image_ids: npt.NDArray[np.int64],
    *,
    key: str,
    words: str,
    variant_id: str | None = None,
) -> None:
    """Draw what ``panel`` hides behind its button."""
    known, variant = formats(), variant_id or context.variant
    names = sorted(known, key=lambda name: name != _FIRST)
    name = st.selectbox(
        "Format", names, format_func=lambda one: known[one].title, key=f"ways-out-format-{key}"
    )
    one = known[name]
    st.caption(plain(one.about))
    each = st.number_input(
        "Of each class at most",
        1,
        value=None,
        placeholder="All",
        help="The first images of each true class, in the order they are shown in.",
        key=f"ways-out-each-{key}",
    )
    if each:
        image_ids = first_of_each(image_ids, context.results.label, each)
        words += f", the first {count(each)} of each class"
    reason = refusal(one, len(image_ids)) or _too_large(len(image_ids))
    if reason is None and one.needs_pictures and not has_pictures(context.results, image_ids):
        reason = NO_PICTURE
    if reason is not None:
        st.info(plain(reason[:1].upper() + reason[1:] + "."))

    if name.startswith("figure-sheet"):
        figure_preset.choice(f"sheet-{key}")
    preset = figure_preset.current()

    def made() -> bytes:
        return _bytes(context.results, variant, image_ids, words, one, preset)

    st.download_button(
        f"Download {count(len(image_ids))} {'image' if len(image_ids) == 1 else 'images'}",
        made,
        file_name=f"{file_name(context, variant, key)}{one.suffix}",
        mime=one.mime,
        key=f"ways-out-download-{key}-{name}",
        icon=":material/download:",
        on_click="ignore",
        disabled=reason is not None,
    )


def _too_large(n_images: int) -> str | None:
    """Say why so many images cannot go through a browser; None where they can."""
    if n_images <= _BROWSER_MOST:
        return None
    return (
        f"{count(n_images)} images are too many for a download from the browser, which must hold "
        f"them in memory; '{typed(('share', 'SWEEP'))}' writes more than {count(_BROWSER_MOST)}"
    )


def _bytes(
    opened: SweepResults,
    variant_id: str,
    image_ids: npt.NDArray[np.int64],
    words: str,
    one: Format,
    preset: FigurePreset,
) -> bytes:
    # Results of its own: a download is made beside the pages, and what is kept of a sweep in
    # memory is not made for two threads at once.
    own = SweepResults(opened.folder, ties=opened.ties)
    return share_bytes(Chosen(own, variant_id, image_ids, words, preset), one)
