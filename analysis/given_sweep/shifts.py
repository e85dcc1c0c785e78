"""Predicting given models on shifts, one shift after the other."""

from collections.abc import Sequence
from concurrent.futures import Future, as_completed
from pathlib import Path

from analysis import workers
from analysis.datasets.preprocess import Arrays
from analysis.filesystem.atomic import remove_tree
from analysis.given.fit import Fit
from analysis.given_sweep.runs import Work
from analysis.recording import record_shifted
from analysis.run import Shifted
from analysis.shift import Shift
from analysis.shift_bookkeeping import has_images, keep_images
from analysis.shift_stage import Shifts
from analysis.shifts.inputs import Natural, write_corrupted, write_natural

_FOLDER = "shifted"


def predict_shifts(work: Work, clean: Path, shifts: Shifts, *, n_processes: int) -> None:
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
        workers.shift_given(work.pool, work.context, fit, dense, clean / _FOLDER, shift): fit
        for fit, dense in phase
    }
    manifest = work.manifest
    for future in as_completed(running):
        record_shifted(work.folder, manifest, running[future].model.key, (shift,), future)
        work.progress("shifted runs", manifest.n_shifted_done, manifest.n_shifted)
