"""Models that were trained elsewhere and are evaluated here, a file a run."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from analysis import schema
from analysis.config import DENSE_ID, Shift
from analysis.datasets.base import Dataset
from analysis.datasets.preprocess import Arrays, Progress
from analysis.errors import UserError
from analysis.execution import Pool
from analysis.external.feeding import decoded, scaled, usable
from analysis.external.model import Needed
from analysis.external.signature import Fit
from analysis.external.spec import ExternalModelsConfig, check_even, variant_record
from analysis.filesystem.atomic import remove_tree
from analysis.filesystem.copies import working_folder
from analysis.shifts.inputs import Natural, write_corrupted, write_natural
from analysis.store import SweepFolder
from analysis.store.manifest import ExternalModel, Manifest, ModelRecord, left_out_records
from analysis.sweep import tasks
from analysis.sweep.record import (
    check_origin,
    check_same_options,
    describe_config,
    describe_machine,
    differing_options,
)
from analysis.sweep.source import Key, Lacking, SweepData, Workplace
from analysis.training.messages import RunResult, ShiftResult

_PIXELS = "external"


class ExternalSource:
    """A sweep whose runs are files of models: each is tried with some images, then evaluated.

    Runs are compared with the dense run of their seed, image by image, where they are paired or
    there is one run a variant.
    """

    def __init__(
        self,
        config: ExternalModelsConfig,
        n_workers: int | None,
        *,
        progress: Progress,
        say: Callable[[str], None],
    ) -> None:
        self.name, self.dataset, self.shifts = config.name, config.dataset, config.shifts
        self.limits = config.train_limit, config.test_limit
        self._config, self._progress, self._say = config, progress, say
        self._n_processes = tasks.n_processes(n_workers)
        self._needed: Needed
        self._trying: list[Future[Fit]]
        self._fits: dict[Key, Fit] = {}
        self._dense: dict[int, Fit] = {}
        self._context: tuple[Any, ...]
        self._clean: Path
        self._test: tuple[int, list[dict[str, str]], list[str]]

    def check(self, before: Manifest | None) -> None:
        """Check that a sweep in the cache is of external models with the same options."""
        known = []
        if before is not None:
            check_origin(before, "external", self.name)
            check_same_options(before, differing_options(before, self._config.options()))
            known = [_key(run) for run in before.models]
        check_even([*known, *(model.key for model in self._config.models)])

    @contextmanager
    def pool(self, root: Any) -> Iterator[Pool]:
        """Open workers on this machine, no more than there are models."""
        n_workers = min(self._n_processes, len(self._config.models))
        with tasks.pool(n_workers, device="cpu") as pool:
            yield pool

    def start(self, pool: Pool, dataset: Dataset) -> None:
        """Send every model to a worker with some images."""
        self._needed = Needed(
            len(dataset.class_names), dataset.channels, dataset.native_size, self._config.input_size
        )
        pictures = usable(dataset)
        self._trying = [
            tasks.submit(pool, "try_model_file", model, self._needed, pictures)
            for model in self._config.models
        ]

    def resolve(self, dataset: Dataset, before: Manifest | None) -> None:
        """Wait for what each model takes and gives, and say it."""
        fits: list[Fit] = []
        for future in self._trying:
            self._progress("trying models", len(fits), len(self._trying))
            fits.append(future.result())
        self._progress("trying models", len(fits), len(self._trying))
        if before is not None:
            _check_same_files(before, fits)
        for fit in scaled(fits, self._config.scaling, dataset):
            self._fits[fit.model.key] = fit
            self._say(fit.sentence)
            for note in fit.notes:
                self._say(f"{fit.model.label}: {note}")

    @contextmanager
    def inputs(
        self, folder: SweepFolder, data: SweepData, progress: Progress
    ) -> Iterator[pa.Table]:
        """Decode the test images once for every size that a model takes."""
        with _folder_for_pixels(folder) as here:
            images, left_out = decoded(data.dataset, self._fits.values(), here, progress)
            self._clean = here
            self._context = (folder.path.absolute(), Arrays(here), self._needed)
            self._test = images.num_rows, left_out, list(data.dataset.notes)
            yield images

    def describe(self, manifest: Manifest, n_workers: int) -> None:
        """Write variants, seeds, model files and data into the manifest.

        Raises
        ------
        UserError
            The file of a model is another one than the sweep was made with.
        """
        fits, is_paired = list(self._fits.values()), self._config.paired
        _check_same_files(manifest, fits)
        manifest.origin = "external"
        known = {record.variant_id for record in manifest.variants}
        manifest.variants += [
            variant_record(name, paired=is_paired)
            for name in dict.fromkeys(fit.model.variant_id for fit in fits)
            if name not in known
        ]
        manifest.variants.sort(key=lambda record: record.variant_id != DENSE_ID)
        manifest.seeds = sorted({*manifest.seeds, *(fit.model.seed for fit in fits)})
        manifest.models |= {
            fit.model.run: ExternalModel(fit.model.given, fit.sha256, fit.sentence) for fit in fits
        }
        describe_config(manifest, self._config.options())
        manifest.model = ModelRecord("external models")
        manifest.pairing = (
            "external models; seed k of every variant was made from dense seed k"
            if is_paired
            else "external models; runs are taken as independent of the dense ones"
        )
        manifest.dataset.n_train = 0
        manifest.dataset.n_test, left_out, manifest.dataset.notes = self._test
        manifest.left_out = left_out_records(left_out)
        describe_machine(manifest, "cpu", n_workers)
        dense = {fit.model.seed: fit for fit in fits if fit.model.variant_id == DENSE_ID}
        self._dense = dense if is_paired or len(manifest.seeds) == 1 else {}

    def asked(self, manifest: Manifest) -> Sequence[Key]:
        """List the runs of the models that are named now, dense ones first."""
        return sorted(self._fits, key=lambda run: run[0] != DENSE_ID)

    def todo(self, workplace: Workplace, lacking: Lacking) -> Sequence[Key]:
        """List the runs that are not done."""
        manifest = workplace.manifest
        return [run for run in self.asked(manifest) if manifest.run(*run).state != "done"]

    def needs(self, run: Key) -> set[Key | None]:
        """Name the dense run, whose outputs are kept for those compared with it."""
        return {*self.shift_needs(run)}

    def shared_step(self, pool: Pool, runs: Sequence[Key]) -> "Future[None] | None":
        """Share nothing."""
        return None

    def submit(self, pool: Pool, run: Key) -> "Future[RunResult]":
        """Predict all test images with a model."""
        fit = self._fits[run]
        return tasks.submit(pool, "evaluate_model_file", self._context, fit, self._baseline(run))

    def _baseline(self, run: Key) -> Fit | None:
        return None if run[0] == DENSE_ID else self._dense.get(run[1])

    def finished(self, workplace: Workplace) -> None:
        """Warn where a dense model is hardly better than chance: it is fed what it does not know.

        The usual causes are another normalization and another order of the classes.
        """
        folder, manifest = workplace.folder, workplace.manifest
        label = folder.read_images([schema.LABEL])[schema.LABEL].to_numpy()
        chance = 1 / len(manifest.class_names)
        for seed in manifest.done_seeds(DENSE_ID):
            found = folder.read_population(DENSE_ID, [schema.PREDICTION], [seed], len(label))
            top1 = float(np.mean(found.prediction[0] == label))
            noise = 3 * float(np.sqrt(chance * (1 - chance) / len(label)))
            if top1 < max(chance + noise, 2 * chance if chance <= 0.25 else 0):
                note = (
                    f"dense, seed {seed}, is right on {100 * top1:.1f} % of the images, near "
                    f"chance ({100 * chance:.1f} %): the usual causes are another normalization "
                    "(--normalize, --mean, --std) and another order of the classes"
                )
                self._say(f"warning: {note}")
                manifest.dataset.notes = [*manifest.dataset.notes, note]
        folder.write_manifest(manifest)

    def shift_bytes(self, n_images: int) -> int:
        """Return the bytes of images at every size that is taken."""
        sizes = {
            fit.pixels: fit.channels * fit.size[0] * fit.size[1] for fit in self._fits.values()
        }
        return n_images * sum(sizes.values())

    def write_corrupted(
        self, shifts: Sequence[Shift], runs: Sequence[Key], folder: Path, progress: Progress
    ) -> None:
        """Write the pixels of corruptions, drawn at every size that is taken."""
        for name in self._sizes(runs):
            write_corrupted(
                shifts, Arrays(self._clean), folder / name, split=name,
                n_processes=self._n_processes, progress=progress,
            )  # fmt: skip

    def write_natural(
        self, name: str, natural: Natural, runs: Sequence[Key], folder: Path, progress: Progress
    ) -> tuple[pa.Table, list[dict[str, str]]]:
        """Write the pixels of a natural shift at every size that is taken; its images once."""
        written = [
            write_natural(name, natural, fit.size, fit.channels, folder / place, progress=progress)
            for place, fit in self._sizes(runs).items()
        ]
        return written[0]

    def _sizes(self, runs: Sequence[Key]) -> dict[str, Fit]:
        """Return a model of every size that runs and their baselines take; of all without runs."""
        models = [fit for run in runs for fit in (self._fits[run], self._baseline(run)) if fit]
        return {fit.pixels: fit for fit in models or self._fits.values()}

    def shift_needs(self, run: Key) -> set[Key]:
        """Name the dense run, whose outputs are kept for those compared with it."""
        dense = self._baseline(run)
        return set() if dense is None else {dense.model.key}

    def submit_shift(
        self, pool: Pool, run: Key, arrays: Arrays, names: tuple[str, ...]
    ) -> "Future[ShiftResult]":
        """Predict shifts with a model."""
        baseline = self._baseline(run)
        arguments = (self._context, self._fits[run], baseline, arrays.folder, names)
        return tasks.submit(pool, "shift_model_file", *arguments)


def _key(run: str) -> Key:
    variant_id, _, seed = run.rpartition("@")
    return variant_id, int(seed)


def _check_same_files(manifest: Manifest, fits: Sequence[Fit]) -> None:
    for fit in fits:
        before = manifest.models.get(fit.model.run)
        if before is not None and before.sha256 != fit.sha256:
            raise UserError(
                f"{fit.model.label} is another model than sweep '{manifest.name}' was made with "
                f"({before.model}; their SHA-256 differ): give another --name"
            )


@contextmanager
def _folder_for_pixels(folder: SweepFolder) -> Iterator[Path]:
    """Give a folder for decoded pixels: beside the sweep where that is on this machine."""
    place = folder.derived.absolute() / _PIXELS
    if not isinstance(place, Path):
        with working_folder() as here:
            yield here
        return
    remove_tree(place, missing_ok=True)
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        remove_tree(place, missing_ok=True)
