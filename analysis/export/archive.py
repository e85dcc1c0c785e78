"""The format ``zip``: the pictures as stored, a table of results, and a note on both."""

import numpy as np

from analysis import schema
from analysis.export.registry import Files, register
from analysis.export.selection import Chosen, file_of, pictures
from analysis.store.tabular import to_csv

_ABOUT = """\
{facts}

images/     the pictures as stored in the cache: thumbnails of at most {px} pixels, named by
            image_id
images.csv  one row an image, in the order chosen. file is empty where the cache holds no picture
            ({missing}). label, dense_modal_label and modal_label are class ids; the columns
            ending in _name hold the names. dense_modal_label is the (most frequent) prediction
            of the dense models, modal_label that of the variant's; is_pie says that they differ;
            kind is forgotten (dense right, variant wrong), recovered (the reverse) or changed (both
            wrong). Shares, agreements and confidences are 0 to 1. Text that starts with = + - @
            has an apostrophe in front, so that no spreadsheet runs it.
"""


@register(
    "zip",
    title="ZIP of images and CSV",
    shape="folder",
    suffix=".zip",
    mime="application/zip",
    about="The pictures as stored in the cache, one row of a CSV each, and a note that explains "
    "them.",
)
def archive(chosen: Chosen) -> Files:
    """Yield the pictures, then ``images.csv`` and ``README.txt``."""
    # Read in the order of their file; the table keeps the chosen order.
    files: dict[int, str] = {}
    for image_id, content in pictures(chosen.results, np.sort(chosen.image_ids)):
        if content is not None:
            files[image_id] = f"images/{file_of(image_id, content)}"
            yield files[image_id], content
    names = [files.get(int(i), "") for i in chosen.image_ids]
    table = chosen.table.copy()
    table.insert(0, "file", names)
    yield "images.csv", to_csv(table).encode()
    n_missing = len(chosen) - len(files)
    about = _ABOUT.format(
        facts="\n".join(f"{name}: {_line(value)}" for name, value in chosen.facts.items()),
        px=schema.THUMBNAIL_PX,
        missing=f"{n_missing} of {len(chosen)}" if n_missing else "none here",
    )
    yield "README.txt", about.encode()


def _line(text: str) -> str:
    return " ".join(text.split())
