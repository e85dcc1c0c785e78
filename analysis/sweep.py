"""Running a sweep: plan = what is asked minus what exists; the rest goes to worker processes."""

from dataclasses import replace
from pathlib import Path

from analysis import workers
from analysis.bookkeeping import (
    check_fingerprint,
    check_options,
    describe,
    extended,
    new_manifest,
    reconcile,
)
from analysis.config import Sweep
from analysis.datasets import open_dataset
from analysis.datasets.base import Dataset
from analysis.datasets.preprocess import Prepared, Progress, prepare
from analysis.engine import Engine
from analysis.execution.local import usable_cores
from analysis.filesystem import RemotePath
from analysis.filesystem.atomic import remove_tree
from analysis.filesystem.connection import check_seen_by_others
from analysis.filesystem.copies import share, working_folder
from analysis.joining import keep_joined
from analysis.manifest import Manifest
from analysis.models.spec import ModelSpec
from analysis.plan import asked_variants
from analysis.run import Context
from analysis.shift_bookkeeping import check_shift_fingerprints
from analysis.shift_stage import open_shifts, predict_shifts
from analysis.store import Cache, SweepFolder

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
    with workers.pool(
        n_workers,
        engine=engine,
        scheduler=scheduler,
        device=device,
        shared=root,
        n_jobs=len(variants) * sweep.seeds,
    ) as pool:
        resolving = workers.resolve(
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
