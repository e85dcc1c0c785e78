"""Reading one split from Parquet files in Hugging Face's image layout."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis import schema
from analysis.datasets.base import EncodedImages, Split
from analysis.errors import UserError

_IMAGE_COLUMNS = ("image", "img")
_LABEL_COLUMNS = ("label", "labels", "fine_label")


def read_split(folder: Path, split: str, n_classes: int) -> Split:
    """Read ``<split>*.parquet`` below a folder: image{bytes, path}, label, other columns as meta.

    Raises
    ------
    UserError
        There is no such file, it is damaged, or a column is missing.
    """
    files = sorted(folder.rglob(f"{split}*.parquet"))
    if not files:
        raise UserError(f"{folder} holds no {split}*.parquet")
    try:
        table = pa.concat_tables(pq.read_table(file, partitioning=None) for file in files)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{folder}: the {split} Parquet files cannot be read: {error}") from None
    image = _column(table, _IMAGE_COLUMNS, files[0])
    label = _column(table, _LABEL_COLUMNS, files[0])
    kind = table.schema.field(image).type
    if not pa.types.is_struct(kind) or "bytes" not in {
        kind.field(i).name for i in range(kind.num_fields)
    }:
        raise UserError(f"{files[0]}: column '{image}' is no struct with 'bytes'")
    if table[label].null_count or not pa.types.is_integer(table[label].type):
        raise UserError(f"{files[0]}: column '{label}' must hold a class id in every row")
    labels = table[label].to_numpy().astype(np.int64)
    if len(labels) and not 0 <= labels.min() <= labels.max() < n_classes:
        raise UserError(f"{files[0]}: a label lies outside 0..{n_classes - 1}")
    return Split(
        EncodedImages(pc.struct_field(table[image], "bytes")),
        labels,
        metadata=_metadata(table.drop_columns([image, label])),
    )


def _column(table: pa.Table, names: tuple[str, ...], file: Path) -> str:
    for name in names:
        if name in table.column_names:
            return name
    raise UserError(f"{file} has no column {' or '.join(names)}; it has {table.column_names}")


def _metadata(table: pa.Table) -> pd.DataFrame | None:
    simple = [f.name for f in table.schema if not pa.types.is_nested(f.type)]
    frame = table.select(simple).to_pandas()
    return frame.add_prefix(schema.META_PREFIX) if simple else None
