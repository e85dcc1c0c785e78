"""The model source of a sweep of external models: one file a run, evaluated here."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.config import DENSE_ID, Shift
from analysis.datasets.base import Dataset
from analysis.datasets.preprocess import Arrays, Progress, image_table, write_split
from analysis.errors import UserError
from analysis.execution import Pool
from analysis.external.fit import Fit
from analysis.external.options import ExternalModelsConfig
from analysis.external.spec import check_even, variant_record
from analysis.filesystem.atomic import exists, remove_tree
from analysis.filesystem.copies import working_folder
from analysis.outputs.features import Features
from analysis.shifts.inputs import Natural, write_corrupted, write_natural
from analysis.store import SweepFolder
from analysis.store.manifest import ExternalModel, Manifest, ModelRecord, left_out_records
from analysis.sweep import tasks
from analysis.sweep.examine import check_top1, checked_order, notes_of_runs
from analysis.sweep.fitting import Fitting, answer_of
from analysis.sweep.record import (
    check_origin,
    check_same_options,
    describe_config,
    describe_machine,
    differing_options,
)
from analysis.sweep.source import Key, Missing, SweepData, Workplace
from analysis.training.messages import Layer, LayerAnswer, RunResult, ShiftResult

_PIXELS = "external"
_SAMPLE = 128


class ExternalSource:
    """A sweep whose runs are external models: each is tried on some images, then evaluated.

    Runs are compared image by image with the dense run of their seed if they are paired or each
    variant has one run.
    """

    def __init__(
        self,
        config: ExternalModelsConfig,
        n_workers: int | None,
        *,
        progress: Progress,
        say: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        self.name, self.dataset, self.shifts = config.name, config.dataset, config.shifts
        self.max_value = config.max_value
        self._config, self._progress, self._say, self._warn = config, progress, say, warn
        self._n_processes = tasks.n_processes(n_workers)
        self._split = config.split
        self._selection = ""
        self._open = ExitStack()
        self._fitting: Fitting
        self._fits: dict[Key, Fit] = {}
        self._dense: dict[int, Fit] = {}
        self._context: tuple[Any, ...]
        self._clean: Path
        self._test: tuple[int, list[dict[str, str]], list[str]]
        self._notes: list[str] = []

    def check(self, before: Manifest | None) -> None:
        """Check that a sweep in the cache is of external models with the same options."""
        known = []
        if before is not None:
            check_origin(before, "external", self.name)
            check_same_options(before, differing_options(before, self._config.options()))
            known = [_key(run) for run in before.models]
            if before.dataset.selection is None and self._split is None:
                self._split = "test"  # made when unsplit images were partly kept for training
        check_even([*known, *(model.key for model in self._config.models)])

    def select(self, dataset: Dataset) -> Dataset:
        """Select the images to evaluate as the test split, and report which they are."""
        chosen, words = dataset.audited(self._split)
        chosen = chosen.limited(self._config.train_limit, self._config.test_limit)
        self._selection = f"{len(chosen.test):,} of {dataset.n_images:,} images: {words}"
        self._say(self._selection)
        return chosen

    @contextmanager
    def pool(self, root: Any) -> Iterator[Pool]:
        """Open workers on this machine, at most one a core."""
        n_workers = min(self._n_processes, max(2, len(self._config.models)))
        with self._open, tasks.pool(n_workers, device=self._config.device) as pool:
            yield pool

    def start(self, pool: Pool, dataset: Dataset) -> None:
        """Send every model to a worker."""
        folder = self._open.enter_context(working_folder())
        self._fitting = Fitting(
            self._config, dataset, folder, _SAMPLE, say=self._say, warn=self._warn,
            progress=self._progress,
        )  # fmt: skip
        self._fitting.start(pool)

    def resolve(self, pool: Pool, dataset: Dataset, before: Manifest | None) -> None:
        """Wait for the signature of each model; try other preprocessings of the dense one."""
        fits = self._fitting.fits(pool)
        if before is not None:
            _check_same_files(before, fits)
            if [*self._fitting.class_names] != before.class_names:
                raise UserError(
                    f"sweep '{self.name}' was made with other classes, such as "
                    f"{', '.join(before.class_names[:3])}; give another --name"
                )
        self._fits = {fit.key: fit for fit in fits}
        self._notes += self._fitting.notes
        for fit in self._new_dense(before)[:1]:
            found = self._fitting.diagnose(pool, fit, _SAMPLE)
            if found.advice is None:
                self._say(found.sentence)
            else:
                self._note(
                    f"{found.sentence}. Use these options with another --name: a sweep keeps "
                    "its preprocessing; 'doctor' tries more images"
                )

    def _note(self, text: str) -> None:
        self._notes.append(text)
        self._warn(f"warning: {text}")

    def _new_dense(self, before: Manifest | None) -> list[Fit]:
        """Return the dense models without a finished run."""
        done = set() if before is None else {*before.done_seeds(DENSE_ID)}
        return [fit for (name, seed), fit in self._fits.items()
                if name == DENSE_ID and seed not in done]  # fmt: skip

    @contextmanager
    def inputs(
        self, folder: SweepFolder, data: SweepData, progress: Progress
    ) -> Iterator[pa.Table]:
        """Decode the images once per input size of the models."""
        with _folder_for_pixels(folder) as here:
            images, left_out = self._decoded(data.dataset, here, progress)
            self._clean = here
            needed = self._fitting.needed
            self._context = (folder.path.absolute(), Arrays(here), needed)
            self._test = images.num_rows, left_out, list(data.dataset.notes)
            yield images

    def _decoded(
        self, dataset: Dataset, work: Path, progress: Progress
    ) -> tuple[pa.Table, list[dict[str, str]]]:
        """Decode the test images, with labels as classes of the sweep; list the images left out."""
        test = replace(dataset.test, labels=self._fitting.label(dataset.test.labels))
        images: Any = None
        left_out = list(dataset.left_out)
        for name, fit in {fit.pixels: fit for fit in self._fits.values()}.items():
            left_out_here: list[dict[str, str]] = []
            rows: list[dict[str, Any]] | None = [] if images is None else None
            kept = write_split(test, name, fit.geometry, work, left_out_here, rows, progress)
            if rows is not None:
                images = image_table(test.take(kept), rows)
                left_out += [{**one, "split": "test"} for one in left_out_here]
        return images, left_out

    def examine(self, pool: Pool, before: Manifest | None) -> None:
        """Check the class order and the known accuracy of dense on all images.

        Raises
        ------
        UserError
            The outputs are in another order than the classes, or the accuracy differs.
        """
        dense = self._new_dense(before)
        running = [tasks.submit(pool, "dense_predictions", self._context, fit) for fit in dense]
        shares: list[float] = []
        for fit, future in zip(dense, running, strict=True):
            self._progress("predicting with dense", len(shares), len(dense))
            prediction = answer_of(future, fit.signature.model.label)
            label = Arrays(self._clean).labels(fit.pixels)
            shares.append(float((prediction == label).mean()))
            outputs = self._config.outputs
            text, is_warning = checked_order(
                fit.signature.model.label, label, prediction, self._fitting.class_names,
                is_accepted=outputs.accept_classes, before=self._notes[-1:],
            )  # fmt: skip
            (self._note if is_warning else self._say)(text)
        self._progress("predicting with dense", len(shares), len(dense))
        if shares:
            check_top1(float(np.mean(shares)), len(label), self._config.outputs.dense_top1)

    def describe(self, manifest: Manifest, n_workers: int) -> None:
        """Record variants, seeds, model files and data in the manifest.

        Raises
        ------
        UserError
            The file of a model differs from the one the sweep was made with.
        """
        fits, is_paired = list(self._fits.values()), self._config.paired
        _check_same_files(manifest, fits)
        manifest.origin = "external"
        manifest.class_names = list(self._fitting.class_names)
        known = {record.variant_id for record in manifest.variants}
        manifest.variants += [
            variant_record(name, paired=is_paired)
            for name in dict.fromkeys(fit.key[0] for fit in fits)
            if name not in known
        ]
        manifest.variants.sort(key=lambda record: record.variant_id != DENSE_ID)
        manifest.seeds = sorted({*manifest.seeds, *(fit.key[1] for fit in fits)})
        manifest.models |= {
            fit.signature.model.run: ExternalModel(
                fit.signature.model.source, fit.signature.sha256, fit.sentence
            )
            for fit in fits
        }
        describe_config(manifest, self._config.options())
        manifest.model = ModelRecord("external models")
        manifest.pairing = (
            "external models; seed k of every variant was made from dense seed k"
            if is_paired
            else "external models; runs are taken as independent of the dense ones"
        )
        data = manifest.dataset
        data.n_train, data.selection = 0, self._selection
        data.n_test, left_out, of_data = self._test
        data.notes = list(dict.fromkeys([*of_data, *data.notes, *self._notes]))
        manifest.left_out = left_out_records(left_out)
        describe_machine(manifest, self._config.device, n_workers)
        dense = {fit.key[1]: fit for fit in fits if fit.key[0] == DENSE_ID}
        self._dense = dense if is_paired or len(manifest.seeds) == 1 else {}

    def requested(self, manifest: Manifest) -> Sequence[Key]:
        """List the runs of the requested models, dense ones first."""
        return sorted(self._fits, key=lambda run: run[0] != DENSE_ID)

    def todo(self, workplace: Workplace, missing: Missing) -> Sequence[Key]:
        """List the unfinished runs."""
        manifest = workplace.manifest
        return [run for run in self.requested(manifest) if manifest.run(*run).state != "done"]

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
        """Warn of dense models near chance and of images without an answer."""
        folder, manifest = workplace.folder, workplace.manifest
        notes = notes_of_runs(folder, manifest, self.requested(manifest))
        for note in notes:
            self._warn(f"warning: {note}")
        manifest.dataset.notes = list(dict.fromkeys([*manifest.dataset.notes, *notes]))
        folder.write_manifest(manifest)

    def submit_features(self, pool: Pool, manifest: Manifest) -> "Future[Features] | None":
        """Compute the features of a dense model before its last layer, if its format allows it."""
        seeds = [k for k in manifest.done_seeds(DENSE_ID) if (DENSE_ID, k) in self._fits]
        if not seeds:
            return None
        fit = self._fits[DENSE_ID, seeds[0]]
        return tasks.submit(pool, "features_of_model_file", self._context, fit)

    def shift_bytes(self, n_images: int) -> int:
        """Return the bytes of the images at all input sizes."""
        sizes = {
            fit.pixels: fit.form.channels * fit.form.size[0] * fit.form.size[1]
            for fit in self._fits.values()
        }
        return n_images * sum(sizes.values())

    def write_corrupted(
        self, shifts: Sequence[Shift], runs: Sequence[Key], folder: Path, progress: Progress
    ) -> None:
        """Write the pixels of corruptions at every input size."""
        for name in self._sizes(runs):
            write_corrupted(
                shifts, Arrays(self._clean), folder / name, split=name,
                n_processes=self._n_processes, progress=progress,
            )  # fmt: skip

    def write_natural(
        self, name: str, natural: Natural, runs: Sequence[Key], folder: Path, progress: Progress
    ) -> tuple[pa.Table, list[dict[str, str]]]:
        """Write the pixels of a natural shift at every input size; its images once."""
        split = replace(natural.split, labels=self._fitting.label(natural.split.labels))
        matched = replace(natural, split=split)
        written = [
            write_natural(name, matched, fit.geometry, folder / size, progress=progress)
            for size, fit in self._sizes(runs).items()
        ]
        return written[0]

    def _sizes(self, runs: Sequence[Key]) -> dict[str, Fit]:
        """Return one model per input size of the runs and their baselines, or of all models."""
        models = [fit for run in runs for fit in (self._fits[run], self._baseline(run)) if fit]
        return {fit.pixels: fit for fit in models or self._fits.values()}

    def shift_needs(self, run: Key) -> set[Key]:
        """Name the dense run, whose outputs are kept for those compared with it."""
        dense = self._baseline(run)
        return set() if dense is None else {dense.key}

    def submit_shift(
        self, pool: Pool, run: Key, arrays: Arrays, names: tuple[str, ...]
    ) -> "Future[ShiftResult]":
        """Predict shifts with a model."""
        baseline = self._baseline(run)
        arguments = (self._context, self._fits[run], baseline, arrays.folder, names)
        return tasks.submit(pool, "shift_model_file", *arguments)

    def layers(self, pool: Pool, run: Key) -> "Future[list[Layer]]":
        """List the layers of a quantized file that can be restored to float, in a worker."""
        dense, fit = (self._fits[(name, run[1])] for name in (DENSE_ID, run[0]))
        models = dense.signature.model, fit.signature.model
        return tasks.submit(pool, "layers_of_pair", *models)

    def with_float(self, pool: Pool, run: Key, names: tuple[str, ...]) -> "Future[LayerAnswer]":
        """Predict the test images with some layers of a file in float, in a worker."""
        dense, fit = (self._fits[(name, run[1])] for name in (DENSE_ID, run[0]))
        return tasks.submit(pool, "answer_of_pair", self._context, fit, dense, names)

    def to_quantize(self, pool: Pool, run: Key) -> None:
        """Return None: the float file is the user's own."""


def _key(run: str) -> Key:
    variant_id, _, seed = run.rpartition("@")
    return variant_id, int(seed)


def _check_same_files(manifest: Manifest, fits: Sequence[Fit]) -> None:
    for fit in fits:
        model = fit.signature.model
        before = manifest.models.get(model.run)
        if before is not None and before.sha256 != fit.signature.sha256:
            raise UserError(
                f"{model.label} is not the model that sweep '{manifest.name}' was made with "
                f"({before.model}; their SHA-256 differ): give another --name"
            )


@contextmanager
def _folder_for_pixels(folder: SweepFolder) -> Iterator[Path]:
    """Yield a folder for decoded pixels, beside the sweep if that is on this machine."""
    place = folder.derived.absolute() / _PIXELS
    if not isinstance(place, Path):
        with working_folder() as here:
            yield here
        return
    is_new = not exists(folder.derived)
    remove_tree(place, missing_ok=True)
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        remove_tree(place, missing_ok=True)
        if is_new and not folder.exists:
            remove_tree(folder.derived, missing_ok=True)
