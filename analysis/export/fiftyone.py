"""The format ``fiftyone``: a folder that FiftyOne imports as ``fo.types.FiftyOneDataset``."""

import json
import math
import re
from typing import Any

import numpy as np

from analysis import schema
from analysis.errors import UserError
from analysis.export.registry import Files, register
from analysis.export.selection import NO_PICTURE, Chosen, file_of, pictures

_SCALARS = (
    schema.IMAGE_ID, "vote_distance", "dense_agreement", "agreement", "dense_accuracy", "accuracy",
)  # fmt: skip
_TAKEN = {"id", "filepath", "tags", "metadata", "ground_truth", "dense", *_SCALARS}
_ABOUT = """\
import fiftyone as fo

dataset = fo.Dataset.from_dir(dataset_dir=".", dataset_type=fo.types.FiftyOneDataset)
session = fo.launch_app(dataset)

Fields: ground_truth (the true label), dense (the prediction of the dense models, the most
frequent of several, its confidence the mean of theirs), {field} (the same of the
variant). Tags: pie or non-pie, the kind of PIE (forgotten, recovered, changed), tied.

{facts}
{missing}
"""


@register(
    "fiftyone",
    title="FiftyOne dataset",
    shape="folder",
    suffix=".zip",
    mime="application/zip",
    needs_pictures=True,
    about="A folder for fo.Dataset.from_dir(dataset_type=fo.types.FiftyOneDataset): pictures, "
    "ground truth, answers of dense and the variant as Classification labels, kinds as tags.",
)
def fiftyone(chosen: Chosen) -> Files:
    """Yield the pictures under ``data/``, then ``samples.json``, ``metadata.json``, a note.

    Notes
    -----
    Written without FiftyOne, in the form without database identifiers: FiftyOne creates them itself
    if ``metadata.json`` names no version.
    """
    files: dict[int, str] = {}
    for image_id, content in pictures(chosen.results, np.sort(chosen.image_ids)):
        if content is not None:
            files[image_id] = f"data/{file_of(image_id, content)}"
            yield files[image_id], content
    if not files:
        raise UserError(NO_PICTURE)
    field = field_name(chosen.variant_id)
    samples = _samples(chosen, files, field)
    yield "samples.json", json.dumps({"samples": samples}, allow_nan=False).encode()
    manifest = chosen.results.manifest
    metadata = {
        "name": f"{manifest.name}-{chosen.variant_id}",
        "media_type": "image",
        "info": {**chosen.facts, "variant_field": field},
        "default_classes": chosen.class_names,
    }
    yield "metadata.json", json.dumps(metadata, indent=1).encode()
    n_missing = len(chosen) - len(files)
    about = _ABOUT.format(
        field=field,
        facts="\n".join(f"{n}: {' '.join(v.split())}" for n, v in chosen.facts.items()),
        missing=f"{n_missing} images without a picture are left out." * bool(n_missing),
    )
    yield "README.txt", about.encode()


def field_name(text: str) -> str:
    """Return a valid name of a FiftyOne field: letters, digits and underscores."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    return f"variant_{name}" if not name[:1].isalpha() or name in _TAKEN else name


def _samples(chosen: Chosen, files: dict[int, str], field: str) -> list[dict[str, Any]]:
    confidence = _mean_confidence(chosen)
    metas = [name for name in chosen.table.columns if name.startswith(schema.META_PREFIX)]
    meta_fields = dict(zip(metas, _distinct([field_name(name) for name in metas]), strict=True))
    samples = []
    for row, sure in zip(chosen.table.to_dict("records"), confidence, strict=True):
        image_id = int(row[schema.IMAGE_ID])
        if image_id not in files:
            continue
        sample: dict[str, Any] = {
            "filepath": files[image_id],
            "tags": _tags(row),
            "ground_truth": _label(row["label_name"], None),
            "dense": _label(row["dense_modal_name"], row["dense_confidence"]),
            field: _label(row["modal_name"], sure),
        }
        sources = {name: name for name in _SCALARS} | {schema.PATH: "source_path"} | meta_fields
        for column, name in sources.items():
            value = _scalar(row[column])
            if value is not None:
                sample[name] = value
        samples.append(sample)
    return samples


def _distinct(names: list[str]) -> list[str]:
    """Number repeated names, so that each is a field of its own."""
    distinct: list[str] = []
    for name in names:
        field, n = name, 2
        while field in distinct:
            field, n = f"{name}_{n}", n + 1
        distinct.append(field)
    return distinct


def _mean_confidence(chosen: Chosen) -> list[float]:
    """Mean confidence of the variant's runs in their predictions; NaN if unknown."""
    known = chosen.results.population(chosen.variant_id)[schema.CONFIDENCE]
    mean: list[float] = known[:, chosen.image_ids].astype(np.float64).mean(axis=0).tolist()
    return mean


def _tags(row: dict[str, Any]) -> list[str]:
    tags = ["pie" if row["is_pie"] else "non-pie"]
    if row["kind"]:
        tags.append(str(row["kind"]))
    return [*tags, "tied"] if row["tied"] or row["dense_tied"] else tags


def _label(name: str, confidence: Any) -> dict[str, Any]:
    label: dict[str, Any] = {"_cls": "Classification", "tags": [], "label": name}
    sure = _scalar(confidence)
    return label if sure is None else label | {"confidence": sure}


def _scalar(value: Any) -> Any:
    """Convert a value to a JSON type: whole number, number, boolean or text; None if unknown."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    text = str(value)
    return None if text in ("NaT", "<NA>") else text
