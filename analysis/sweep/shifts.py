"""Predicting the runs of a sweep on its shifts, once the runs themselves are done.

Predicting given models on shifts, one shift after the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from pathlib import Path

from analysis.config import Shift, Variant
from analysis.datasets.base import Dataset
from analysis.datasets.preprocess import Arrays, Inputs
from analysis.external.signature import Fit
from analysis.filesystem.atomic import remove_tree
from analysis.filesystem.copies import share, working_folder
from analysis.models.spec import ModelSpec
from analysis.shifts.inputs import (
    Natural,
    check_shifts,
    open_natural,
    write_corrupted,
    write_natural,
)
from analysis.sweep import tasks
from analysis.sweep.plan import unshifted
from analysis.sweep.record import has_images, keep_images, record_shifted
from analysis.sweep.scheduler import Engine, Work
from analysis.training.messages import Shifted

# Pixels that lie under derived/ at a time: 50,000 colour images of 224 pixels are 7.5e9 bytes.
_BATCH_BYTES = 8_000_000_000
_FOLDER = "shifted"


@dataclass(frozen=True)
class Shifts:
    """The shifts of a sweep, checked, those with images of their own opened."""

    shifts: tuple[Shift, ...]
    natural: Mapping[str, Natural]

    @property
    def fingerprints(self) -> dict[str, str]:
        """SHA-256 of the images of every natural shift, by its name."""
        return {name: natural.fingerprint for name, natural in self.natural.items()}


def open_shifts(shifts: tuple[Shift, ...], dataset: Dataset, spec: str) -> Shifts:
    """Open the shifts of a sweep over a dataset of that SPEC, before anything is computed.

    Raises
    ------
    UserError
        A corruption is unknown, or a natural shift cannot be used.
    """
    check_shifts(shifts)
    natural = {
        s.name: open_natural(s, dataset, is_own=s.dataset == spec)
        for s in shifts
        if s.dataset is not None
    }
    return Shifts(shifts, natural)


def predict_shifts(
    engine: Engine,
    variants: tuple[Variant, ...],
    shifts: Shifts,
    inputs: Inputs,
    *,
    n_processes: int,
) -> None:
    """Predict every finished run on every shift that it lacks, a batch of shifts at a time.

    Raises
    ------
    UserError
        No image of a natural shift can be used.
    """
    todo = unshifted(engine.manifest, engine.context.sweep, variants)
    missing = {name for names in todo.values() for name in names}
    images = {f for f in shifts.natural if not has_images(engine.folder, engine.manifest, f)}
    wanted = [shift for shift in shifts.shifts if shift.name in missing | images]
    for batch in _batches(wanted, shifts.natural, engine.context.spec, inputs.n_test):
        arrays = _arrays(engine, batch, shifts.natural, inputs, n_processes)
        names = [shift.name for shift in batch]
        left = {run: tuple(n for n in lacks if n in names) for run, lacks in todo.items()}
        engine.shift({run: lacks for run, lacks in left.items() if lacks}, arrays)
        if arrays.shared is not None:
            arrays.shared.remove_here()
        remove_tree(engine.folder.derived / _FOLDER, missing_ok=True)


def _batches(
    shifts: Sequence[Shift], natural: Mapping[str, Natural], spec: ModelSpec, n_test: int
) -> Iterator[list[Shift]]:
    """Shifts in order, as many together as there is room for."""
    batch: list[Shift] = []
    filled = 0
    for shift in shifts:
        n_images = len(natural[shift.name].split) if shift.name in natural else n_test
        n_bytes = n_images * spec.channels * spec.image_size[0] * spec.image_size[1]
        if batch and filled + n_bytes > _BATCH_BYTES:
            yield batch
            batch, filled = [], 0
        batch.append(shift)
        filled += n_bytes
    if batch:
        yield batch


def _arrays(
    engine: Engine,
    batch: Sequence[Shift],
    natural: Mapping[str, Natural],
    inputs: Inputs,
    n_processes: int,
) -> Arrays:
    """Write the pixels of a batch to where every worker finds them."""

    def write(folder: Path) -> None:
        corrupted = [shift for shift in batch if shift.corruption is not None]
        if corrupted:
            write_corrupted(
                corrupted,
                inputs.arrays,
                folder,
                n_processes=n_processes,
                progress=engine.progress,
            )
        for shift in batch:
            if shift.name in natural:
                _write_natural(engine, shift.name, natural[shift.name], folder)

    place = engine.folder.derived.absolute() / _FOLDER
    if isinstance(place, Path):
        write(place)
        return Arrays(place)
    with working_folder() as here:
        write(here)
        return Arrays(here, share(here, place))


def _write_natural(engine: Engine, name: str, natural: Natural, folder: Path) -> None:
    spec = engine.context.spec
    images, left_out = write_natural(
        name, natural, spec.image_size, spec.channels, folder, progress=engine.progress
    )
    keep_images(engine.folder, engine.manifest, name, images, left_out, natural.notes)


def predict_external_shifts(work: Work, clean: Path, shifts: Shifts, *, n_processes: int) -> None:
    """Predict every finished run of a model that is given now on every shift that it lacks.

    ``clean`` is the folder of the decoded test images, below which those of a shift lie for a time.

    Raises
    ------
    UserError
        No image of a natural shift can be used.
    """
    for shift in shifts.shifts:
        todo = _lacking(work, shift.name)
        natural = shifts.natural.get(shift.name)
        if not todo and (natural is None or has_images(work.folder, work.manifest, shift.name)):
            continue
        phases = list(work.phases(todo))
        fed = [one for phase in phases for both in phase for one in both if one is not None]
        _write_pixels(work, shift, natural, fed or work.fits[:1], clean, n_processes=n_processes)
        for phase in phases:
            _predict(work, shift.name, phase, clean)
        remove_tree(clean / _FOLDER, missing_ok=True)


def _lacking(work: Work, shift: str) -> list[Fit]:
    manifest = work.manifest
    there = manifest.shift(shift).done
    return [
        fit
        for fit in work.fits
        if manifest.run(*fit.model.key).state == "done"
        and fit.model.seed not in there.get(fit.model.variant_id, [])
    ]


def _write_pixels(
    work: Work,
    shift: Shift,
    natural: Natural | None,
    fits: Sequence[Fit],
    clean: Path,
    *,
    n_processes: int,
) -> None:
    """Write the pixels of a shift at every size that is taken; a corruption is drawn at each."""
    for place, fit in enumerate({fit.pixels: fit for fit in fits}.values()):
        folder = clean / _FOLDER / fit.pixels
        if natural is None:
            write_corrupted(
                [shift], Arrays(clean), folder, split=fit.pixels, n_processes=n_processes,
                progress=work.progress,
            )  # fmt: skip
            continue
        images, left_out = write_natural(
            shift.name, natural, fit.size, fit.channels, folder, progress=work.progress
        )
        if place == 0:
            keep_images(work.folder, work.manifest, shift.name, images, left_out, natural.notes)


def _predict(work: Work, shift: str, phase: Sequence[tuple[Fit, Fit | None]], clean: Path) -> None:
    running: dict[Future[Shifted], Fit] = {
        tasks.shift_given(work.pool, work.context, fit, dense, clean / _FOLDER, shift): fit
        for fit, dense in phase
    }
    manifest = work.manifest
    for future in as_completed(running):
        record_shifted(work.folder, manifest, running[future].model.key, (shift,), future)
        work.progress("shifted runs", manifest.n_shifted_done, manifest.n_shifted)
