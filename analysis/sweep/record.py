"""Noting in the manifest what runs came to, each as soon as it is known.

Keeping the shifts of a manifest: new ones, their images, and the runs predicted on them.

Keeping the manifest of a sweep: made, extended, held against what is asked and what is there.

What the manifest says of a sweep of given models.
"""

import platform
import subprocess
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa

from analysis.compression.registry import asked_sparsity, trained_part
from analysis.config import DENSE, DENSE_ID, Shift, Sweep, Variant
from analysis.datasets.base import Dataset
from analysis.datasets.preprocess import Prepared
from analysis.errors import UserError, one_line
from analysis.external.signature import Fit
from analysis.external.spec import Asked, variant_record
from analysis.filesystem.atomic import sha256
from analysis.models.spec import ModelSpec
from analysis.store import SweepFolder
from analysis.store.manifest import Manifest, ShiftRecord, VariantRecord
from analysis.training.messages import Outcome, Shifted

Run = tuple[str, int]


def record_run(
    folder: SweepFolder, manifest: Manifest, run: Run, future: "Future[Outcome]"
) -> None:
    """Note what a run came to, done or failed, and write the manifest."""
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
        manifest.files |= outcome.files
    folder.write_manifest(manifest)


def record_shifted(
    folder: SweepFolder,
    manifest: Manifest,
    run: Run,
    names: tuple[str, ...],
    future: "Future[Shifted]",
) -> None:
    """Note what predicting a run on some shifts came to, done or failed, and write the manifest."""
    variant_id, seed = run
    try:
        shifted = future.result()
    except Exception as error:
        shifted = Shifted((), dict.fromkeys(names, one_line(error)), {})
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


_LIBRARIES = (
    "torch",
    "timm",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "pillow",
    "onnx",
    "onnxruntime",
    "torch-pruning",
)


def check_options(manifest: Manifest, sweep: Sweep) -> None:
    """Check that a sweep repeats the options it was made with.

    Raises
    ------
    UserError
        An option that results depend on differs.
    """
    if manifest.is_imported:
        raise UserError(
            f"sweep '{sweep.name}' was imported, and its models are not here to make more runs of; "
            "give another --name"
        )
    if manifest.is_given:
        raise UserError(
            f"sweep '{sweep.name}' was made of given models (--models), which are not trained; "
            "give another --name"
        )
    different = differing_options(manifest.config.get("options", {}), sweep.options())
    if different is not None:
        key, before, now = different
        raise UserError(
            f"sweep '{sweep.name}' was made with {key} = {before}, now {now} is asked; repeat its "
            "options, or give another --name"
        )


def differing_options(one: dict[str, Any], other: dict[str, Any]) -> tuple[str, Any, Any] | None:
    """First option that two sweeps were made with different values of, and both values.

    An option newer than a sweep was at its default when the sweep was made. The dataset is held
    against its fingerprint instead: machines may keep it in different places.
    """
    plain = _flat(Sweep("plain", "any", "any", (DENSE,), seeds=1).options())
    left, right = plain | _flat(one), plain | _flat(other)
    for key in sorted((left.keys() | right.keys()) - {"dataset"}):
        if left.get(key) != right.get(key):
            return key, left.get(key), right.get(key)
    return None


def _flat(options: dict[str, Any]) -> dict[str, Any]:
    training = options.get("training", {})
    return {k: v for k, v in options.items() if k != "training"} | training


def check_fingerprint(manifest: Manifest, fingerprint: str) -> None:
    """Check that the data are those the sweep was made with.

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


def new_manifest(
    sweep: Sweep, variants: tuple[Variant, ...], class_names: tuple[str, ...], fingerprint: str
) -> Manifest:
    """Start the manifest of a new sweep."""
    manifest = Manifest(
        name=sweep.name,
        config={},
        dataset={"spec": sweep.dataset},
        dataset_fingerprint=fingerprint,
        class_names=list(class_names),
        variants=[],
        seeds=[],
    )
    return extended(manifest, sweep, variants)


def extended(manifest: Manifest, sweep: Sweep, variants: tuple[Variant, ...]) -> Manifest:
    """Add the variants and seeds of a sweep to its manifest, in place."""
    known = {record.variant_id for record in manifest.variants}
    for variant in variants:
        if variant.variant_id not in known:
            manifest.variants.append(_variant_record(variant, sweep))
    manifest.seeds = sorted({*manifest.seeds, *range(sweep.seeds)})
    manifest.shifts += new_shifts(manifest, sweep.shifts)
    digests = {path: sha256(Path(path)) for path in sweep.method_files}
    describe_config(manifest, sweep.options(), digests)
    manifest.pairing = f"{_pairing(sweep)}; quantized runs are made from their dense run"
    return manifest


def _pairing(sweep: Sweep) -> str:
    if sweep.training.from_dense:
        return "pruned runs are made from the dense run of their seed"
    if sweep.training.paired:
        return "runs of equal seed share the dense run's first phase"
    return "pruned runs are independent of the dense ones"


def describe_config(
    manifest: Manifest, options: dict[str, Any], method_files: dict[str, str] | None = None
) -> None:
    """Write into the manifest what was asked altogether; files of methods by their SHA-256."""
    digests = manifest.config.get("method_files", {}) | (method_files or {})
    manifest.config = {
        "variants": [record.variant_id for record in manifest.variants],
        "seeds": len(manifest.seeds),
        "options": options,
    }
    if digests:
        manifest.config["method_files"] = digests
    if manifest.shifts:
        manifest.config["shifts"] = [
            record.name if record.dataset is None else f"{record.name}={record.dataset}"
            for record in manifest.shifts
        ]


def _variant_record(variant: Variant, sweep: Sweep) -> VariantRecord:
    base = trained_part(variant)
    return VariantRecord(
        variant_id=variant.variant_id,
        method=variant.method,
        target_sparsity=asked_sparsity(variant),
        paired=not variant.is_dense and (base.is_dense or sweep.training.pairs_runs),
    )


def describe(
    manifest: Manifest, prepared: Prepared, spec: ModelSpec, device: str, n_workers: int
) -> None:
    """Write into the manifest what data, model and machine turned out to be.

    Raises
    ------
    UserError
        The checkpoint is not the one the sweep was made with.
    """
    if manifest.model.get("weights_sha256", spec.weights_sha256) != spec.weights_sha256:
        raise UserError(
            f"--checkpoint {spec.checkpoint} has changed since sweep '{manifest.name}' was made "
            "with it; give another --name"
        )
    manifest.dataset |= {
        "n_train": prepared.inputs.n_train,
        "n_test": prepared.inputs.n_test,
        "train_counts": prepared.train_counts,
        "mean": list(spec.mean or prepared.inputs.mean),
        "std": list(spec.std or prepared.inputs.std),
        "n_duplicates_across_splits": prepared.n_duplicates_across_splits,
        "notes": prepared.notes,
    }
    manifest.left_out = prepared.left_out
    manifest.model = {
        "name": spec.name,
        "image_size": list(spec.image_size),
        "parameters": spec.parameters,
        "prunable": spec.prunable,
    }
    if spec.pretrained or spec.checkpoint is not None:
        manifest.model |= {
            "weights": spec.checkpoint or "pretrained",
            "weights_sha256": spec.weights_sha256,
            "weights_note": spec.weights_note,
        }
    manifest.device = {
        "device": device,
        "machine": platform.machine(),
        "workers": n_workers,
        "threads_per_run": 1,
        "latency_batch_size": 1,
    }
    manifest.versions = {name: version(name) for name in _LIBRARIES}
    manifest.versions["python"] = platform.python_version()
    manifest.git_commit = _git_commit()


def _git_commit() -> str | None:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def reconcile(folder: SweepFolder, manifest: Manifest) -> None:
    """Make the manifest agree with the files: adopt finished runs, drop those without a file."""
    there = folder.sizes()
    for variant_id, seed, run in manifest.all_runs():
        relative = folder.relative(folder.prediction_path(variant_id, seed))
        record = manifest.files.get(relative)
        if record is not None and there.get(relative) == record.size:
            continue
        manifest.files.pop(relative, None)
        adopted = folder.adopt(variant_id, seed) if relative in there else None
        if adopted is None:
            run.state, run.error = "planned", None
            continue
        manifest.files[relative], measured = adopted
        for key, value in measured.items():
            setattr(run, key, value)
        run.state = "done"
        weights = folder.weights_path(variant_id, seed)
        if folder.relative(weights) in there:
            manifest.files[folder.relative(weights)] = folder.record(weights)
    for shift in manifest.shifts:
        reconcile_shift(folder, manifest, shift, there)
    for relative in [r for r, f in manifest.files.items() if there.get(r) != f.size]:
        del manifest.files[relative]


_EXTERNAL_LIBRARIES = (
    "torch",
    "timm",
    "numpy",
    "pandas",
    "pyarrow",
    "pillow",
    "onnx",
    "onnxruntime",
)


def check_external_options(manifest: Manifest, asked: Asked) -> None:
    """Check that a sweep that is there can be resumed or extended with what is asked.

    Raises
    ------
    UserError
        It was made in another way, or with other options.
    """
    if not manifest.is_given:
        was = "imported" if manifest.is_imported else "trained here"
        raise UserError(
            f"sweep '{asked.name}' was {was}; --models needs a sweep of its own: give another "
            "--name"
        )
    different = differing_options(manifest.config["options"], asked.options())
    if different is not None:
        key, was, now = different
        raise UserError(
            f"sweep '{asked.name}' was made with {key} = {was}, now {now} is asked; repeat its "
            "options, or give another --name"
        )


def runs_of(manifest: Manifest) -> dict[tuple[str, int], dict[str, str]]:
    """What is noted of the model of every run."""
    found = {}
    for run, record in manifest.config["models"].items():
        variant_id, _, seed = run.rpartition("@")
        found[variant_id, int(seed)] = record
    return found


def check_models(manifest: Manifest, fits: list[Fit]) -> None:
    """Check that the models of runs that are there are the same files.

    Raises
    ------
    UserError
        One is another.
    """
    known = runs_of(manifest)
    for fit in fits:
        before = known.get((fit.model.variant_id, fit.model.seed))
        if before is not None and before["sha256"] != fit.sha256:
            raise UserError(
                f"{fit.model.label} is another model than sweep '{manifest.name}' was made with "
                f"({before['model']}; their SHA-256 differ): give another --name"
            )


def new(asked: Asked, dataset: Dataset, fingerprint: str) -> Manifest:
    """Start the manifest of a sweep."""
    return Manifest(
        name=asked.name,
        config={"models": {}},
        dataset={"spec": asked.dataset},
        dataset_fingerprint=fingerprint,
        class_names=list(dataset.class_names),
        variants=[],
        seeds=[],
    )


def describe_external(manifest: Manifest, asked: Asked, fits: list[Fit], n_workers: int) -> None:
    """Add to the manifest what is asked now, and what it is made with."""
    known = {record.variant_id for record in manifest.variants}
    for variant_id in dict.fromkeys(fit.model.variant_id for fit in fits):
        if variant_id not in known:
            manifest.variants.append(variant_record(variant_id, paired=asked.paired))
    manifest.variants.sort(key=lambda record: record.variant_id != DENSE_ID)
    manifest.seeds = sorted({*manifest.seeds, *(fit.model.seed for fit in fits)})
    models = manifest.config["models"] | {
        fit.model.run: {"model": fit.model.given, "sha256": fit.sha256, "input": fit.sentence}
        for fit in fits
    }
    manifest.config = {
        "variants": [record.variant_id for record in manifest.variants],
        "seeds": len(manifest.seeds),
        "options": asked.options(),
        "models": models,
    }
    manifest.model = {"name": "given models"}
    manifest.pairing = (
        "given models; seed k of every variant was made from dense seed k"
        if asked.paired
        else "given models; runs are taken as independent of the dense ones"
    )
    manifest.device = {
        "device": "cpu",
        "machine": platform.machine(),
        "workers": n_workers,
        "threads_per_run": 1,
        "latency_batch_size": 1,
    }
    manifest.versions = _versions()
    manifest.versions["python"] = platform.python_version()


def _versions() -> dict[str, str]:
    """Name what is installed: models of torch are run without the libraries of ONNX."""
    found = {}
    for name in _EXTERNAL_LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
