"""Open, try and evaluate an external model: what a worker does."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.config import DENSE_ID
from analysis.datasets.preprocess import Arrays
from analysis.errors import LetheError, RunError, UserError, one_line
from analysis.external.doctor import Candidate
from analysis.external.feeding import Decided, fed
from analysis.external.fit import Fit, Trial, all_scores_of, scores_of
from analysis.external.model import Array, Loaded, Needed
from analysis.external.registry import open_model
from analysis.external.sample import Sample
from analysis.external.signature import Input, Signature, signature_of
from analysis.external.spec import ModelFile
from analysis.external.time_limit import OPENING, ended_after, timed
from analysis.filesystem import Location
from analysis.filesystem.atomic import exists
from analysis.outputs.features import Features, gathered, reduced
from analysis.outputs.run_scores import RunScores, predictions, run_scores, table_of
from analysis.store import SweepFolder
from analysis.training.loop import evaluation_batches
from analysis.training.messages import RunResult, ShiftResult
from analysis.training.profile import median_latency

# Where the images that a model is to predict lie, at the size it takes, and their name.
Place = Callable[[Fit], tuple[Arrays, str]]


@dataclass(frozen=True)
class ExternalContext:
    """What all external models of a sweep share; beside ``arrays`` lies what may be lost.

    ``needed`` has what each model is opened with, by its run.
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
    """Open a model and return what it declares.

    Raises
    ------
    UserError
        It cannot be opened.
    """
    return signature_of(model, _opened(model, needed))


def try_model(
    signature: Signature, needed: Needed, ways: Sequence[tuple[Input, Decided]], sample: Sample
) -> Trial:
    """Run a model on some images, fed as it will be; the first way that it takes.

    Raises
    ------
    UserError
        It does not take such images.
    """
    loaded = _opened(signature.model, needed)
    reasons = []
    for way, decided in ways:
        pixels = sample.pixels(decided.geometry(way))
        try:
            if way.batch is None and len(pixels) > 1:
                # One alone fits, too; first, since a model that never ends is so known soonest.
                run_on(loaded, signature, way, decided, pixels[:1])
            outputs = run_on(loaded, signature, way, decided, pixels)
        except Exception as error:
            reasons.append(
                f"it does not take {signature.dtype} {way.shape(len(pixels))}: {one_line(error)}"
            )
            continue
        return Trial(way, decided, outputs)
    raise UserError(f"{signature.model.label}: {reasons[0]}")


def right_on(
    fit: Fit,
    needed: Needed,
    candidate: Candidate,
    sample: Sample,
    n: int,
    label: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Which of the first n images a model is right on when it is fed in another way, (n,).

    None where it does not take that. ``label`` are classes of the sweep.
    """
    way, decided = candidate.way, candidate.decided
    pixels = sample.pixels(decided.geometry(way), n)
    try:
        outputs = run_on(_opened(fit.signature.model, needed), fit.signature, way, decided, pixels)
        scores = scores_of(fit, outputs[candidate.output or fit.output], len(pixels))
    except Exception:
        return np.zeros(len(pixels), np.bool_)
    return np.asarray(predictions(scores) == label[: len(pixels)])


def run_on(
    loaded: Loaded, signature: Signature, way: Input, decided: Decided, pixels: Array
) -> dict[str, Array]:
    """Outputs of a model by name, a row an image."""
    parts: dict[str, list[Array]] = {}
    for batch in _batches(pixels, way.step):
        given = fed(_filled(batch, way.batch), signature, decided.feeding, way.layout)
        for name, output in loaded.run(given).items():
            parts.setdefault(name, []).append(_rows(np.asarray(output), len(given), len(batch)))
    return {name: np.concatenate(some) for name, some in parts.items()}


def _rows(output: Array, n_given: int, n: int) -> Array:
    """Rows of the images of a batch; of an output that begins with an axis of length 1, its own."""
    if output.ndim == 3 and output.shape[0] == 1 and output.shape[1] == n_given:
        output = output[0]
    return np.atleast_1d(output)[:n]


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
    loaded = _open_again(context, fit)
    latency = None
    if fit.way.batch in (None, 1):
        one = context.arrays.pixels(fit.pixels)[:1]
        latency = median_latency(loaded.run, fed(one, fit.signature, fit.feeding, fit.way.layout))
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
    """Predict every test image with a dense model, (N,); its scores are kept for what follows.

    Raises
    ------
    RunError
        The model fails on an image.
    UserError
        Its scores are those of a multi-label model.
    """
    scores = _scores(context, fit, context.arrays, fit.pixels).scores
    if fit.columns is not None and scores.ndim == 2:
        scores = scores[:, list(fit.columns)]
    return predictions(scores)


def evaluate_shifts(
    context: ExternalContext, fit: Fit, dense: Fit | None, folder: Path, names: tuple[str, ...]
) -> ShiftResult:
    """Predict the images of some shifts with one model and write the predictions.

    ``folder`` has a folder of pixels for every size that is taken. A shift on which that fails
    leaves the others alone.
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


def _table(context: ExternalContext, fit: Fit, dense: Fit | None, place: Place) -> pa.Table:
    """Predictions of the images that lie, for every model, at a place of its size."""
    arrays, name = place(fit)
    run = _scores(context, fit, arrays, name)
    beside = None if dense is None else _scores(context, dense, *place(dense))
    return table_of(run, arrays.labels(name), fit.n_classes, beside)


def _scores(context: ExternalContext, fit: Fit, arrays: Arrays, name: str) -> RunScores:
    """Scores of all images of a name; those of dense models are kept for the others."""
    kept = arrays.folder / f"scores-{name}-{fit.key[1]}.npy"
    if fit.key[0] == DENSE_ID and exists(kept):
        scores: Array = np.load(kept)
    else:
        scores = _predicted(context, fit, arrays.pixels(name))
        if fit.key[0] == DENSE_ID:
            temporary = kept.with_suffix(f".{os.getpid()}.part.npy")
            np.save(temporary, scores)
            temporary.replace(kept)
    name = f"{fit.signature.model.label}: its scores"
    return run_scores(scores, fit.scores, name=name, columns=fit.columns)


def _open_again(context: ExternalContext, fit: Fit) -> Loaded:
    loaded = _opened(fit.signature.model, context.needed[fit.key])
    if loaded.sha256 != fit.signature.sha256:
        raise RunError("the file was changed while the sweep ran")
    return loaded


def features_of(context: ExternalContext, fit: Fit) -> Features:
    """Features of all test images: what a model computes before its last layer, else its scores.

    Raises
    ------
    RunError
        The model fails on an image.
    UserError
        It gives labels alone, or the same for every image.
    """
    loaded = _open_again(context, fit)
    name = fit.signature.model.run.replace("@", " seed ")
    pixels = context.arrays.pixels(fit.pixels)
    before_last = None if loaded.penultimate is None else loaded.penultimate(fit.output)
    folder = context.arrays.folder
    if before_last is not None:
        try:
            parts = _run_in_batches(fit, before_last, pixels)
            return gathered(parts, len(pixels), folder, f"penultimate layer of {name}")
        except LetheError:
            pass  # the same for every image, or too many: its scores say more
    if fit.kind == "labels":
        raise UserError(f"{fit.signature.model.label} gives labels alone: there are no features")
    what = "logits" if fit.kind == "logits" else "scores"
    scores = _scores(context, fit, context.arrays, fit.pixels).scores
    return reduced(scores, f"{what} of {name}")


def _run_in_batches(fit: Fit, run: Callable[[Array], Array], pixels: Array) -> Iterator[Array]:
    for batch in _batches(pixels, fit.way.step):
        given = fed(_filled(batch, fit.way.batch), fit.signature, fit.feeding, fit.way.layout)
        try:
            found = _rows(run(given), len(given), len(batch))
        except Exception as error:
            raise RunError(f"the model fails on an image: {one_line(error)}") from error
        yield found


def predicted_by(loaded: Loaded, fit: Fit, pixels: Array) -> npt.NDArray[np.int64]:
    """Predict images with a model that is fed and read as another one, (n,)."""
    scores = _run(loaded, fit, pixels)
    if fit.columns is not None and scores.ndim == 2:
        scores = scores[:, list(fit.columns)]
    return predictions(scores)


def _predicted(context: ExternalContext, fit: Fit, pixels: Array) -> Array:
    return _run(_open_again(context, fit), fit, pixels)


def _run(loaded: Loaded, fit: Fit, pixels: Array) -> Array:
    parts = []
    for batch in _batches(pixels, fit.way.step):
        given = fed(_filled(batch, fit.way.batch), fit.signature, fit.feeding, fit.way.layout)
        try:
            output = np.asarray(loaded.run(given)[fit.output])
            parts.append(all_scores_of(fit, _rows(output, len(given), len(batch)), len(batch)))
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
    """Fill a batch up to the number a model takes, with its last image."""
    lacking = 0 if batch is None else batch - len(pixels)
    return np.concatenate([pixels, np.repeat(pixels[-1:], lacking, axis=0)]) if lacking else pixels
