"""From a figure or a table into the gallery, with the filters of what was clicked."""

from typing import Any

from dashboard import pages, state
from dashboard.context import Context
from dashboard.selection import Selection


def open_gallery(context: Context, **filters: Any) -> None:
    """Open the gallery of this sweep and variant with these filters and no others."""
    selection = Selection(
        **{
            "sweep": context.selection.sweep,
            "variant": context.selection.variant,
            "ties": context.selection.ties,
            **filters,
        }
    )
    state.open_page(pages.page("gallery"), selection, context.default_variant)
