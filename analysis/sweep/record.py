"""Keep the manifest of a sweep: begin it, check new requests against it, record results."""

import platform
import subprocess
from collections.abc import Iterable
from concurrent.futures import Future
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa

from analysis.config import DENSE, Shift, Sweep
from analysis.errors import UserError, one_line
from analysis.store import SweepFolder
from analysis.store.layers import drop_stale
from analysis.store.machines import place_of
from analysis.store.manifest import (
    DatasetRecord,
    DeviceRecord,
    Manifest,
    Origin,
    ShiftRecord,
    left_out_records,
)
from analysis.sweep.source import Key, SweepData
from analysis.training.messages import RunResult, ShiftResult

_LIBRARIES = (
    "torch", "timm", "numpy", "scipy", "pandas", "pyarrow", "pillow", "onnx", "onnxruntime",
    "torch-pruning",
)  # fmt: skip
MADE = {"trained": "trained here", "external": "made of external models", "imported": "imported"}
# The command that extends each kind of sweep.
_EXTENDED = {
    "trained": "sweep --model", "external": "sweep --models", "imported": "import",
}  # fmt: skip


def new_manifest(name: str, data: SweepData) -> Manifest:
    """Begin the manifest of a new sweep."""
    return Manifest(
        name=name,
        dataset=DatasetRecord(),
        dataset_fingerprint=data.fingerprint,
        class_names=list(data.dataset.class_names),
    )


def check_origin(manifest: Manifest, origin: Origin, name: str) -> None:
    """Check that the origin of a sweep in the cache is the requested one.

    Raises
    ------
    UserError
        It is another one: this command cannot resume or extend the sweep.
    """
    if manifest.origin != origin:
        raise UserError(
            f"sweep '{name}' was {MADE[manifest.origin]}, and is extended with "
            f"'{_EXTENDED[manifest.origin]}'; give another --name"
        )


def check_same_options(manifest: Manifest, different: tuple[str, Any, Any] | None) -> None:
    """Refuse a sweep whose options differ in one that results depend on.

    Raises
    ------
    UserError
        An option differs; the message has both values.
    """
    if different is not None:
        key, before, now = different
        left, right = _with_option(key, before), _with_option(key, now)
        raise UserError(
            f"sweep '{manifest.name}' was made {left}, and this is {right}; repeat its options, "
            f"give another --name, or remove it first: 'remove {manifest.name}'"
        )


def _with_option(key: str, value: Any) -> str:
    return f"without {key}" if value is None else f"with {key} = {value}"


def differing_options(manifest: Manifest, now: dict[str, Any]) -> tuple[str, Any, Any] | None:
    """Return the first option that differs from the sweep's, with both values.

    Options newer than the sweep count as their default. The dataset is compared by fingerprint
    instead: machines may keep it in different places.
    """
    plain: dict[str, Any] = {}
    if manifest.origin == "trained":
        plain = _flat(Sweep("plain", "any", "any", (DENSE,), seeds=1).options())
    left, right = plain | _flat(manifest.config.options), plain | _flat(now)
    for key in sorted((left.keys() | right.keys()) - {"dataset"}):
        if left.get(key) != right.get(key):
            return key, left.get(key), right.get(key)
    return None


def _flat(options: dict[str, Any]) -> dict[str, Any]:
    training = options.get("training", {})
    return {k: v for k, v in options.items() if k != "training"} | training


def check_fingerprint(manifest: Manifest, fingerprint: str) -> None:
    """Check that the data are the sweep's.

    Raises
    ------
    UserError
        The fingerprint differs.
    """
    if manifest.dataset_fingerprint != fingerprint:
        raise UserError(
            f"the data of sweep '{manifest.name}' have changed since it was made (their "
            "fingerprint differs); give another --name"
        )


def describe_config(
    manifest: Manifest, options: dict[str, Any], method_files: dict[str, str] | None = None
) -> None:
    """Record all requested variants, seeds, shifts and options; method files by their SHA-256."""
    config = manifest.config
    config.variants = [record.variant_id for record in manifest.variants]
    config.seeds = len(manifest.seeds)
    config.options = options
    config.method_files |= method_files or {}
    config.shifts = [
        record.name if record.dataset is None else f"{record.name}={record.dataset}"
        for record in manifest.shifts
    ]
    manifest.dataset.spec = manifest.dataset.spec or options["dataset"]


def describe_machine(
    manifest: Manifest, device: str, n_workers: int, *, engine: str | None = None
) -> None:
    """Record the device, the machine and the library versions."""
    manifest.device = DeviceRecord(device, platform.machine(), n_workers, 1, 1, engine)
    manifest.versions = library_versions(_LIBRARIES)


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of the installed libraries among ``names`` and of Python."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {"python": platform.python_version()}


def git_commit() -> str | None:
    """Return the commit of the source checkout in use; None for an installed package."""
    root = Path(__file__).parents[2]
    words = ["git", "rev-parse", "--show-toplevel", "HEAD"]
    try:
        done = subprocess.run(
            words, cwd=root, capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    top, commit = done.stdout.split("\n")[:2]
    return commit if Path(top).resolve() == root.resolve() else None


def record_run(
    folder: SweepFolder, manifest: Manifest, run: Key, future: "Future[RunResult]"
) -> None:
    """Record the result of a run, done or failed, and write the manifest."""
    record = manifest.run(*run)
    try:
        outcome = future.result()
    except Exception as error:
        record.state, record.error = "failed", one_line(error)
    else:
        for key, value in outcome.measured.items():
            setattr(record, key, value)
        record.state, record.error = "done", None
        record.latency_ms, record.seconds = outcome.latency_ms, round(outcome.seconds, 3)
        record.machine = place_of(manifest, outcome.machine)
        manifest.files |= outcome.files
    folder.write_manifest(manifest)


def record_shifted(
    folder: SweepFolder,
    manifest: Manifest,
    run: Key,
    names: tuple[str, ...],
    future: "Future[ShiftResult]",
) -> None:
    """Record the shifted predictions of a run, done or failed, and write the manifest."""
    variant_id, seed = run
    try:
        shifted = future.result()
    except Exception as error:
        shifted = ShiftResult((), dict.fromkeys(names, one_line(error)), {})
    for name in names:
        record = manifest.shift(name)
        record.failed.pop(f"{variant_id}/seed-{seed}", None)
        if name in shifted.done:
            record.done[variant_id] = sorted({*record.done.get(variant_id, []), seed})
        else:
            record.failed[f"{variant_id}/seed-{seed}"] = shifted.failed[name]
    manifest.files |= shifted.files
    folder.write_manifest(manifest)


def new_shifts(manifest: Manifest, shifts: Iterable[Shift]) -> list[ShiftRecord]:
    """Return records of the shifts that are not in the manifest yet.

    Raises
    ------
    UserError
        A shift has the name of another one.
    """
    known = {record.name: record for record in manifest.shifts}
    new = []
    for shift in shifts:
        record = known.get(shift.name)
        if record is None:
            new.append(ShiftRecord(shift.name, shift.corruption, shift.severity, shift.dataset))
        elif (record.corruption, record.severity) != (shift.corruption, shift.severity):
            raise UserError(
                f"sweep '{manifest.name}' has another shift named '{shift.name}'; give this one "
                "another name"
            )
    return new


def check_shift_fingerprints(manifest: Manifest, fingerprints: dict[str, str]) -> None:
    """Check the images of natural shifts by fingerprint; record those of new shifts.

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
    """Return whether the images of a natural shift are in the sweep."""
    return folder.relative(folder.images_path(shift)) in manifest.files


def keep_images(
    folder: SweepFolder,
    manifest: Manifest,
    shift: str,
    images: pa.Table,
    left_out: list[dict[str, str]],
    notes: Iterable[str],
) -> None:
    """Write the images of a natural shift and record them in the manifest."""
    path = folder.relative(folder.images_path(shift))
    manifest.files[path] = folder.write_images(images, shift=shift)
    record = manifest.shift(shift)
    record.n_images = images.num_rows
    record.left_out = left_out_records(left_out)
    record.notes = list(notes)
    folder.write_manifest(manifest)


def reconcile_shift(
    folder: SweepFolder, manifest: Manifest, shift: ShiftRecord, stored: dict[str, int]
) -> None:
    """Adopt or drop the predictions on a shift; drop those of unfinished runs."""
    shift.done = {}
    for variant_id, seed, run in manifest.all_runs():
        path = folder.prediction_path(variant_id, seed, shift=shift.name)
        relative = folder.relative(path)
        record = manifest.files.pop(relative, None)
        if run.state != "done" or relative not in stored:
            continue
        if record is None or record.size != stored[relative]:
            adopted = folder.adopt(variant_id, seed, shift=shift.name)
            record = adopted[0] if adopted is not None else None
        if record is not None:
            manifest.files[relative] = record
            shift.done.setdefault(variant_id, []).append(seed)
            shift.failed.pop(f"{variant_id}/seed-{seed}", None)


def reconcile(folder: SweepFolder, manifest: Manifest) -> None:
    """Reconcile the manifest with the files: adopt finished runs, drop those without a file."""
    stored = folder.sizes()
    for variant_id, seed, run in manifest.all_runs():
        relative = folder.relative(folder.prediction_path(variant_id, seed))
        record = manifest.files.get(relative)
        if record is not None and stored.get(relative) == record.size:
            continue
        manifest.files.pop(relative, None)
        adopted = folder.adopt(variant_id, seed) if relative in stored else None
        weights = folder.weights_path(variant_id, seed)
        if adopted is None:
            run.state, run.error = "planned", None
            # Weights are rewritten before their run is recorded, for runs that start from them.
            manifest.files.pop(folder.relative(weights), None)
            continue
        manifest.files[relative], measured = adopted
        for key, value in measured.items():
            setattr(run, key, value)
        run.state, run.machine = "done", None  # the file has no machine
        if folder.relative(weights) in stored:
            manifest.files[folder.relative(weights)] = folder.record(weights)
    for shift in manifest.shifts:
        reconcile_shift(folder, manifest, shift, stored)
    for relative in [r for r, f in manifest.files.items() if stored.get(r) != f.size]:
        del manifest.files[relative]
    drop_stale(folder, manifest)
