"""The images that the filters of the address let through, for the pages that step through them."""

from dashboard import data
from dashboard.context import Context
from dashboard.gallery import query, sorting
from dashboard.gallery.query import Found, ImageIndex


def found(context: Context, index: ImageIndex, values: sorting.Values | None) -> Found:
    """Filter and sort the images of one variant, by ``values`` of :func:`sorting.values`."""
    return query.find(
        index,
        context.selection,
        context.results.class_names,
        data.categories(context.results),
        tags=data.marks(context.results.folder).tags,
        values=values,
    )
