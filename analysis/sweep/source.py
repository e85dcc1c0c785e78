"""Where the models of a sweep come from: the one question on which sweeps differ.

``TrainedSource`` trains and compresses models here, ``ExternalSource`` evaluates files made
elsewhere. The engine (``run``, ``scheduler``, ``shifts``) asks a source for its runs, what each
must wait for and how a worker makes it, and never which of the two it is.
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
Lacking = Mapping[Key, tuple[str, ...]]


@dataclass(frozen=True)
class SweepData:
    """The data of a sweep, opened: the dataset, its fingerprint and its natural shifts."""

    dataset: Dataset
    fingerprint: str
    natural: Mapping[str, Natural]


@dataclass(frozen=True)
class Workplace:
    """What the steps of one sweep share while it runs."""

    pool: Pool
    folder: SweepFolder
    manifest: Manifest
    progress: Progress


class ModelSource(Protocol):
    """The models of one sweep, and how its runs are made from them."""

    name: str
    dataset: str
    shifts: tuple[Shift, ...]
    max_value: float | None

    def check(self, before: Manifest | None) -> None:
        """Check that a sweep in the cache can be resumed or extended by this one.

        Raises
        ------
        UserError
            It was made in another way or with other options, or this sweep cannot be made at all.
        """

    def select(self, dataset: Dataset) -> Dataset:
        """Take the images that are trained on and evaluated."""

    def pool(self, root: Any) -> AbstractContextManager[Pool]:
        """Open the workers; ``root`` is the cache, which all of them must see."""

    def start(self, pool: Pool, dataset: Dataset) -> None:
        """Begin to find out in a worker what the models are."""

    def resolve(self, pool: Pool, dataset: Dataset, before: Manifest | None) -> None:
        """Wait for what the models are.

        Raises
        ------
        UserError
            One cannot be used, or is another one than that of the sweep in the cache.
        """

    def inputs(
        self, folder: SweepFolder, data: SweepData, progress: Progress
    ) -> AbstractContextManager[pa.Table]:
        """Decode the images to where every worker finds them; give the table of test images."""

    def examine(self, pool: Pool, before: Manifest | None) -> None:
        """Look at all images with what the others are compared with, before anything is written.

        Raises
        ------
        UserError
            The numbers would be of another question than is asked.
        """

    def describe(self, manifest: Manifest, n_workers: int) -> None:
        """Write into the manifest which variants, seeds, models and data this sweep is of."""

    def todo(self, workplace: Workplace, lacking: Lacking) -> Sequence[Key]:
        """List the runs to make: those not done, and those whose lost weights are needed."""

    def asked(self, manifest: Manifest) -> Sequence[Key]:
        """List the runs that this sweep asks for, whether they are done or not."""

    def needs(self, run: Key) -> set[Key | None]:
        """Name what must be finished before a run; None is what ``shared_step`` makes."""

    def shared_step(self, pool: Pool, runs: Sequence[Key]) -> "Future[None] | None":
        """Start what some of these runs share and wait for, where there is such a thing."""

    def submit(self, pool: Pool, run: Key) -> "Future[RunResult]":
        """Send a run to a worker."""

    def finished(self, workplace: Workplace) -> None:
        """Look at the finished runs once, and note in the manifest what is suspicious."""

    def submit_features(self, pool: Pool, manifest: Manifest) -> "Future[Features] | None":
        """Send the features of the images, of the first dense run that is done, to a worker.

        None where there is none.
        """

    def shift_bytes(self, n_images: int) -> int:
        """Return what the pixels of so many images of a shift take on disk, bytes."""

    def write_corrupted(
        self, shifts: Sequence[Shift], runs: Sequence[Key], folder: Path, progress: Progress
    ) -> None:
        """Write the pixels of corruptions, all at once, for some runs."""

    def write_natural(
        self, name: str, natural: Natural, runs: Sequence[Key], folder: Path, progress: Progress
    ) -> tuple[pa.Table, list[dict[str, str]]]:
        """Write the pixels of a natural shift for some runs; return its images, files left out."""

    def shift_needs(self, run: Key) -> set[Key]:
        """Name the runs whose prediction of a shift must be finished before this one's."""

    def submit_shift(
        self, pool: Pool, run: Key, arrays: Arrays, names: tuple[str, ...]
    ) -> "Future[ShiftResult]":
        """Send the prediction of a finished run on some shifts to a worker."""


def remove_shared(folder: SweepFolder, *names: str) -> None:
    """Remove what runs shared while a sweep ran."""
    for name in names:
        remove_tree(folder.derived / name, missing_ok=True)
