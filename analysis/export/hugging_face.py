"""The format ``hugging-face``: Parquet in Hugging Face's image layout, with a dataset card."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis import schema
from analysis.errors import UserError
from analysis.export.registry import Files, register
from analysis.export.selection import NO_PICTURE, Chosen, file_of, pictures

_SHARD = 5_000
_ROW_GROUP = 100
_CLASSES = (schema.LABEL, "dense_modal_label", "modal_label")
_LEFT_OUT = ("label_name", "dense_modal_name", "modal_name", schema.VARIANT_ID)
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_CARD = """\
---
pretty_name: {title}
task_categories:
- image-classification
configs:
- config_name: default
  data_files:
  - split: test
    path: data/test-*
dataset_info:
  features:
{features}
---

# {heading}

Test images chosen from a sweep of Lethe, with the answers of dense and compressed classifiers.
`load_dataset` reads this folder.

| what | value |
| --- | --- |
{facts}

`label` is the true class, `dense_modal_label` the (most frequent) prediction of the dense models,
`modal_label` that of the variant's. `is_pie`: the two differ; `kind` is `forgotten` (dense
right, variant wrong), `recovered` (the reverse) or `changed` (both wrong). Shares, agreements and
confidences are 0 to 1. The pictures are thumbnails of at most {px} pixels. {missing}
"""


@register(
    "hugging-face",
    title="Hugging Face dataset folder",
    shape="folder",
    suffix=".zip",
    mime="application/zip",
    needs_pictures=True,
    about="Parquet in Hugging Face's image layout with a dataset card: what load_dataset(folder) "
    "and the hub read, and Lethe's own parquet:DIR.",
)
def hugging_face(chosen: Chosen) -> Files:
    """Yield the Parquet files, 5,000 images each, then ``README.md``."""
    rows = _plain(chosen.table)
    content = pictures(chosen.results, chosen.image_ids)
    starts = range(0, len(chosen), _SHARD)
    n_rows = 0
    for number, start in enumerate(starts):
        table = _shard(rows.slice(start, _SHARD), content, chosen.class_names)
        n_rows += table.num_rows
        buffer = io.BytesIO()
        pq.write_table(table, buffer, row_group_size=_ROW_GROUP)
        yield f"data/test-{number:05d}-of-{len(starts):05d}.parquet", buffer.getvalue()
    if not n_rows:
        raise UserError(NO_PICTURE)
    yield "README.md", _card(chosen, rows.schema, len(chosen) - n_rows).encode()


def _plain(table: pd.DataFrame) -> pa.Table:
    """Convert columns to types that the format knows, and rename the path of the source."""
    table = table.drop(columns=list(_LEFT_OUT)).rename(columns={schema.PATH: "source_path"})
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    for i, field in enumerate(arrow.schema):
        kind = _type_of(field)
        if kind is None:
            text = [None if value is None else str(value) for value in arrow[i].to_pylist()]
            arrow = arrow.set_column(i, field.name, pa.array(text, pa.string()))
        elif kind != field.type:
            arrow = arrow.set_column(i, field.name, arrow[i].cast(kind))
    return arrow


def _type_of(field: pa.Field) -> pa.DataType | None:
    if field.name in _CLASSES:
        return pa.int64()
    kind = field.type
    if pa.types.is_null(kind) or pa.types.is_large_string(kind):
        return pa.string()
    known = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_string)
    if any(one(kind) for one in known):
        return kind
    return pa.float64() if pa.types.is_floating(kind) else None


def _shard(
    rows: pa.Table, content: Iterator[tuple[int, bytes | None]], class_names: list[str]
) -> pa.Table:
    """Add the next pictures to their rows; a row without one is left out."""
    taken = [next(content) for _ in range(rows.num_rows)]
    images = [
        {"bytes": picture, "path": file_of(image_id, picture)}
        for image_id, picture in taken
        if picture is not None
    ]
    rows = rows.filter(pa.array([picture is not None for _, picture in taken]))
    features: dict[str, Any] = {schema.IMAGE: {"_type": "Image"}}
    for field in rows.schema:
        features[field.name] = (
            {"names": class_names, "_type": "ClassLabel"}
            if field.name in _CLASSES
            else {"dtype": _dtype(field.type), "_type": "Value"}
        )
    about = json.dumps({"info": {"features": features}})
    table = rows.add_column(0, schema.IMAGE, pa.array(images, type=_IMAGE))
    return table.replace_schema_metadata({"huggingface": about})


def _dtype(kind: pa.DataType) -> str:
    return {"double": "float64", "float": "float32"}.get(str(kind), str(kind))


def _card(chosen: Chosen, layout: pa.Schema, n_missing: int) -> str:
    lines = ["  - name: image", "    dtype: image"]
    for field in layout:
        lines.append(f"  - name: {_yaml(field.name)}")
        if field.name in _CLASSES:
            lines += ["    dtype:", "      class_label:", "        names:"]
            lines += [
                f"          '{i}': {_yaml(name)}" for i, name in enumerate(chosen.class_names)
            ]
        else:
            lines.append(f"    dtype: {_dtype(field.type)}")
    title = f"{chosen.results.manifest.name}, {chosen.variant_id}"
    return _CARD.format(
        title=_yaml(title),
        features="\n".join(lines),
        heading=_markdown(title),
        facts="\n".join(f"| {name} | {_markdown(value)} |" for name, value in chosen.facts.items()),
        px=schema.THUMBNAIL_PX,
        missing=f"{n_missing} of the chosen images have none and are left out." * bool(n_missing),
    )


def _yaml(text: str) -> str:
    """Write text from the data as a double-quoted YAML scalar."""
    escaped = (
        f"\\{one}" if one in '"\\' else one if one.isprintable() else f"\\U{ord(one):08x}"
        for one in text
    )
    return f'"{"".join(escaped)}"'


def _markdown(text: str) -> str:
    """Write text from the data as one line that no Markdown reader takes for markup."""
    line = " ".join(text.split())
    marks = "\\`*_{}[]<>()#+!|&$~"
    return "".join(f"\\{one}" if one in marks else one for one in line)
