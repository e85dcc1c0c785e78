"""Messages to and from workers, importable without torch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.config import Sweep
from analysis.datasets.preprocess import Inputs
from analysis.filesystem import Location
from analysis.models.spec import ModelSpec
from analysis.store import SweepFolder
from analysis.store.manifest import FileRecord
from analysis.store.records import MachineRecord


@dataclass(frozen=True)
class RunContext:
    """The shared context of a sweep's runs, small enough to send with each."""

    sweep: Sweep
    folder: Location
    spec: ModelSpec
    inputs: Inputs
    device: str

    @property
    def store(self) -> SweepFolder:
        """The sweep's folder."""
        return SweepFolder(self.folder)


@dataclass(frozen=True)
class RunResult:
    """The result of a run for the manifest: measurements and files by relative path.

    ``machine`` is added by the worker.
    """

    variant_id: str
    seed: int
    measured: dict[str, Any]
    latency_ms: float | None
    seconds: float
    files: dict[str, FileRecord]
    machine: MachineRecord | None = None


@dataclass(frozen=True)
class ShiftResult:
    """The result of predicting shifts: those done, the errors of others, and files."""

    done: tuple[str, ...]
    failed: dict[str, str]
    files: dict[str, FileRecord]


@dataclass(frozen=True)
class Profile:
    """Measurements of a model in a worker while all workers are busy.

    ``step`` and ``image`` are seconds per training step and per predicted image, ``latency``
    seconds to measure a run's latency; ``weights`` are the bytes of a run's weights, ``memory`` the
    worker's peak memory.
    """

    step: float
    image: float
    latency: float
    weights: int
    memory: int


@dataclass(frozen=True)
class Layer:
    """A layer that can be restored to float: its name and its node in the ONNX graph.

    ``node`` is empty if the model has no graph or no node names.
    """

    name: str
    node: str = ""


@dataclass(frozen=True)
class LayerAnswer:
    """Predictions of a model with some layers in float, (N,), and its stored bytes."""

    prediction: npt.NDArray[np.int64]
    size_bytes: int
