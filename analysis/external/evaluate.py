"""Open, try and evaluate an external model in a worker, within its time limit."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.config import DENSE_ID
from analysis.datasets.preprocess import Arrays
from analysis.errors import LetheError, RunError, UserError, one_line
from analysis.execution import OVERDUE
from analysis.external.doctor import Candidate
from analysis.external.feeding import Decided, fed
from analysis.external.fit import Fit, Trial, all_scores_of, scores_of
from analysis.external.model import Array, Loaded, Needed
from analysis.external.registry import open_model
from analysis.external.sample import Sample
from analysis.external.signature import Input, Signature, signature_of
from analysis.external.spec import ModelFile
from analysis.filesystem import Location
from analysis.filesystem.atomic import exists
from analysis.outputs.features import Features, gathered, reduced
from analysis.outputs.run_scores import RunScores, predictions, run_scores, table_of
from analysis.store import SweepFolder
from analysis.training.loop import evaluation_batches
from analysis.training.messages import RunResult, ShiftResult
from analysis.training.profile import median_latency

# Returns the decoded images for a model's input size, and their name.
Locate = Callable[[Fit], tuple[Arrays, str]]


@dataclass(frozen=True)
class ExternalContext:
    """The shared context of a sweep's external models; temporary files lie beside ``arrays``.

    ``needed`` maps each run to the requirements for opening its model.
    """

    folder: Location
    arrays: Arrays
    needed: dict[tuple[str, int], Needed]


@lru_cache(maxsize=2)
def _opened(model: ModelFile, needed: Needed) -> Loaded:
    with ended_after(needed.time_limit * OPENING):
        loaded = open_model(model, needed)
    return timed(loaded, needed.time_limit)


def look_at(model: ModelFile, needed: Needed) -> Signature:
    """Open a model and return its signature.

    Raises
    ------
    UserError
        The model cannot be opened.
    """
    return signature_of(model, _opened(model, needed))


def try_model(
    signature: Signature, needed: Needed, forms: Sequence[tuple[Input, Decided]], sample: Sample
) -> Trial:
    """Run a model on some images; return the trial of the first input form it accepts.

    Raises
    ------
    UserError
        The model accepts none of the input forms.
    """
    loaded = _opened(signature.model, needed)
    reasons = []
    for form, decided in forms:
        pixels = sample.pixels(decided.geometry(form))
        try:
            if form.batch is None and len(pixels) > 1:
                # Try one image first: it fits any model and exposes one that never ends soonest.
                run_on(loaded, signature, form, decided, pixels[:1])
            outputs = run_on(loaded, signature, form, decided, pixels)
        except Exception as error:
            reasons.append(
                f"it does not take {signature.dtype} {form.shape(len(pixels))}: {one_line(error)}"
            )
            continue
        return Trial(form, decided, outputs)
    raise UserError(f"{signature.model.label}: {reasons[0]}")


def right_on(
    fit: Fit,
    needed: Needed,
    candidate: Candidate,
    sample: Sample,
    n: int,
    label: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Return whether a model is correct on each of the first n images with another feeding.

    All are False if the model rejects the feeding. ``label`` holds classes of the sweep.
    """
    form, decided = candidate.form, candidate.decided
    pixels = sample.pixels(decided.geometry(form), n)
    try:
        outputs = run_on(_opened(fit.signature.model, needed), fit.signature, form, decided, pixels)
        scores = scores_of(fit, outputs[candidate.output or fit.output], len(pixels))
    except Exception:
        return np.zeros(len(pixels), np.bool_)
    return np.asarray(predictions(scores) == label[: len(pixels)])


def run_on(
    loaded: Loaded, signature: Signature, form: Input, decided: Decided, pixels: Array
) -> dict[str, Array]:
    """Run a model on images; return its outputs by name, one row an image."""
    parts: dict[str, list[Array]] = {}
    for batch in _batches(pixels, form.step):
        images = fed(_filled(batch, form.batch), signature, decided.feeding, form.layout)
        for name, output in loaded.run(images).items():
            parts.setdefault(name, []).append(_rows(np.asarray(output), len(images), len(batch)))
    return {name: np.concatenate(some) for name, some in parts.items()}


def _rows(output: Array, n_images: int, n: int) -> Array:
    """Return the rows of a batch's images, without a leading axis of length 1."""
    if output.ndim == 3 and output.shape[0] == 1 and output.shape[1] == n_images:
        output = output[0]
    return np.atleast_1d(output)[:n]


def evaluate(context: ExternalContext, fit: Fit, dense: Fit | None) -> RunResult:
    """Predict every test image with one model and write the predictions.

    ``dense`` is the model to compare its outputs with, image by image, or None.

    Raises
    ------
    RunError
        The model fails on an image, or its file has changed.
    """
    started = time.perf_counter()
    table = _table(context, fit, dense, lambda image: (context.arrays, image.pixels))
    loaded = _reopen(context, fit)
    latency = None
    if fit.form.batch in (None, 1):
        image = context.arrays.pixels(fit.pixels)[:1]
        batch = fed(image, fit.signature, fit.feeding, fit.form.layout)
        latency = median_latency(loaded.run, batch)
    figures = fit.signature.figures
    measured = {
        "sparsity": figures.sparsity,
        "weight_bits": figures.weight_bits,
        "size_bytes": figures.size_bytes,
        "compute_dtype": figures.compute_dtype,
    }
    store = SweepFolder(context.folder)
    record = store.write_predictions(*fit.key, table, measured)
    files = {store.relative(store.prediction_path(*fit.key)): record}
    return RunResult(*fit.key, measured, latency, time.perf_counter() - started, files)


def predict_dense(context: ExternalContext, fit: Fit) -> npt.NDArray[np.int64]:
    """Predict every test image with a dense model, (N,); cache its scores.

    Raises
    ------
    RunError
        The model fails on an image.
    UserError
        The scores are those of a multi-label model.
    """
    scores = _scores(context, fit, context.arrays, fit.pixels).scores
    if fit.columns is not None and scores.ndim == 2:
        scores = scores[:, list(fit.columns)]
    return predictions(scores)


def evaluate_shifts(
    context: ExternalContext, fit: Fit, dense: Fit | None, folder: Path, names: tuple[str, ...]
) -> ShiftResult:
    """Predict the images of some shifts with one model and write the predictions.

    ``folder`` has one folder of pixels per input size. A failed shift does not affect the others.
    """
    store, key = SweepFolder(context.folder), fit.key
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


def _table(context: ExternalContext, fit: Fit, dense: Fit | None, locate: Locate) -> pa.Table:
    """Return the prediction table of a model on the images that ``locate`` returns."""
    arrays, name = locate(fit)
    run = _scores(context, fit, arrays, name)
    dense_scores = None if dense is None else _scores(context, dense, *locate(dense))
    return table_of(run, arrays.labels(name), fit.n_classes, dense_scores)


def _scores(context: ExternalContext, fit: Fit, arrays: Arrays, name: str) -> RunScores:
    """Return the scores of all images of a name; cache those of dense models."""
    cached = arrays.folder / f"scores-{name}-{fit.key[1]}.npy"
    if fit.key[0] == DENSE_ID and exists(cached):
        scores: Array = np.load(cached)
    else:
        scores = _run(_reopen(context, fit), fit, arrays.pixels(name))
        if fit.key[0] == DENSE_ID:
            temporary = cached.with_suffix(f".{os.getpid()}.part.npy")
            np.save(temporary, scores)
            temporary.replace(cached)
    name = f"{fit.signature.model.label}: its scores"
    return run_scores(scores, fit.scores, name=name, columns=fit.columns)


def _reopen(context: ExternalContext, fit: Fit) -> Loaded:
    loaded = _opened(fit.signature.model, context.needed[fit.key])
    if loaded.sha256 != fit.signature.sha256:
        raise RunError("the file was changed while the sweep ran")
    return loaded


def features_of(context: ExternalContext, fit: Fit) -> Features:
    """Compute the features of all test images: the model's penultimate layer, else its scores.

    Raises
    ------
    RunError
        The model fails on an image.
    UserError
        The model outputs labels alone, or equal features for every image.
    """
    loaded = _reopen(context, fit)
    name = fit.signature.model.run.replace("@", " seed ")
    pixels = context.arrays.pixels(fit.pixels)
    before_last = None if loaded.penultimate is None else loaded.penultimate(fit.output)
    folder = context.arrays.folder
    if before_last is not None:
        try:
            parts = _run_in_batches(fit, before_last, pixels)
            return gathered(parts, len(pixels), folder, f"penultimate layer of {name}")
        except LetheError:
            pass  # equal for every image, or too many: use the scores
    if fit.kind == "labels":
        raise UserError(f"{fit.signature.model.label} outputs labels alone: there are no features")
    what = "logits" if fit.kind == "logits" else "scores"
    scores = _scores(context, fit, context.arrays, fit.pixels).scores
    return reduced(scores, f"{what} of {name}")


def _run_in_batches(fit: Fit, run: Callable[[Array], Array], pixels: Array) -> Iterator[Array]:
    for batch in _batches(pixels, fit.form.step):
        images = fed(_filled(batch, fit.form.batch), fit.signature, fit.feeding, fit.form.layout)
        try:
            features = _rows(run(images), len(images), len(batch))
        except Exception as error:
            raise RunError(f"the model fails on an image: {one_line(error)}") from error
        yield features


def predicted_by(loaded: Loaded, fit: Fit, pixels: Array) -> npt.NDArray[np.int64]:
    """Predict images with an open model, with the feeding and output of ``fit``, (n,)."""
    scores = _run(loaded, fit, pixels)
    if fit.columns is not None and scores.ndim == 2:
        scores = scores[:, list(fit.columns)]
    return predictions(scores)


def _run(loaded: Loaded, fit: Fit, pixels: Array) -> Array:
    parts = []
    for batch in _batches(pixels, fit.form.step):
        images = fed(_filled(batch, fit.form.batch), fit.signature, fit.feeding, fit.form.layout)
        try:
            output = np.asarray(loaded.run(images)[fit.output])
            parts.append(all_scores_of(fit, _rows(output, len(images), len(batch)), len(batch)))
        except Exception as error:
            raise RunError(f"the model fails on an image: {one_line(error)}") from error
    return np.concatenate(parts)


def _batches(pixels: Array, batch: int | None) -> Iterator[Array]:
    if batch is None:
        yield from evaluation_batches(pixels, "cpu")
        return
    for start in range(0, len(pixels), batch):
        yield pixels[start : start + batch]


def _filled(pixels: Array, batch: int | None) -> Array:
    """Pad a batch with its last image to the model's fixed batch size."""
    missing = 0 if batch is None else batch - len(pixels)
    return np.concatenate([pixels, np.repeat(pixels[-1:], missing, axis=0)]) if missing else pixels


# Opening a model counts as so many images.
OPENING = 10


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """End this process if the block takes longer; 0 for never.

    A system signal does it, which no lock or loop in native code delays, else a thread.
    """
    if seconds <= 0:
        yield
    elif hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    else:
        timer = threading.Timer(seconds, os._exit, (OVERDUE,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def timed(loaded: Loaded, seconds: float) -> Loaded:
    """Return a model that ends its process if it takes longer than ``seconds`` per image."""
    if seconds <= 0:
        return loaded

    def within(run: Callable[[Array], Any]) -> Callable[[Array], Any]:
        def run_in_time(images: Array) -> Any:
            with ended_after(seconds * len(images)):
                return run(images)

        return run_in_time

    def penultimate(output: str) -> Callable[[Array], Array] | None:
        assert loaded.penultimate is not None
        with ended_after(seconds * OPENING):
            run = loaded.penultimate(output)
        return None if run is None else within(run)

    has_layer = loaded.penultimate is not None
    return replace(loaded, run=within(loaded.run), penultimate=penultimate if has_layer else None)
