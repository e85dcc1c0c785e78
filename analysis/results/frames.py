"""Tables of one shape whatever is in them: columns in order, and a type for each."""

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


def rows_of(whole: pd.DataFrame, variant: VariantRecord) -> pd.DataFrame:
    """Keep one variant's rows; curves name it by method and target sparsity alone."""
    if schema.VARIANT_ID in whole:
        return whole[whole[schema.VARIANT_ID] == variant.variant_id].reset_index(drop=True)
    same_level = (
        whole[schema.TARGET_SPARSITY].isna()
        if variant.target_sparsity is None
        else whole[schema.TARGET_SPARSITY] == variant.target_sparsity
    )
    return whole[(whole[schema.METHOD] == variant.method) & same_level].reset_index(drop=True)
