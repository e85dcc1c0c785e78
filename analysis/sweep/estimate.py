"""Estimate the missing runs of a sweep and the time, memory and disk they take."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
import numpy.typing as npt

from analysis.compression.registry import quantization
from analysis.config import Machine, Shift, Sweep, Training
from analysis.datasets import open_dataset
from analysis.datasets.base import Dataset
from analysis.datasets.preprocess import prepare
from analysis.datasets.rotation import ROTATED
from analysis.execution.local import usable_cores
from analysis.models.geometry import Geometry
from analysis.shifts.corruptions.apply import corrupt
from analysis.stats.planning import detectable_difference
from analysis.store import Cache
from analysis.sweep import tasks
from analysis.sweep.plan import (
    Run,
    check_data,
    planned,
    planned_on_shifts,
    selected,
    taught_steps,
    training_steps,
)
from analysis.training.messages import Profile

_BYTES_A_PREDICTION = 18  # confidences hardly compress, everything else does
_MEGABYTE = 1e6


@dataclass(frozen=True)
class Data:
    """Number of images, seconds to decode them, and bytes on disk.

    ``corrupting``: seconds to corrupt all test images for every shift; ``shifted``: bytes of the
    shifted images.
    """

    n_train: int
    n_test: int
    decoding: float
    thumbnails: int
    inputs: int
    corrupting: float = 0.0
    shifted: int = 0


@dataclass(frozen=True)
class Estimate:
    """Estimated seconds by phase, and bytes of memory and disk."""

    starting: float
    decoding: float
    training: float
    evaluation: float
    shifts: float
    memory: int
    disk: int
    disk_meanwhile: int

    @property
    def seconds(self) -> float:
        """Total seconds."""
        return self.starting + self.decoding + self.training + self.evaluation + self.shifts

    def __str__(self) -> str:
        shifts = f", shifts {duration(self.shifts)}" if self.shifts else ""
        return (
            f"time: about {duration(self.seconds)} (start {duration(self.starting)}, decoding "
            f"{duration(self.decoding)}, training {duration(self.training)}, evaluation "
            f"{duration(self.evaluation)}{shifts})\n"
            f"memory: about {size(self.memory)}; disk: about {size(self.disk)}, and "
            f"{size(self.disk_meanwhile)} while it runs"
        )


def estimate(
    todo: Sequence[Run],
    training: Training,
    data: Data,
    trial: Profile,
    *,
    starting: float,
    n_workers: int,
    shifted: Sequence[Run] = (),
) -> Estimate:
    """Estimate the cost of the missing runs.

    ``shifted`` names a run once for every shift to predict. A run takes its training steps and the
    prediction of all test images; a distilled run also predicts its batches with the dense model, a
    quantized run the test images with its base model. Runs share ``n_workers`` workers; no run is
    split.
    """
    steps = [training_steps(training, variant, data.n_train) for variant, _ in todo]
    taught = sum(taught_steps(training, variant, data.n_train) for variant, _ in todo)
    teaching = taught * min(training.batch_size, data.n_train) * trial.image
    evaluation = [data.n_test * trial.image * _n_predictions(run) + trial.latency for run in todo]
    rounds = _rounds(len(todo), n_workers)
    trained = sum(map(bool, steps))
    on_shifts = sum(_n_predictions(run) for run in shifted) * data.n_test * trial.image
    return Estimate(
        starting=starting,
        decoding=data.decoding if todo else 0.0,
        training=(sum(steps) * trial.step + teaching) * rounds,
        evaluation=sum(evaluation) * rounds,
        shifts=data.corrupting + on_shifts * _rounds(len(shifted), n_workers),
        memory=n_workers * trial.memory + data.inputs,
        disk=data.thumbnails
        + (len(todo) + len(shifted)) * data.n_test * _BYTES_A_PREDICTION
        + trained * trial.weights,
        disk_meanwhile=data.inputs + data.shifted,
    )


def _n_predictions(run: Run) -> int:
    """Return the predictions per image: a quantized run also predicts with its base model."""
    return 1 + (quantization(run[0]) is not None)


def _rounds(n_runs: int, n_workers: int) -> float:
    """Return the sequential share of all work; the last round may be half empty."""
    return -(-n_runs // n_workers) / n_runs if n_runs else 0.0


def duration(seconds: float) -> str:
    """Format a duration: 0.4 s, 35 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(n_bytes: float) -> str:
    """Format a size: 0.2 MB, 35 MB, 1.4 GB."""
    megabytes = n_bytes / _MEGABYTE
    if megabytes < 1000:
        return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:.0f} MB"
    return f"{megabytes / 1000:.1f} GB"


_TRIED_IMAGES = 256
_CORRUPTED_IMAGES = 4


def describe(sweep: Sweep, cache: Cache, machine: Machine) -> str:
    """Describe a sweep without writing anything to the cache.

    The model is timed on random pixels in all workers at once, as in the sweep; some images are
    decoded.
    """
    check_data(sweep)
    folder = cache.sweep(sweep.name)
    dataset = selected(sweep, open_dataset(sweep.dataset))
    manifest = folder.manifest() if folder.exists else None
    todo, shifted = planned(manifest, sweep), planned_on_shifts(manifest, sweep)
    n_workers = min(machine.workers or usable_cores(), max(1, len(todo)))
    started = time.perf_counter()
    with tasks.pool(n_workers) as pool:
        spec, device = tasks.submit(
            pool, "resolve_model", sweep, len(dataset.class_names), dataset.channels,
            dataset.native_size, machine.device,
        ).result()  # fmt: skip
        starting = time.perf_counter() - started
        trials = [
            tasks.submit(pool, "profile_model", sweep, spec, device) for _ in range(n_workers)
        ]
        trial = _mean([future.result() for future in trials])
    data = _try_data(dataset, spec.geometry, sweep.shifts)
    expected = estimate(
        todo, sweep.training, data, trial, starting=starting, n_workers=n_workers, shifted=shifted
    )
    rotated = f" ({ROTATED})" if dataset.tail is not None else ""
    size = " x ".join(str(side) for side in spec.image_size)
    variants = ", ".join(dict.fromkeys(variant.variant_id for variant, _ in todo)) or "none left"
    return (
        f"{sweep.name}: {len(todo)} runs to do, in {folder.path}\n"
        f"dataset: {data.n_train} train{rotated} and {data.n_test} test images, "
        f"{len(dataset.class_names)} classes\n"
        f"model: {spec.name}, {spec.parameters:,} parameters ({spec.prunable:,} prunable), "
        f"input {size}\n"
        f"variants: {variants}\n"
        f"{f'shifts: {len(shifted)} predictions of a run on a shift{chr(10)}' * bool(shifted)}"
        f"{_detectable_sentence(sweep.seeds, dataset.test.labels)}\n"
        f"measured: {1000 * trial.step:.1f} ms a training step on {device}, {n_workers} at a time\n"
        f"{expected}"
    )


_RECALL = 0.9


def _detectable_sentence(n_seeds: int, labels: npt.NDArray[np.int64]) -> str:
    """Say what difference in a class's recall these seeds detect, under binomial variation."""
    sizes = np.bincount(labels)
    middle = int(np.median(sizes[sizes > 0]))
    if n_seeds < 2:
        return "seeds: one seed shows no variation between seeds; use at least two, better ten"
    variance = np.array([_RECALL * (1 - _RECALL) / middle])
    detectable = detectable_difference(variance, n_seeds, variance, n_seeds)[0]
    return (
        f"seeds: {n_seeds} seeds detect {100 * detectable:.1f} points of recall in a class of "
        f"{middle:,} images (80 % power, for binomial variation at {100 * _RECALL:.0f} % recall; "
        "'plan SWEEP' computes it from runs)"
    )


def _mean(trials: list[Profile]) -> Profile:
    return Profile(
        step=mean(t.step for t in trials),
        image=mean(t.image for t in trials),
        latency=mean(t.latency for t in trials),
        weights=trials[0].weights,
        memory=max(t.memory for t in trials),
    )


def _try_data(dataset: Dataset, geometry: Geometry, shifts: tuple[Shift, ...]) -> Data:
    """Time decoding on a few images of each split and extrapolate to all."""
    n_train, n_test = len(dataset.train), len(dataset.test)
    few = dataset.limited(min(n_train, _TRIED_IMAGES), min(n_test, _TRIED_IMAGES))
    n_few = len(few.train) + len(few.test)
    with tempfile.TemporaryDirectory() as temporary:
        started = time.perf_counter()
        prepared = prepare(few, geometry, Path(temporary), progress=lambda *_: None)
        each = (time.perf_counter() - started) / n_few
        corrupting = _seconds_of_corrupting(prepared.inputs.pixels("test"), shifts)
    n_images = n_train + n_test
    bytes_each = geometry.channels * geometry.size[0] * geometry.size[1]
    return Data(
        n_train=dataset.n_train,
        n_test=n_test,
        decoding=each * n_images,
        thumbnails=prepared.images.nbytes * n_test // max(1, prepared.images.num_rows),
        inputs=n_images * bytes_each,
        corrupting=corrupting * n_test,
        shifted=len(shifts) * n_test * bytes_each,
    )


def _seconds_of_corrupting(pixels: npt.NDArray[np.uint8], shifts: tuple[Shift, ...]) -> float:
    """Return the seconds that all requested corruptions of one image take."""
    few = [np.array(one) for one in pixels[:_CORRUPTED_IMAGES]]
    started = time.perf_counter()
    for shift in shifts:
        if shift.corruption is not None and shift.severity is not None:
            for one in few:
                corrupt(one, shift.corruption, shift.severity)
    return (time.perf_counter() - started) / len(few)
