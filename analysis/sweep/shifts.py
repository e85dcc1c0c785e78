"""Predict the finished runs of a sweep on its shifts."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from analysis.config import Shift
from analysis.datasets.preprocess import Arrays
from analysis.filesystem.atomic import remove_tree
from analysis.filesystem.copies import share, working_folder
from analysis.sweep.record import has_images, keep_images
from analysis.sweep.scheduler import predict_shifted
from analysis.sweep.source import Key, Missing, ModelSource, SweepData, Workplace

# Limit of pixels under derived/: 50,000 colour images of 224 pixels are 7.5e9 bytes.
_BATCH_BYTES = 8_000_000_000
_FOLDER = "shifted"


def missing_shifts(source: ModelSource, work: Workplace) -> dict[Key, tuple[str, ...]]:
    """Return the requested finished runs and the shifts they are not predicted on yet."""
    manifest = work.manifest
    done = {shift.name: manifest.shift(shift.name).done for shift in source.shifts}
    missing = {
        (variant_id, seed): tuple(
            name for name, runs in done.items() if seed not in runs.get(variant_id, [])
        )
        for variant_id, seed in source.requested(manifest)
        if manifest.run(variant_id, seed).state == "done"
    }
    return {run: names for run, names in missing.items() if names}


def predict_shifts(source: ModelSource, work: Workplace, data: SweepData) -> None:
    """Predict every finished run on its missing shifts, one batch of shifts at a time.

    Raises
    ------
    UserError
        No image of a natural shift can be used.
    """
    todo = missing_shifts(source, work)
    missing = {name for names in todo.values() for name in names}
    missing |= {name for name in data.natural if not has_images(work.folder, work.manifest, name)}
    wanted = [shift for shift in source.shifts if shift.name in missing]
    for batch in _batches(source, wanted, data):
        names = {shift.name for shift in batch}
        left = {run: tuple(n for n in lacks if n in names) for run, lacks in todo.items()}
        left = {run: lacks for run, lacks in left.items() if lacks}
        arrays = _pixels(source, work, batch, data, left)
        predict_shifted(source, work, left, arrays)
        if arrays.shared is not None:
            arrays.shared.remove_here()
        remove_tree(work.folder.derived / _FOLDER, missing_ok=True)


def _batches(
    source: ModelSource, shifts: Sequence[Shift], data: SweepData
) -> Iterator[list[Shift]]:
    """Yield shifts in order, in batches of limited size."""
    batch: list[Shift] = []
    filled = 0
    for shift in shifts:
        natural = data.natural.get(shift.name)
        n_images = len(data.dataset.test if natural is None else natural.split)
        n_bytes = source.shift_bytes(n_images)
        if batch and filled + n_bytes > _BATCH_BYTES:
            yield batch
            batch, filled = [], 0
        batch.append(shift)
        filled += n_bytes
    if batch:
        yield batch


def _pixels(
    source: ModelSource, work: Workplace, batch: Sequence[Shift], data: SweepData, missing: Missing
) -> Arrays:
    """Write the pixels of a batch to a place that every worker can read."""

    def write(folder: Path) -> None:
        corrupted = [shift for shift in batch if shift.corruption is not None]
        if corrupted:
            source.write_corrupted(corrupted, list(missing), folder, work.progress)
        for shift in batch:
            natural = data.natural.get(shift.name)
            if natural is not None:
                runs = [run for run, names in missing.items() if shift.name in names]
                images, left_out = source.write_natural(
                    shift.name, natural, runs, folder, work.progress
                )
                keep_images(work.folder, work.manifest, shift.name, images, left_out, natural.notes)

    place = work.folder.derived.absolute() / _FOLDER
    if isinstance(place, Path):
        write(place)
        return Arrays(place)
    with working_folder() as here:
        write(here)
        return Arrays(here, share(here, place))
