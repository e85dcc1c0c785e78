"""One run as it goes to a worker and comes back: importable without torch."""

from dataclasses import dataclass
from typing import Any

from analysis.config import Sweep
from analysis.manifest import FileRecord
from analysis.models.spec import ModelSpec
from analysis.preparing import Inputs
from analysis.remote import Location
from analysis.store import SweepFolder


@dataclass(frozen=True)
class Context:
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
class Outcome:
    """What a finished run leaves for the manifest: measured figures and files by relative path."""

    variant_id: str
    seed: int
    measured: dict[str, Any]
    latency_ms: float | None
    seconds: float
    files: dict[str, FileRecord]
