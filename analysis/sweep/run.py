"""Run a sweep: send the requested runs that are missing to worker processes.

The same steps for trained and external models: check, open the data, resolve the models in a
worker, lock, decode the images, reconcile the manifest with the files, make the runs, predict the
shifts, compute features of the images.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from analysis.config import Sweep
from analysis.datasets import open_dataset
from analysis.datasets.preprocess import Progress
from analysis.external.options import ExternalModelsConfig
from analysis.store import Cache, SweepFolder
from analysis.store.join import keep_joined
from analysis.store.looks import note_look, seeds_seen
from analysis.store.manifest import Manifest
from analysis.store.transfer import aside, publish, remove_empty
from analysis.sweep.external import ExternalSource
from analysis.sweep.features import ensure_features
from analysis.sweep.plan import open_shifts
from analysis.sweep.record import (
    check_fingerprint,
    check_shift_fingerprints,
    new_manifest,
    new_shifts,
    reconcile,
)
from analysis.sweep.scheduler import make_runs
from analysis.sweep.shifts import missing_shifts, predict_shifts
from analysis.sweep.source import ModelSource, SweepData, Workplace
from analysis.sweep.trained import TrainedSource


def _silent(_phase: str, _done: int, _total: int) -> None:
    pass


def _ignore(_line: str) -> None:
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
    warn: Callable[[str], None] = _ignore,
) -> Manifest:
    """Train, compress and predict the missing runs of a sweep; return its manifest.

    Repeating a sweep resumes it; more seeds, variants or shifts extend it. A failed run is recorded
    with its error and the others go on. Shifts come last, from the stored weights.

    Parameters
    ----------
    sweep : Sweep
        Dataset, model, variants, seeds and training options.
    cache : Cache
        The folder of all sweeps.
    n_workers : int, optional
        Worker processes; one a core by default.
    device : {"auto", "cpu", "cuda", "mps"}
        The device to train on.
    engine, scheduler : str
        ``local`` for processes here, ``dask`` for a cluster, with its scheduler's address.
    progress, warn : callable
        Take a phase with the number done and the total; a warning.

    Raises
    ------
    UserError
        The dataset, the model or a variant cannot be used, a training option differs from that of
        the sweep in the cache, or another process writes to it.
    RunError
        The machine failed before the runs began.
    """
    source = TrainedSource(sweep, n_workers, device, engine, scheduler)
    manifest = run(source, cache, progress=progress, warn=warn)
    assert manifest is not None  # only a dry run has none
    return manifest


def run_external_models(
    config: ExternalModelsConfig,
    cache: Cache,
    *,
    n_workers: int | None = None,
    dry_run: bool = False,
    progress: Progress = _silent,
    say: Callable[[str], None] = _ignore,
    warn: Callable[[str], None] = _ignore,
) -> Manifest | None:
    """Evaluate the missing runs of a sweep of external models; return its manifest.

    Every model is tried on some images first and its input and output are reported to ``say``: one
    unusable model ends the sweep before a file is written. A dry run ends there.

    Parameters
    ----------
    config : ExternalModelsConfig
        The models, their dataset and their preprocessing.
    cache : Cache
        The folder of all sweeps.
    n_workers : int, optional
        Worker processes; one a core by default.
    dry_run : bool
        Try the models and write nothing.
    progress, say, warn : callable
        Take a phase with the number done and the total; a line of text; a warning.

    Raises
    ------
    UserError
        The dataset or a model cannot be used, or the sweep in the cache is of other models, data or
        options.
    """
    source = ExternalSource(config, n_workers, progress=progress, say=say, warn=warn)
    return run(source, cache, dry_run=dry_run, progress=progress, warn=warn)


@contextmanager
def _removed_if_empty(folder: SweepFolder) -> Iterator[None]:
    """Remove a sweep folder in which no manifest was written."""
    try:
        yield
    finally:
        remove_empty(folder)


def run(
    source: ModelSource,
    cache: Cache,
    *,
    dry_run: bool = False,
    progress: Progress = _silent,
    warn: Callable[[str], None] = _ignore,
) -> Manifest | None:
    """Run the missing runs of a source's sweep; return its manifest, None after a dry run."""
    folder = cache.sweep(source.name)
    before = folder.manifest() if folder.exists else None
    source.check(before)
    if before is not None:
        new_shifts(before, source.shifts)
    dataset = source.select(open_dataset(source.dataset, max_value=source.max_value))
    natural = open_shifts(source.shifts, dataset, source.dataset)
    with source.pool(cache.root.absolute()) as pool:  # workers may have other working folders
        source.start(pool, dataset)
        data = SweepData(dataset, dataset.fingerprint(), natural)
        if before is not None:
            check_fingerprint(before, data.fingerprint)
        source.resolve(pool, dataset, before)
        if dry_run:
            return None
        with (
            _removed_if_empty(folder),
            folder.locked(),
            source.inputs(folder, data, progress) as images,
        ):
            source.examine(pool, before)
            manifest = folder.manifest() if folder.exists else new_manifest(source.name, data)
            manifest.shifts += new_shifts(manifest, source.shifts)
            check_shift_fingerprints(
                manifest, {name: one.fingerprint for name, one in natural.items()}
            )
            seen = seeds_seen(manifest)
            source.describe(manifest, pool.n_workers)
            note_look(manifest, seen)
            with aside(folder) as made:
                record = made.write_images(keep_joined(folder, images))
                reconcile(folder, manifest)
                manifest.files["images.parquet"] = record
                publish(made, folder, manifest)
            work = Workplace(pool, folder, manifest, progress)
            make_runs(source, work, missing_shifts(source, work))
            source.finished(work)
            predict_shifts(source, work, data)
            ensure_features(source, work, warn)
    return manifest
