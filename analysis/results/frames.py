"""Data frames with fixed columns and types, whether or not they have rows."""

import pandas as pd

from analysis import schema
from analysis.store.manifest import VariantRecord

_NOT_NUMBERS = frozenset(
    {
        schema.VARIANT_ID, schema.METHOD, schema.CLASS_NAME, "kind", "metric", "paired",
        "compute_dtype", "attribute", "value", "other_variant_id",
        schema.SHIFT, "corruption", "dataset", "test",
        "score", "split", "slice", "name", "description", "typical_images",
        "study", "group", "rater", "other_rater", "category", "measure", "time", "scalar",
        "layer", "layers", "nodes",
    }
)  # fmt: skip


def stack(frames: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    """Concatenate tables; without any, return an empty one with these columns."""
    if not frames:
        return typed(pd.DataFrame(columns=list(columns)))
    return typed(pd.concat(frames, ignore_index=True))


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn numeric columns of type object into float64, so that null is always NaN."""
    untyped = [
        name
        for name in frame.columns
        if pd.api.types.is_object_dtype(frame[name]) and name not in _NOT_NUMBERS
    ]
    return frame.astype(dict.fromkeys(untyped, "float64"))


def rows_of(table: pd.DataFrame, variant: VariantRecord) -> pd.DataFrame:
    """Keep one variant's rows; curves name it by method and target sparsity alone."""
    if schema.VARIANT_ID in table:
        return table[table[schema.VARIANT_ID] == variant.variant_id].reset_index(drop=True)
    same_level = (
        table[schema.TARGET_SPARSITY].isna()
        if variant.target_sparsity is None
        else table[schema.TARGET_SPARSITY] == variant.target_sparsity
    )
    return table[(table[schema.METHOD] == variant.method) & same_level].reset_index(drop=True)
