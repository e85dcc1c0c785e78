"""What a sweep will take, from what a few steps of it took: time, memory and disk."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.compression.registry import quantization
from analysis.config import Training
from analysis.sweep.plan import Run, training_steps
from analysis.training.messages import Profile

_BYTES_A_PREDICTION = 18  # confidences hardly compress, everything else does
_MEGABYTE = 1e6


@dataclass(frozen=True)
class Data:
    """Number of images, what decoding them takes, and what they take on disk, bytes.

    ``corrupting`` are the seconds that corrupting all test images takes, every shift asked,
    ``shifted`` the bytes of the shifted ones.
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
    """Seconds by what they are spent on, and bytes."""

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
        """Seconds altogether."""
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
    """Estimate the runs that are to do.

    ``shifted`` names a run once for every shift it is to be predicted on. A run takes its steps and
    the prediction of all test images; one that is quantized predicts with the model it is made from
    too. They share ``n_workers`` workers, and no run is cut in two.
    """
    steps = [training_steps(training, variant, data.n_train) for variant, _ in todo]
    evaluation = [data.n_test * trial.image * _n_predictions(run) + trial.latency for run in todo]
    rounds = _rounds(len(todo), n_workers)
    trained = sum(map(bool, steps))
    on_shifts = sum(_n_predictions(run) for run in shifted) * data.n_test * trial.image
    return Estimate(
        starting=starting,
        decoding=data.decoding if todo else 0.0,
        training=sum(steps) * trial.step * rounds,
        evaluation=sum(evaluation) * rounds,
        shifts=data.corrupting + on_shifts * _rounds(len(shifted), n_workers),
        memory=n_workers * trial.memory + data.inputs,
        disk=data.thumbnails
        + (len(todo) + len(shifted)) * data.n_test * _BYTES_A_PREDICTION
        + trained * trial.weights,
        disk_meanwhile=data.inputs + data.shifted,
    )


def _n_predictions(run: Run) -> int:
    """How often a run predicts the images: a quantized one with what it is made from too."""
    return 1 + (quantization(run[0]) is not None)


def _rounds(n_runs: int, n_workers: int) -> float:
    """Share of all work that is done one after another: the last round may be half empty."""
    return -(-n_runs // n_workers) / n_runs if n_runs else 0.0


def duration(seconds: float) -> str:
    """Duration in words: 0.4 s, 35 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(n_bytes: float) -> str:
    """Size in words: 0.2 MB, 35 MB, 1.4 GB."""
    megabytes = n_bytes / _MEGABYTE
    if megabytes < 1000:
        return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:.0f} MB"
    return f"{megabytes / 1000:.1f} GB"
