"""The browser components of the gallery: the grid of tiles, one image over the page, a strip."""

from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from dashboard import data
from dashboard.context import Context
from dashboard.gallery.query import ImageIndex
from dashboard.gallery.tiles import KIND_ICONS, tile
from dashboard.text import alt_text

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
    js=_source("elements.js") + _source("keys.js") + _source("table.js") + _source("grid.js"),
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


def strip(
    context: Context,
    index: ImageIndex,
    image_ids: list[int],
    variant_id: str,
    words: Mapping[int, str] | None = None,
) -> None:
    """Show images as one variant sees them, each with words of its own where there are some."""
    uris = data.thumbnail_uris(context.results, image_ids)
    st.html(
        '<div class="lethe-strip">'
        + "".join(
            _figure(
                context,
                tile(context, index, image_id, uri),
                variant_id,
                (words or {}).get(image_id),
            )
            for image_id, uri in zip(image_ids, uris, strict=True)
        )
        + "</div>"
    )


def _figure(context: Context, shown: dict[str, object], variant_id: str, words: str | None) -> str:
    params = {"sweep": context.manifest.name, "variant": variant_id, "image": shown["id"]}
    picture = (
        f'<img class="lethe-picture" src="{shown["src"]}" alt="{alt_text(shown["alt"])}">'
        if shown["src"]
        else '<div class="lethe-no-image">no image</div>'
    )
    kind = str(shown["kind"])
    address = escape(f"image?{urlencode(params)}")
    return (
        f'<a class="lethe-strip-tile" target="_self" href="{address}">{picture}'
        f"<b>{escape(str(shown['label']))}</b>"
        f"<span>{escape(str(shown['dense']))} → {escape(str(shown['variant']))}</span>"
        f"<span>{KIND_ICONS[kind]} {escape(str(shown['kindText']))}</span>"
        + (f"<span>{escape(words)}</span>" if words else "")
        + "</a>"
    )
