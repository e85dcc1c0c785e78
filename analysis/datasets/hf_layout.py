"""Convert tables in Hugging Face's image layout, ``image{bytes, path}`` and a label."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.datasets.base import Dataset, EncodedImages, Split, meta_frame, stratified_split
from analysis.datasets.files import LeftOut
from analysis.errors import UserError

_IMAGE_COLUMNS = ("image", "img")
_LABEL_COLUMNS = ("label", "labels", "fine_label")


@dataclass(frozen=True)
class Layout:
    """The columns of image and label, and the class of each label value."""

    image: str
    label: str
    values: pa.Array
    class_names: tuple[str, ...]


def dataset_of(
    train: pa.Table,
    test: pa.Table | None,
    where: str,
    *,
    class_names: Sequence[str] | None = None,
    left_out: Sequence[LeftOut] = (),
) -> Dataset:
    """Make a dataset from a train and a test table; without a test table split off 30 %.

    Class names are the given ones, else those of the ClassLabel in the schema's ``huggingface``
    metadata, else the sorted label values. Other flat columns become ``meta_*``.

    Raises
    ------
    UserError
        A column is missing or of another type, or fewer than two classes have images.
    """
    tables = [_decoded(table) for table in (train, test) if table is not None]
    layout = _layout(tables, where, class_names)
    skipped = list(left_out)
    splits = [
        _split(table, layout, name, skipped)
        for name, table in zip(("train", "test"), tables, strict=False)
    ]
    if len(np.unique(splits[0].labels)) < 2:
        raise UserError(f"{where}: column '{layout.label}' has fewer than two classes")
    whole = splits[0] if test is None else None
    if test is None:
        splits = [splits[0].take(indices) for indices in stratified_split(splits[0].labels)]
    return Dataset(
        layout.class_names,
        splits[0],
        splits[1],
        channels=3,
        left_out=tuple(skipped),
        whole=whole,
    )


def _decoded(table: pa.Table) -> pa.Table:
    """Decode dictionary columns, such as a categorical label."""
    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(i, field.name, table[i].cast(field.type.value_type))
    return table


def _layout(tables: Sequence[pa.Table], where: str, class_names: Sequence[str] | None) -> Layout:
    features = _features(tables[0].schema)
    image = _column(tables[0], "Image", _IMAGE_COLUMNS, features, where)
    label = _column(tables[0], "ClassLabel", _LABEL_COLUMNS, features, where)
    for table in tables:
        for column in (image, label):
            if column not in table.column_names:
                raise UserError(f"{where}: a split has no column '{column}'")
        kind = table.schema.field(image).type
        if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
            raise UserError(f"{where}: column '{image}' is not a struct with 'bytes'")
    names = class_names or features.get(label, {}).get("names")
    if names:
        kind = tables[0].schema.field(label).type
        if not pa.types.is_integer(kind):
            raise UserError(f"{where}: column '{label}' must hold class ids, not {kind}")
        return Layout(image, label, pa.array(range(len(names)), kind), tuple(names))
    try:
        found = pc.unique(pa.chunked_array([c for t in tables for c in t[label].chunks]))
        values = found.drop_null().sort()
    except pa.ArrowException as error:
        raise UserError(f"{where}: column '{label}' holds no labels: {error}") from None
    return Layout(image, label, values, tuple(str(value) for value in values.to_pylist()))


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """Return the features that ``datasets`` stores in the schema, if any."""
    try:
        info = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: about for name, about in info.items() if isinstance(about, dict)}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _column(
    table: pa.Table,
    kind: str,
    names: Sequence[str],
    features: dict[str, dict[str, Any]],
    where: str,
) -> str:
    described = [name for name, about in features.items() if about.get("_type") == kind]
    for name in (*(n for n in names if n in described), *described, *names):
        if name in table.column_names:
            return name
    raise UserError(
        f"{where} has no column {' or '.join(names)}; it has {', '.join(table.column_names)}"
    )


def _split(table: pa.Table, layout: Layout, name: str, skipped: list[LeftOut]) -> Split:
    indices = pc.index_in(table[layout.label], value_set=layout.values)
    paths = _paths(table[layout.image])
    known = indices.is_valid().to_numpy()
    for row in np.flatnonzero(~known):
        file = paths[row] if paths is not None else f"{name}[{row}]"
        label = table[layout.label][int(row)].as_py()
        reason = "has no label" if label is None else f"has label {label!r}, which is not a class"
        skipped.append({"file": file, "split": name, "reason": reason})
    kept = pa.array(known)
    table = table.filter(kept)
    others = [
        field.name
        for field in table.schema
        if field.name not in (layout.image, layout.label) and not pa.types.is_nested(field.type)
    ]
    return Split(
        EncodedImages(pc.struct_field(table[layout.image], "bytes")),
        indices.filter(kept).to_numpy().astype(np.int64),
        None if paths is None else [path for path, k in zip(paths, known, strict=True) if k],
        meta_frame(table.select(others).to_pandas()) if others else None,
    )


def _paths(images: pa.ChunkedArray) -> list[str] | None:
    """Return the paths of the images if they are unique and complete."""
    if images.type.get_field_index("path") < 0:
        return None
    paths = pc.struct_field(images, "path").to_pylist()
    return paths if None not in paths and len(set(paths)) == len(paths) else None
