"""What goes to a worker and comes back, importable without torch: a run, a model tried out."""

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
    """What all runs of a sweep share; small enough to send along with each."""

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
    """What a finished run leaves for the manifest: measured figures and files by relative path.

    ``machine`` is what it was made on; the worker adds it.
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
    """What predicting a run on shifts leaves: those done, what went wrong on others, and files."""

    done: tuple[str, ...]
    failed: dict[str, str]
    files: dict[str, FileRecord]


@dataclass(frozen=True)
class Profile:
    """What was measured of a model in a worker, all workers busy at once.

    ``step`` and ``image`` are seconds of a training step and of the prediction of one image,
    ``latency`` those of measuring a run's latency; ``weights`` the bytes of a run's weights,
    ``memory`` those of the worker at its largest.
    """

    step: float
    image: float
    latency: float
    weights: int
    memory: int


@dataclass(frozen=True)
class Layer:
    """A layer that can be put back to float: its name, and that of its node in the ONNX graph.

    ``node`` is empty where the model has no graph, or its graph names no nodes.
    """

    name: str
    node: str = ""


@dataclass(frozen=True)
class LayerAnswer:
    """What a model says with some layers in float: a class an image, (N,), and bytes as stored."""

    prediction: npt.NDArray[np.int64]
    size_bytes: int
