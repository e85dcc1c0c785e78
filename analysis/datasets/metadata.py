"""Columns that come with images, as the ``meta_*`` columns of the cache."""

import pandas as pd

from analysis import schema


def meta_frame(frame: pd.DataFrame) -> pd.DataFrame | None:
    """Name columns ``meta_*``, each once; None where there is no column."""
    names: list[str] = []
    for column in frame.columns:
        name = stem = schema.META_PREFIX + str(column).removeprefix(schema.META_PREFIX)
        count = 1
        while name in names:
            count += 1
            name = f"{stem}_{count}"
        names.append(name)
    return frame.set_axis(names, axis=1).reset_index(drop=True) if names else None
