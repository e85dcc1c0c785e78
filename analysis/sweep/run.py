"""A sweep of given models: tried with some images, then run over the test images and shifts.

Running a sweep: plan = what is asked minus what exists; the rest goes to worker processes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from analysis.config import Sweep
from analysis.datasets import open_dataset
from analysis.datasets.base import Dataset
from analysis.datasets.preprocess import Arrays, Prepared, Progress, prepare
from analysis.execution.local import usable_cores
from analysis.external.evaluate import scaled, silent, usable, write_pixels
from analysis.external.model import Needed
from analysis.external.signature import Fit
from analysis.external.spec import Asked, check_even
from analysis.filesystem import RemotePath
from analysis.filesystem.atomic import remove_tree
from analysis.filesystem.connection import check_seen_by_others
from analysis.filesystem.copies import share, working_folder
from analysis.models.spec import ModelSpec
from analysis.store import Cache, SweepFolder
from analysis.store.join import keep_joined
from analysis.store.manifest import Manifest
from analysis.sweep import tasks
from analysis.sweep.plan import asked_variants
from analysis.sweep.record import (
    check_external_options,
    check_fingerprint,
    check_models,
    check_options,
    check_shift_fingerprints,
    describe,
    describe_external,
    extended,
    new,
    new_manifest,
    new_shifts,
    reconcile,
    runs_of,
)
from analysis.sweep.scheduler import Engine, Say, Work, run, warn
from analysis.sweep.shifts import open_shifts, predict_external_shifts, predict_shifts
from analysis.training.messages import Context


def _unsaid(_line: str) -> None:
    pass


def run_given(
    asked: Asked,
    cache: Cache,
    *,
    n_workers: int | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
    say: Say = _unsaid,
) -> Manifest | None:
    """Run what of a sweep of given models is not done yet; return its manifest.

    Every model is tried on some images first, and what it takes and gives is said: one that cannot
    be used ends everything before a file is written. A dry run ends there.

    Raises
    ------
    UserError
        The dataset or a model cannot be used, or the sweep in the cache is of other models, data or
        options.
    """
    folder = cache.sweep(asked.name)
    before = folder.manifest() if folder.exists else None
    if before is not None:
        check_external_options(before, asked)
        new_shifts(before, asked.shifts)
    known = {} if before is None else runs_of(before)
    check_even([*known, *((model.variant_id, model.seed) for model in asked.models)])
    dataset = open_dataset(asked.dataset).limited(asked.train_limit, asked.test_limit)
    fingerprint = dataset.fingerprint()
    if before is not None:
        check_fingerprint(before, fingerprint)
    shifts = open_shifts(asked.shifts, dataset, asked.dataset)
    needed = Needed(
        len(dataset.class_names), dataset.channels, dataset.native_size, asked.input_size
    )
    n_processes = n_workers or usable_cores()
    with tasks.pool(min(n_processes, len(asked.models)), device="cpu") as pool:
        pictures = usable(dataset)
        trying = [tasks.try_given(pool, model, needed, pictures) for model in asked.models]
        fits: list[Fit] = []
        for future in trying:
            progress("trying models", len(fits), len(trying))
            fits.append(future.result())
        progress("trying models", len(fits), len(trying))
        if before is not None:
            check_models(before, fits)
        fits = scaled(fits, asked, dataset)
        for fit in fits:
            say(fit.sentence)
            for note in fit.notes:
                say(f"{fit.model.label}: {note}")
        if dry_run:
            return None
        with folder.locked():
            folder.sweep_leftovers()
            with _folder_for_pixels(folder) as here:
                manifest = folder.manifest() if folder.exists else new(asked, dataset, fingerprint)
                if folder.exists:
                    check_models(manifest, fits)
                manifest.shifts += new_shifts(manifest, asked.shifts)
                check_shift_fingerprints(manifest, shifts.fingerprints)
                describe_external(manifest, asked, fits, pool.n_workers)
                images = write_pixels(dataset, fits, here, manifest, progress)
                manifest.files["images.parquet"] = folder.write_images(keep_joined(folder, images))
                reconcile(folder, manifest)
                folder.write_manifest(manifest)
                context = (folder.path.absolute(), Arrays(here), needed)
                work = Work(pool, context, folder, manifest, fits, progress, paired=asked.paired)
                run(work)
                warn(folder, manifest, say)
                predict_external_shifts(work, here, shifts, n_processes=n_processes)
    return manifest


@contextmanager
def _folder_for_pixels(folder: SweepFolder) -> Iterator[Path]:
    """Give a folder for decoded pixels: beside the sweep where that is on this machine."""
    place = folder.derived.absolute() / "given"
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


_INPUTS = "inputs"


def _silent(_phase: str, _done: int, _total: int) -> None:
    pass


def run_sweep(
    sweep: Sweep,
    cache: Cache,
    *,
    n_workers: int | None = None,
    device: str = "auto",
    engine: str = "local",
    scheduler: str | None = None,
    progress: Progress = _silent,
) -> Manifest:
    """Run what of a sweep is not done yet; return its manifest.

    The same sweep again resumes; more seeds, variants or shifts extend it. A run that fails is
    recorded with its error and the rest goes on. Shifts come last, from the weights that are kept.

    Raises
    ------
    UserError
        The dataset, the model or a variant cannot be used, a training option differs from that of
        the sweep in the cache, or another process is writing to it.
    RunError
        The machine failed before the runs began.
    """
    variants = asked_variants(sweep)
    dataset = open_dataset(sweep.dataset).limited(sweep.train_limit, sweep.test_limit)
    shifts = open_shifts(sweep.shifts, dataset, sweep.dataset)
    folder = cache.sweep(sweep.name)
    was_there = folder.exists
    if was_there:
        check_options(folder.manifest(), sweep)
    root = cache.root.absolute()  # workers may have other working folders
    if isinstance(root, RemotePath):
        check_seen_by_others(root.url, str(root))
    with tasks.pool(
        n_workers,
        engine=engine,
        scheduler=scheduler,
        device=device,
        shared=root,
        n_jobs=len(variants) * sweep.seeds,
    ) as pool:
        resolving = tasks.resolve(
            pool, sweep, len(dataset.class_names), dataset.channels, dataset.native_size, device
        )
        fingerprint = dataset.fingerprint()
        if was_there:
            check_fingerprint(folder.manifest(), fingerprint)
        spec, device = resolving.result()
        with folder.locked():
            folder.sweep_leftovers()
            prepared = _prepared(dataset, spec, folder, progress)
            manifest = (
                extended(folder.manifest(), sweep, variants)
                if was_there
                else new_manifest(sweep, variants, dataset.class_names, fingerprint)
            )
            check_shift_fingerprints(manifest, shifts.fingerprints)
            describe(manifest, prepared, spec, device, pool.n_workers)
            manifest.device["engine"] = engine
            manifest.files["images.parquet"] = folder.write_images(
                keep_joined(folder, prepared.images)
            )
            reconcile(folder, manifest)
            folder.write_manifest(manifest)
            context = Context(sweep, folder.path.absolute(), spec, prepared.inputs, device)
            runs = Engine(pool, folder, manifest, context, progress)
            runs.run(variants)
            n_processes = n_workers or usable_cores()
            predict_shifts(runs, variants, shifts, prepared.inputs, n_processes=n_processes)
            _remove_what_runs_shared(folder, prepared)
    return manifest


def _prepared(
    dataset: Dataset, spec: ModelSpec, folder: SweepFolder, progress: Progress
) -> Prepared:
    """Decode the data to where every worker finds them."""
    place = folder.derived.absolute() / _INPUTS
    if isinstance(place, Path):
        return prepare(dataset, spec.image_size, place, progress=progress)
    with working_folder() as here:
        prepared = prepare(dataset, spec.image_size, here, progress=progress)
        shared = share(here, place)
    return replace(prepared, inputs=replace(prepared.inputs, shared=shared))


def _remove_what_runs_shared(folder: SweepFolder, prepared: Prepared) -> None:
    if prepared.inputs.shared is not None:
        prepared.inputs.shared.remove_here()
    for name in (_INPUTS, "shifted", "phases"):
        remove_tree(folder.derived / name, missing_ok=True)
