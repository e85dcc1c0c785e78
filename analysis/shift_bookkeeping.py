"""Keeping the shifts of a manifest: new ones, their images, and the runs predicted on them."""

from collections.abc import Iterable

import pyarrow as pa

from analysis.errors import UserError
from analysis.manifest import Manifest, ShiftRecord
from analysis.shift import Shift
from analysis.store import SweepFolder


def new_shifts(manifest: Manifest, shifts: Iterable[Shift]) -> list[ShiftRecord]:
    """Records of the shifts that the manifest does not know yet.

    Raises
    ------
    UserError
        One has the name of another shift.
    """
    known = {record.name: record for record in manifest.shifts}
    new = []
    for shift in shifts:
        record = known.get(shift.name)
        if record is None:
            new.append(ShiftRecord(shift.name, shift.corruption, shift.severity, shift.dataset))
        elif (record.corruption, record.severity) != (shift.corruption, shift.severity):
            raise UserError(
                f"sweep '{manifest.name}' has another shift called '{shift.name}'; give this one "
                "another name"
            )
    return new


def check_shift_fingerprints(manifest: Manifest, fingerprints: dict[str, str]) -> None:
    """Check that natural shifts are of the images they were made with, or note those of new ones.

    Raises
    ------
    UserError
        The fingerprint of one differs.
    """
    for record in manifest.shifts:
        now = fingerprints.get(record.name, record.fingerprint)
        if record.fingerprint not in (None, now):
            raise UserError(
                f"the data of shift '{record.name}' of sweep '{manifest.name}' have changed since "
                "it was made (their fingerprint differs); give it another name"
            )
        record.fingerprint = now


def has_images(folder: SweepFolder, manifest: Manifest, shift: str) -> bool:
    """Whether the images of a natural shift are in the sweep."""
    return folder.relative(folder.images_path(shift)) in manifest.files


def keep_images(
    folder: SweepFolder,
    manifest: Manifest,
    shift: str,
    images: pa.Table,
    left_out: list[dict[str, str]],
    notes: Iterable[str],
) -> None:
    """Write the images of a natural shift, and note them in the manifest."""
    path = folder.relative(folder.images_path(shift))
    manifest.files[path] = folder.write_images(images, shift=shift)
    record = manifest.shift(shift)
    record.n_images, record.left_out = images.num_rows, left_out
    record.notes = list(notes)
    folder.write_manifest(manifest)


def reconcile_shift(
    folder: SweepFolder, manifest: Manifest, shift: ShiftRecord, there: dict[str, int]
) -> None:
    """Adopt or drop the predictions on a shift; a run that is made anew is predicted anew."""
    shift.done = {}
    for variant_id, seed, run in manifest.all_runs():
        path = folder.prediction_path(variant_id, seed, shift=shift.name)
        relative = folder.relative(path)
        record = manifest.files.pop(relative, None)
        if run.state != "done" or relative not in there:
            continue
        if record is None or record.size != there[relative]:
            adopted = folder.adopt(variant_id, seed, shift=shift.name)
            record = adopted[0] if adopted is not None else None
        if record is not None:
            manifest.files[relative] = record
            shift.done.setdefault(variant_id, []).append(seed)
            shift.failed.pop(f"{variant_id}/seed-{seed}", None)
