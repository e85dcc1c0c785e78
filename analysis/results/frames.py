"""Tables of one shape whatever is in them: columns in order, and a type for each."""

import pandas as pd

from analysis import schema

_NOT_NUMBERS = frozenset(
    {
        schema.VARIANT_ID, schema.METHOD, schema.CLASS_NAME, "kind", "metric", "paired",
        "compute_dtype", "attribute", "value", "other_variant_id",
    }
)  # fmt: skip


def stack(frames: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    """Join tables with these columns; one without rows has them too."""
    if not frames:
        return typed(pd.DataFrame(columns=list(columns)))
    return typed(pd.concat(frames, ignore_index=True))


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn columns of numbers with nothing known into float64, so that null is always NaN."""
    untyped = [
        name
        for name in frame.columns
        if pd.api.types.is_object_dtype(frame[name]) and name not in _NOT_NUMBERS
    ]
    return frame.astype(dict.fromkeys(untyped, "float64"))
