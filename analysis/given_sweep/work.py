"""A sweep of given models: tried with some images, then run over the test images and shifts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis import workers
from analysis.bookkeeping import check_fingerprint, reconcile
from analysis.datasets import open_dataset
from analysis.datasets.preprocess import Arrays, Progress
from analysis.execution.local import usable_cores
from analysis.filesystem.atomic import remove_tree
from analysis.filesystem.copies import working_folder
from analysis.given.asked import Asked, check_even
from analysis.given.fit import Fit
from analysis.given.loaded import Needed
from analysis.given_sweep.inputs import scaled, silent, usable, write_pixels
from analysis.given_sweep.manifests import check_models, check_options, describe, new, runs_of
from analysis.given_sweep.runs import Say, Work, run, warn
from analysis.given_sweep.shifts import predict_shifts
from analysis.joining import keep_joined
from analysis.manifest import Manifest
from analysis.shift_bookkeeping import check_shift_fingerprints, new_shifts
from analysis.shift_stage import open_shifts
from analysis.store import Cache, SweepFolder


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
        check_options(before, asked)
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
    with workers.pool(min(n_processes, len(asked.models)), device="cpu") as pool:
        pictures = usable(dataset)
        trying = [workers.try_given(pool, model, needed, pictures) for model in asked.models]
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
                describe(manifest, asked, fits, pool.n_workers)
                images = write_pixels(dataset, fits, here, manifest, progress)
                manifest.files["images.parquet"] = folder.write_images(keep_joined(folder, images))
                reconcile(folder, manifest)
                folder.write_manifest(manifest)
                context = (folder.path.absolute(), Arrays(here), needed)
                work = Work(pool, context, folder, manifest, fits, progress, paired=asked.paired)
                run(work)
                warn(folder, manifest, say)
                predict_shifts(work, here, shifts, n_processes=n_processes)
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
