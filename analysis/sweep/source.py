"""The protocol of model sources, the one respect in which sweeps differ.

``TrainedSource`` trains and compresses models, ``ExternalSource`` evaluates model files. The engine
(``run``, ``scheduler``, ``shifts``) asks a source for its runs, their dependencies and their jobs,
and never which of the two it is.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from analysis.config import Shift
from analysis.datasets.base import Dataset
from analysis.datasets.preprocess import Arrays, Progress
from analysis.execution import Pool
from analysis.filesystem.atomic import remove_tree
from analysis.outputs.features import Features
from analysis.shifts.inputs import Natural
from analysis.store import SweepFolder
from analysis.store.manifest import Manifest
from analysis.training.messages import RunResult, ShiftResult

# A run by its variant_id and seed.
Key = tuple[str, int]
# Names of shifts by run.
Missing = Mapping[Key, tuple[str, ...]]


@dataclass(frozen=True)
class SweepData:
    """The opened dataset of a sweep, its fingerprint and its natural shifts."""

    dataset: Dataset
    fingerprint: str
    natural: Mapping[str, Natural]


@dataclass(frozen=True)
class Workplace:
    """The state that the steps of a running sweep share."""

    pool: Pool
    folder: SweepFolder
    manifest: Manifest
    progress: Progress


class ModelSource(Protocol):
    """The models of one sweep and the jobs that make its runs."""

    name: str
    dataset: str
    shifts: tuple[Shift, ...]
    max_value: float | None

    def check(self, before: Manifest | None) -> None:
        """Check that a sweep in the cache can be resumed or extended by this one.

        Raises
        ------
        UserError
            Its origin or options differ, or this sweep cannot be made at all.
        """

    def select(self, dataset: Dataset) -> Dataset:
        """Select the images to train on and to evaluate."""

    def pool(self, root: Any) -> AbstractContextManager[Pool]:
        """Open the workers; ``root`` is the cache, which all of them must see."""

    def start(self, pool: Pool, dataset: Dataset) -> None:
        """Start resolving the models in a worker."""

    def resolve(self, pool: Pool, dataset: Dataset, before: Manifest | None) -> None:
        """Wait for the resolved models.

        Raises
        ------
        UserError
            A model cannot be used, or differs from that of the sweep in the cache.
        """

    def inputs(
        self, folder: SweepFolder, data: SweepData, progress: Progress
    ) -> AbstractContextManager[pa.Table]:
        """Decode the images to a place every worker can read; yield the table of test images."""

    def examine(self, pool: Pool, before: Manifest | None) -> None:
        """Check the baseline models on all images before anything is written.

        Raises
        ------
        UserError
            The measurements would be wrong, as with classes in another order.
        """

    def describe(self, manifest: Manifest, n_workers: int) -> None:
        """Record variants, seeds, models and data in the manifest."""

    def todo(self, workplace: Workplace, missing: Missing) -> Sequence[Key]:
        """List the runs to make: unfinished ones and those whose lost weights are needed."""

    def requested(self, manifest: Manifest) -> Sequence[Key]:
        """List the requested runs, finished or not."""

    def needs(self, run: Key) -> set[Key | None]:
        """Return the runs that must finish before a run; None stands for the shared step."""

    def shared_step(self, pool: Pool, runs: Sequence[Key]) -> "Future[None] | None":
        """Start the step that these runs share and wait for; None if there is none."""

    def submit(self, pool: Pool, run: Key) -> "Future[RunResult]":
        """Submit a run to a worker."""

    def finished(self, workplace: Workplace) -> None:
        """Check the finished runs and record suspicious ones in the manifest."""

    def submit_features(self, pool: Pool, manifest: Manifest) -> "Future[Features] | None":
        """Submit the image features of the first finished dense run; None without such a run."""

    def shift_bytes(self, n_images: int) -> int:
        """Return the bytes on disk of the pixels of so many shifted images."""

    def write_corrupted(
        self, shifts: Sequence[Shift], runs: Sequence[Key], folder: Path, progress: Progress
    ) -> None:
        """Write the pixels of several corruptions for some runs."""

    def write_natural(
        self, name: str, natural: Natural, runs: Sequence[Key], folder: Path, progress: Progress
    ) -> tuple[pa.Table, list[dict[str, str]]]:
        """Write the pixels of a natural shift for some runs; return images and files left out."""

    def shift_needs(self, run: Key) -> set[Key]:
        """Return the runs whose shifted predictions must finish before this run's."""

    def submit_shift(
        self, pool: Pool, run: Key, arrays: Arrays, names: tuple[str, ...]
    ) -> "Future[ShiftResult]":
        """Submit the prediction of a finished run on some shifts."""


def remove_shared(folder: SweepFolder, *names: str) -> None:
    """Remove temporary files that runs shared."""
    for name in names:
        remove_tree(folder.derived / name, missing_ok=True)
