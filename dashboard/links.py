"""From a figure or a table into the gallery, with the filters of what was clicked."""

from typing import Any

from dashboard import pages, state
from dashboard.context import Context
from dashboard.selection import Selection


def open_gallery(context: Context, **filters: Any) -> None:
    """Open the gallery of this sweep and variant with these filters and no others."""
    here = context.selection
    variant = {"variant": here.variant, "method": here.method, "sparsity": here.sparsity}
    if "variant" in filters:
        variant = {}
    selection = Selection(**{"sweep": here.sweep, "ties": here.ties, **variant, **filters})
    state.open_page(pages.page("gallery"), selection, context.default_variant)
