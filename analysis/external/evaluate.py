"""Try an external model on some images, and predict all of them: what a worker does."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from analysis.config import DENSE_ID
from analysis.datasets.preprocess import (
    Arrays,
    model_input,
)
from analysis.errors import LetheError, RunError, UserError, one_line
from analysis.external.model import Array, Loaded, Needed
from analysis.external.registry import open_model
from analysis.external.signature import Fit, Input, are_probabilities, inputs_of
from analysis.external.spec import ModelFile
from analysis.filesystem import Location
from analysis.outputs.prediction import prediction_table
from analysis.store import SweepFolder
from analysis.training.loop import Normalizer, evaluation_batches
from analysis.training.messages import RunResult, ShiftResult
from analysis.training.profile import median_latency

# What a probability of 0 counts as: its logarithm must stay a number. As of imported ones.
_SMALLEST = float(np.finfo(np.float64).tiny)

# Where the images that a model is to predict lie, at the size it takes, and their name.
Place = Callable[[Fit], tuple[Arrays, str]]


@dataclass(frozen=True)
class ExternalContext:
    """What all external models of a sweep share; beside ``arrays`` lies what may be lost."""

    folder: Location
    arrays: Arrays
    needed: Needed


@lru_cache(maxsize=2)
def _opened(model: ModelFile, needed: Needed) -> Loaded:
    return open_model(model, needed)


def try_model_file(model: ModelFile, needed: Needed, pictures: list[Image.Image]) -> Fit:
    """Open a model, and find with one image, then some, what it takes and gives.

    Raises
    ------
    UserError
        It cannot be opened, does not take such images, or gives no score a class.
    """
    loaded = _opened(model, needed)
    try:
        ways = inputs_of(loaded, needed)
    except ValueError as error:
        raise UserError(f"{model.label}: {error}") from None
    way, outputs = _first_that_runs(model, loaded, ways, pictures)
    place = _scores_among(model, outputs, needed.n_classes)
    scores = outputs[place]
    if not np.isfinite(scores).all():
        raise UserError(f"{model.label}: its outputs are not finite on images of the dataset")
    return Fit(
        model,
        loaded.sha256,
        loaded.figures,
        way.layout,
        loaded.dtype,
        way.batch,
        way.size,
        way.channels,
        place,
        len(outputs),
        needed.n_classes,
        are_probabilities(scores),
        loaded.says.mean,
        loaded.says.std,
        notes=loaded.notes,
    )


def _first_that_runs(
    model: ModelFile, loaded: Loaded, ways: list[Input], pictures: list[Image.Image]
) -> tuple[Input, list[Array]]:
    reasons = []
    for way in ways:
        pixels = np.stack([model_input(one, way.size, way.channels) for one in pictures])
        half = (0.5,) * way.channels
        batches = [pixels[:1], pixels] if way.batch is None else [pixels]
        try:
            for images in batches:
                parts = [
                    [
                        *loaded.run(
                            _fed(_filled(part, way.batch), loaded.dtype, way.layout, half, half)
                        ).values()
                    ]
                    for part in _cut(images, way.batch)
                ]
        except Exception as error:
            shape = f"[{len(images)}, {way.channels}, {way.size[0]}, {way.size[1]}]"
            shape += "" if way.layout == "NCHW" else " (channels last)"
            reasons.append(f"it does not take {loaded.dtype} {shape}: {one_line(error)}")
            continue
        outputs = [
            np.concatenate([np.atleast_1d(p[i]) for p in parts]) for i in range(len(parts[0]))
        ]
        return way, [one[: len(pixels)] for one in outputs]
    raise UserError(f"{model.label}: {reasons[0]}")


def _scores_among(model: ModelFile, outputs: list[Array], n_classes: int) -> int:
    for place, output in enumerate(outputs):
        if output.ndim == 2 and output.shape[1] == n_classes:
            if not np.issubdtype(output.dtype, np.floating):
                raise UserError(
                    f"{model.label}: its outputs are {output.dtype}; expected logits or "
                    "probabilities"
                )
            return place
    shapes = " and ".join(str(["N", *output.shape[1:]]).replace("'", "") for output in outputs[:3])
    raise UserError(
        f"{model.label}: it gives outputs of shape {shapes or 'none'} where [N, {n_classes}] was "
        f"expected: the dataset has {n_classes} classes"
    )


def evaluate(context: ExternalContext, fit: Fit, dense: Fit | None) -> RunResult:
    """Predict every test image with one model and write the predictions.

    ``dense`` is what its outputs are compared with, image by image; None without.

    Raises
    ------
    RunError
        The model fails on an image, or is another one than was tried.
    """
    started = time.perf_counter()
    table = _table(context, fit, dense, lambda one: (context.arrays, one.pixels))
    loaded = _opened(fit.model, context.needed)
    latency = None
    if fit.batch in (None, 1):
        one = _input(fit, context.arrays.pixels(fit.pixels)[:1])
        latency = median_latency(loaded.run, one)
    figures = fit.figures
    measured = {
        "sparsity": figures.sparsity,
        "weight_bits": figures.weight_bits,
        "size_bytes": figures.size_bytes,
        "compute_dtype": figures.compute_dtype,
    }
    store, key = SweepFolder(context.folder), fit.model.key
    record = store.write_predictions(*key, table, measured)
    files = {store.relative(store.prediction_path(*key)): record}
    return RunResult(*key, measured, latency, time.perf_counter() - started, files)


def evaluate_shifts(
    context: ExternalContext, fit: Fit, dense: Fit | None, folder: Path, names: tuple[str, ...]
) -> ShiftResult:
    """Predict the images of some shifts with one model and write the predictions.

    ``folder`` has a folder of pixels for every size that is taken. A shift on which that fails
    leaves the others alone.
    """
    store, key = SweepFolder(context.folder), fit.model.key
    done, failed, files = [], {}, {}
    for name in names:
        try:
            table = _table(context, fit, dense, partial(_shifted, folder, name))
            record = store.write_predictions(*key, table, {}, shift=name)
        except LetheError as error:
            failed[name] = one_line(error)
            continue
        files[store.relative(store.prediction_path(*key, shift=name))] = record
        done.append(name)
    return ShiftResult(tuple(done), failed, files)


def _shifted(folder: Path, name: str, fit: Fit) -> tuple[Arrays, str]:
    return Arrays(folder / fit.pixels), name


def _table(context: ExternalContext, fit: Fit, dense: Fit | None, place: Place) -> pa.Table:
    """Predictions of the images that lie, for every model, at a place of its size."""
    arrays, name = place(fit)
    logits = _logits(context, fit, arrays, name)
    beside = None if dense is None else _logits(context, dense, *place(dense))
    return prediction_table(logits, arrays.labels(name), dense_logits=beside)


def _logits(context: ExternalContext, fit: Fit, arrays: Arrays, name: str) -> Array:
    """Logits of all images of a name, (N, C); those of dense models are kept for the others."""
    if fit.model.variant_id != DENSE_ID:
        return _predicted(context, fit, arrays.pixels(name))
    kept = arrays.folder / f"scores-{name}-{fit.model.seed}.npy"
    if kept.exists():
        return np.asarray(np.load(kept))
    logits = _predicted(context, fit, arrays.pixels(name))
    temporary = kept.with_suffix(f".{os.getpid()}.part.npy")
    np.save(temporary, logits)
    temporary.replace(kept)
    return logits


def _predicted(context: ExternalContext, fit: Fit, pixels: Array) -> Array:
    loaded = _opened(fit.model, context.needed)
    if loaded.sha256 != fit.sha256:
        raise RunError("the file was changed while the sweep ran")
    batches = evaluation_batches(pixels, "cpu") if fit.batch is None else _cut(pixels, fit.batch)
    parts = []
    for batch in batches:
        try:
            outputs = [*loaded.run(_input(fit, _filled(batch, fit.batch))).values()]
        except Exception as error:
            raise RunError(f"the model fails on an image: {one_line(error)}") from error
        parts.append(_scores(fit, outputs[fit.output][: len(batch)]))
    return np.concatenate(parts)


def _scores(fit: Fit, scores: Array) -> Array:
    if not np.isfinite(scores).all():
        raise RunError("the model's outputs are not finite")
    if not fit.are_probabilities:
        return scores if scores.dtype == np.float64 else scores.astype(np.float32)
    if not are_probabilities(scores):
        raise RunError(
            "the outputs were probabilities on the first images and are none on others; give a "
            "model that gives logits"
        )
    exact = scores.astype(np.float64)
    return np.log(np.where(exact > 0, exact, _SMALLEST))


def _input(fit: Fit, pixels: Array) -> Array:
    return _fed(pixels, fit.dtype, fit.layout, fit.mean or (0.0,), fit.std or (1.0,))


def _fed(
    pixels: Array, dtype: str, layout: str, mean: tuple[float, ...], std: tuple[float, ...]
) -> Array:
    """Pixels uint8 [N, C, H, W] as a model takes them."""
    images: Any = pixels
    if dtype != "uint8":
        images = Normalizer(mean, std, "cpu")(pixels).numpy().astype(dtype)
    if layout == "NHWC":
        images = images.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images)


def _cut(pixels: Array, batch: int | None) -> Iterator[Array]:
    size = batch or len(pixels)
    for start in range(0, len(pixels), size):
        yield pixels[start : start + size]


def _filled(pixels: Array, batch: int | None) -> Array:
    """Fill a batch up to the number a model takes, with its last image."""
    lacking = 0 if batch is None else batch - len(pixels)
    return np.concatenate([pixels, np.repeat(pixels[-1:], lacking, axis=0)]) if lacking else pixels
