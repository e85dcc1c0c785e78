"""Run a sweep: what is asked minus what exists goes to worker processes.

One way for trained and external models: check, open the data, resolve the models in a worker,
lock, decode the images, reconcile the manifest with the files, make the runs, predict the shifts,
keep features of the images.
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
from analysis.sweep.features import keep_features
from analysis.sweep.plan import open_shifts
from analysis.sweep.record import (
    check_fingerprint,
    check_shift_fingerprints,
    new_manifest,
    new_shifts,
    reconcile,
)
from analysis.sweep.scheduler import make_runs
from analysis.sweep.shifts import lacking_shifts, predict_shifts
from analysis.sweep.source import ModelSource, SweepData, Workplace
from analysis.sweep.trained import TrainedSource


def _silent(_phase: str, _done: int, _total: int) -> None:
    pass


def _unsaid(_line: str) -> None:
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
    warn: Callable[[str], None] = _unsaid,
) -> Manifest:
    """Train, compress and predict what of a sweep is not done yet; return its manifest.

    The same sweep again resumes; more seeds, variants or shifts extend it. A run that fails is
    recorded with its error and the rest goes on. Shifts come last, from the weights that are kept.

    Parameters
    ----------
    sweep : Sweep
        Dataset, model, variants, seeds and training options.
    cache : Cache
        The folder of all sweeps.
    n_workers : int, optional
        Worker processes; one a core by default.
    device : {"auto", "cpu", "cuda", "mps"}
        What to train on.
    engine, scheduler : str
        ``local`` for processes here, ``dask`` for a cluster and its scheduler's address.
    progress, warn : callable
        Take a phase with the number done and the total; a warning.

    Raises
    ------
    UserError
        The dataset, the model or a variant cannot be used, a training option differs from that of
        the sweep in the cache, or another process is writing to it.
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
    say: Callable[[str], None] = _unsaid,
    warn: Callable[[str], None] = _unsaid,
) -> Manifest | None:
    """Evaluate what of a sweep of external models is not done yet; return its manifest.

    Every model is tried on some images first, and ``say`` takes what each takes and gives: one
    that cannot be used ends everything before a file is written. A dry run ends there.

    Parameters
    ----------
    config : ExternalModelsConfig
        The models, their dataset, and how images become their input.
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
def _whole(folder: SweepFolder) -> Iterator[None]:
    """Leave nothing of a sweep that ended before its manifest was written."""
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
    warn: Callable[[str], None] = _unsaid,
) -> Manifest | None:
    """Run what of a source's sweep is not done yet; None after a dry run."""
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
            _whole(folder),
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
            make_runs(source, work, lacking_shifts(source, work))
            source.finished(work)
            predict_shifts(source, work, data)
            keep_features(source, work, warn)
    return manifest
