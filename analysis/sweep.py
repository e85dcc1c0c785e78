"""Running a sweep: plan = what is asked minus what exists; the rest goes to worker processes."""

import shutil

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
from analysis.engine import Engine
from analysis.manifest import Manifest
from analysis.plan import asked_variants
from analysis.preparing import Progress, prepare
from analysis.run import Context
from analysis.store import Cache


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

    The same sweep again resumes; more seeds or variants extend it. A run that fails is recorded
    with its error and the rest goes on.

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
    folder = cache.sweep(sweep.name)
    was_there = folder.exists
    if was_there:
        check_options(folder.manifest(), sweep)
    root = cache.root.absolute()  # workers may have other working folders
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
            inputs = folder.derived.absolute() / "inputs"
            prepared = prepare(dataset, spec.image_size, inputs, progress=progress)
            manifest = (
                extended(folder.manifest(), sweep, variants)
                if was_there
                else new_manifest(sweep, variants, dataset.class_names, fingerprint)
            )
            describe(manifest, prepared, spec, device, pool.n_workers)
            manifest.device["engine"] = engine
            manifest.files["images.parquet"] = folder.write_images(prepared.images)
            reconcile(folder, manifest)
            folder.write_manifest(manifest)
            context = Context(sweep, folder.path.absolute(), spec, prepared.inputs, device)
            Engine(pool, folder, manifest, context, progress).run(variants)
            for done in (inputs, folder.derived / "phases"):
                shutil.rmtree(done, ignore_errors=True)
    return manifest
