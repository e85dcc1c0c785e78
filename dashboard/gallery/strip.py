"""A strip of pictures, each a link to the page of its image."""

from html import escape
from urllib.parse import urlencode

import streamlit as st

from dashboard import data
from dashboard.context import Context
from dashboard.gallery.query import ImageIndex
from dashboard.gallery.tiles import KIND_ICONS, tile
from dashboard.text import alt_text


def strip(context: Context, index: ImageIndex, image_ids: list[int], variant_id: str) -> None:
    """Show images as one variant sees them."""
    uris = data.thumbnail_uris(context.results, image_ids)
    st.html(
        '<div class="lethe-strip">'
        + "".join(
            _figure(context, tile(context, index, image_id, uri), variant_id)
            for image_id, uri in zip(image_ids, uris, strict=True)
        )
        + "</div>"
    )


def _figure(context: Context, shown: dict[str, object], variant_id: str) -> str:
    asked = {"sweep": context.manifest.name, "variant": variant_id, "image": shown["id"]}
    picture = (
        f'<img class="lethe-picture" src="{shown["src"]}" alt="{alt_text(shown["alt"])}">'
        if shown["src"]
        else '<div class="lethe-none">no image</div>'
    )
    kind = str(shown["kind"])
    address = escape(f"image?{urlencode(asked)}")
    return (
        f'<a class="lethe-strip-tile" target="_self" href="{address}">{picture}'
        f"<b>{escape(str(shown['label']))}</b>"
        f"<span>{escape(str(shown['dense']))} → {escape(str(shown['variant']))}</span>"
        f"<span>{KIND_ICONS[kind]} {escape(str(shown['kindText']))}</span></a>"
    )
