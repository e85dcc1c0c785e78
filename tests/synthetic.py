"""Sweeps made of drawn predictions, written through the real store: quick, and known in advance."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from analysis import schema
from analysis.config import DENSE_ID, parse_variants
from analysis.filesystem import RemotePath
from analysis.outputs.features import Features, publish_features
from analysis.results.image_map import keep_map
from analysis.store import Cache, SweepFolder, sealing
from analysis.store.manifest import (
    Config,
    DatasetRecord,
    DeviceRecord,
    Manifest,
    ModelRecord,
    ShiftRecord,
    VariantRecord,
)

VARIANTS = ("magnitude=0.5,0.9", "int8-static")


def thumbnail(image_id: int, size: int = 16) -> bytes:
    """A small picture that differs from image to image."""
    y, x = np.mgrid[:size, :size]
    pixels = (x * (image_id % 7 + 1) + y * (image_id % 11 + 1) * 3) % 256
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _unawaited(_descriptor: int) -> None:
    """Sweeps of tests need not outlive a loss of power."""


@mock.patch("os.fsync", _unawaited)
def make_sweep(
    root: str | Path | RemotePath,
    name: str = "made",
    *,
    n_images: int = 200,
    class_names: Sequence[str] = ("ant", "bee", "cat", "dog", "eel"),
    seeds: int = 6,
    variants: Sequence[str] = VARIANTS,
    random_seed: int = 0,
    shifts: Sequence[str] = (),
    metadata: Mapping[str, Sequence[object]] | None = None,
) -> SweepFolder:
    """Write a sweep in which stronger compression makes more errors; paired where it quantizes.

    On every shift, such as ``fog-3``, all runs make more errors, pruned ones more so.
    """
    generator = np.random.default_rng(random_seed)
    folder = Cache(root).sweep(name)
    n_classes = len(class_names)
    label = generator.integers(0, n_classes, n_images).astype(np.int32)
    difficulty = generator.beta(0.3, 3.0, n_images)
    parsed = parse_variants(variants)
    manifest = Manifest(
        name=name,
        config=Config([v.variant_id for v in parsed], seeds),
        dataset=DatasetRecord("synthetic", n_train=0, n_test=n_images),
        model=ModelRecord("none"),
        dataset_fingerprint="synthetic",
        class_names=list(class_names),
        variants=[
            VariantRecord(
                v.variant_id,
                v.method,
                0.0 if v.is_dense else (v.steps[0].level if v.steps[0].level else None),
                paired=bool(v.steps) and v.steps[-1].method.startswith("int8"),
            )
            for v in parsed
        ],
        seeds=list(range(seeds)),
        device=DeviceRecord("cpu", threads_per_run=1),
    )
    planted = np.where(difficulty > np.quantile(difficulty, 0.9), "blur", "none")
    images = pa.table(
        {
            schema.IMAGE_ID: pa.array(np.arange(n_images, dtype=np.int32)),
            schema.LABEL: pa.array(label),
            schema.PATH: pa.array([f"test/{i:05d}.png" for i in range(n_images)]),
            schema.WIDTH: pa.array(np.full(n_images, 16, np.int32)),
            schema.HEIGHT: pa.array(np.full(n_images, 16, np.int32)),
            schema.IMAGE: pa.array(
                [{"bytes": thumbnail(i), "path": None} for i in range(n_images)],
                type=schema.images_schema().field(schema.IMAGE).type,
            ),
            "meta_planted": pa.array(planted.tolist()),
            **{name: pa.array(list(values)) for name, values in (metadata or {}).items()},
        }
    )
    manifest.files["images.parquet"] = folder.write_images(images)
    for variant, record in zip(parsed, manifest.variants, strict=True):
        harm = 1 + 2 * (record.target_sparsity or 0) ** 3
        for seed in range(seeds):
            write_run(
                folder, manifest, variant.variant_id, seed, label, difficulty * harm, generator
            )
    for name in shifts:
        corruption, _, severity = name.rpartition("-")
        manifest.shifts.append(ShiftRecord(name, corruption, int(severity)))
        for record in manifest.variants:
            error = difficulty * (2 + 2 * (record.target_sparsity or 0))
            for seed in range(seeds):
                write_run(
                    folder, manifest, record.variant_id, seed, label, error, generator, shift=name
                )
    folder.write_manifest(manifest)
    return folder


def write_run(
    folder: SweepFolder,
    manifest: Manifest,
    variant_id: str,
    seed: int,
    label: np.ndarray,
    error: np.ndarray,
    generator: np.random.Generator,
    shift: str | None = None,
) -> None:
    """Draw one run's predictions: wrong with probability ``error``, and write them."""
    n, n_classes = len(label), len(manifest.class_names)
    wrong = generator.random(n) < np.clip(error, 0, 0.95)
    other = (label + generator.integers(1, max(n_classes, 2), n)) % n_classes
    prediction = np.where(wrong, other, label)
    confidence = generator.uniform(0.4, 1.0, n).astype(np.float32)
    right = prediction == label
    columns = {
        schema.IMAGE_ID: np.arange(n, dtype=np.int32),
        schema.PREDICTION: prediction,
        schema.CONFIDENCE: confidence,
        schema.TRUE_CONFIDENCE: np.where(right, confidence, (1 - confidence) / 2),
        schema.TRUE_RANK: np.where(right, 0, 1),
        schema.KL_FROM_DENSE: np.full(n, np.nan),
        schema.EL2N: 1 - confidence,
        schema.MARGIN: confidence / 2,
        schema.SCORE_TIES: np.ones(n),
    }
    layout = schema.predictions_schema(n_classes)
    table = pa.table(
        {f.name: pa.array(columns[f.name].astype(f.type.to_pandas_dtype())) for f in layout},
        schema=layout,
    )
    path = folder.relative(folder.prediction_path(variant_id, seed, shift=shift))
    manifest.files[path] = folder.write_predictions(variant_id, seed, table, {}, shift=shift)
    if shift is not None:
        manifest.shift(shift).done.setdefault(variant_id, []).append(seed)
        return
    run = manifest.run(variant_id, seed)
    run.state, run.size_bytes, run.latency_ms = "done", 100_000, 0.5
    run.sparsity = manifest.variant(variant_id).target_sparsity or 0.0
    run.weight_bits = 8.0 if variant_id != DENSE_ID and variant_id.startswith("int8") else 32.0


def by_hand(path: Path) -> dict[str, Any]:
    """Return a manifest as somebody takes it who edits it: without the seal on its content."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    content.pop(sealing.KEY, None)
    return content


def listed(folder: SweepFolder) -> None:
    """Note in the manifest the files of a sweep as they lie there, changed by a test."""
    manifest = folder.manifest()
    for name, before in manifest.files.items():
        path = folder.path / name
        rows = None
        if name.endswith(".parquet"):
            rows = pq.read_metadata(path).num_rows
        manifest.files[name] = folder.record(path, rows) if path.is_file() else before
    folder.write_manifest(manifest)


def with_map(folder: SweepFolder, about: str = "penultimate layer of dense seed 0") -> SweepFolder:
    """Give a sweep features in which images of a class lie together, and a map of them."""
    manifest = folder.manifest()
    label = folder.read_images([schema.LABEL])[schema.LABEL].to_numpy()
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(len(manifest.class_names), 8))
    values = 4 * centres[label] + generator.normal(size=(len(label), 8))
    publish_features(folder, manifest, Features(values.astype(np.float16), about))
    angle = 2 * np.pi * label / len(manifest.class_names)
    placed = 0.5 + 0.38 * np.column_stack([np.cos(angle), np.sin(angle)])
    placed += generator.normal(scale=0.02, size=placed.shape)
    keep_map(folder, np.clip(placed, 0, 1).astype(np.float32))
    return folder
