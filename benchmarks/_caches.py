"""Synthetic caches of ImageNet's size, written through the real store.

Every image has a difficulty and three classes it is confused with. A run errs at a rate that grows
with the difficulty and with the compression, and mostly confuses an image with the same class. So
runs agree on most images and disagree on the hard ones, as in real populations.
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis import schema
from analysis.config import DENSE_ID, Variant, parse_variants
from analysis.store import Cache, SweepFolder
from analysis.store.manifest import (
    Config,
    DatasetRecord,
    DeviceRecord,
    Manifest,
    VariantRecord,
)

VARIANTS = (
    "magnitude=0.1,0.3,0.5,0.7,0.9",
    "magnitude-global=0.3,0.5,0.7,0.9",
    "int8-static",
    "int8-dynamic",
)
_CONFUSIONS = np.array([0.72, 0.92])  # cumulative shares of the first and second wrong class


def make_cache(
    root: Path,
    *,
    n_images: int,
    n_classes: int = 1_000,
    seeds: int = 30,
    variants: tuple[str, ...] = VARIANTS,
    thumbnail: Callable[[int], bytes] | None = None,
    name: str = "large",
    metadata: Mapping[str, npt.NDArray[Any]] | None = None,
    added: npt.NDArray[np.float32] | None = None,
    random_seed: int = 0,
) -> SweepFolder:
    """Write a sweep of random predictions; without ``thumbnail`` its pictures are null.

    ``added`` is the increase of each image's error rate by compression; without it, the error rate
    grows with the compression and with the difficulty of the image.
    """
    folder = Cache(root).sweep(name)
    parsed = parse_variants(list(variants))
    generator = np.random.default_rng(random_seed)
    label = generator.integers(0, n_classes, n_images).astype(np.int32)
    wrong = (label + generator.integers(1, n_classes, (3, n_images))) % n_classes
    difficulty = 0.95 * generator.beta(0.22, 0.75, n_images).astype(np.float32)
    manifest = Manifest(
        name=name,
        config=Config([v.variant_id for v in parsed], seeds),
        dataset=DatasetRecord("drawn", n_train=0, n_test=n_images),
        dataset_fingerprint="drawn",
        class_names=[f"class {c:04d}" for c in range(n_classes)],
        variants=[_record(variant) for variant in parsed],
        seeds=list(range(seeds)),
        device=DeviceRecord("cpu", threads_per_run=1),
    )
    images = _images(label, thumbnail)
    for column, values in (metadata or {}).items():
        images = images.append_column(f"{schema.META_PREFIX}{column}", pa.array(values))
    manifest.files["images.parquet"] = folder.write_images(images)

    def write(run: tuple[int, VariantRecord, int]) -> None:
        number, record, seed = run
        harm = 1 + 0.8 * (record.target_sparsity or 0.0) ** 3
        error = difficulty * np.float32(harm)
        if added is not None:
            error = difficulty + (added if record.variant_id != DENSE_ID else 0)
        drawn = np.random.default_rng([1 + random_seed, number])
        table = _draw_run(label, wrong, np.minimum(error, 0.97), n_classes, drawn)
        written = folder.write_predictions(record.variant_id, seed, table, {})
        path = folder.relative(folder.prediction_path(record.variant_id, seed))
        manifest.files[path] = written
        state = manifest.run(record.variant_id, seed)
        state.state, state.size_bytes, state.latency_ms = "done", 100_000, 0.5
        state.sparsity, state.weight_bits = record.target_sparsity or 0.0, 32.0

    runs = [(record, seed) for record in manifest.variants for seed in manifest.seeds]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, [(i, *run) for i, run in enumerate(runs)]))
    folder.write_manifest(manifest)
    return folder


def thumbnails(side: int = 160, kept: int = 1000) -> Callable[[int], bytes]:
    """Return a function that makes distinct JPEG thumbnails of about 6 kB.

    A few pictures are encoded; every thumbnail is one of them with the image's id in a JPEG
    comment, so that no two are equal and a million take as long as copying them.
    """
    from io import BytesIO

    from PIL import Image

    generator = np.random.default_rng(2)
    pictures = []
    for _ in range(kept):
        coarse = generator.integers(0, 256, (20, 20, 3)).astype(np.uint8)
        smooth = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        grain = generator.normal(0, 9, (side, side, 3))
        noisy = np.clip(np.asarray(smooth, np.float64) + grain, 0, 255).astype(np.uint8)
        encoded = BytesIO()
        Image.fromarray(noisy).save(encoded, "JPEG", quality=67)
        pictures.append(encoded.getvalue())

    def thumbnail(image_id: int) -> bytes:
        picture, comment = pictures[image_id % kept], str(image_id).encode()
        marker = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        return picture[:2] + marker + picture[2:]

    return thumbnail


def _record(variant: Variant) -> VariantRecord:
    is_int8 = variant.method.startswith("int8")
    level = variant.steps[0].level if variant.steps else None
    sparsity = 0.0 if variant.variant_id == DENSE_ID else level
    return VariantRecord(variant.variant_id, variant.method, sparsity, paired=is_int8)


def _images(label: npt.NDArray[np.int32], thumbnail: Callable[[int], bytes] | None) -> pa.Table:
    n, layout = len(label), schema.images_schema()
    size = pa.array(np.full(n, 256, np.int32))
    kind = layout.field(schema.IMAGE).type
    pictures: Any = pa.nulls(n, kind)
    if thumbnail is not None:
        parts = [
            pa.array(
                [{"bytes": thumbnail(i), "path": None} for i in range(start, min(start + 8192, n))],
                type=kind,
            )
            for start in range(0, n, 8192)
        ]
        pictures = pa.chunked_array(parts)
    paths = pa.array([f"class {c:04d}/{i:07d}.jpg" for i, c in enumerate(label)])
    ids = pa.array(np.arange(n, dtype=np.int32))
    return pa.table([ids, pa.array(label), paths, size, size, pictures], schema=layout)


def _draw_run(
    label: npt.NDArray[np.int32],
    wrong: npt.NDArray[np.int64],
    error: npt.NDArray[np.float32],
    n_classes: int,
    generator: np.random.Generator,
) -> pa.Table:
    n = len(label)
    errs = generator.random(n, np.float32) < error
    which = np.searchsorted(_CONFUSIONS, generator.random(n, np.float32))
    prediction = np.where(errs, wrong[which, np.arange(n)], label)
    noise = generator.random(n, np.float32)
    confidence = (0.35 + 0.6 * (1 - error) * (0.6 + 0.4 * noise)).astype(np.float32)
    right = prediction == label
    columns = {
        schema.IMAGE_ID: np.arange(n),
        schema.PREDICTION: prediction,
        schema.CONFIDENCE: confidence,
        schema.TRUE_CONFIDENCE: np.where(right, confidence, (1 - confidence) / 2),
        schema.TRUE_RANK: np.where(right, 0, 1 + (noise * 8).astype(np.int64)),
        schema.EL2N: 1 - confidence,
    }
    fields = schema.predictions_schema(n_classes)
    return pa.table(
        [
            pa.array(columns[f.name].astype(f.type.to_pandas_dtype()))
            if f.name in columns
            else pa.nulls(n, f.type)
            for f in fields
        ],
        schema=fields,
    )
