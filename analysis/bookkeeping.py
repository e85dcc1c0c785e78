"""Keeping the manifest of a sweep: made, extended, held against what is asked and what is there."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from analysis.compression.registry import asked_sparsity, trained_part
from analysis.config import DENSE, Sweep, Variant
from analysis.datasets.preprocess import Prepared
from analysis.errors import UserError
from analysis.filesystem.atomic import sha256
from analysis.manifest import Manifest, VariantRecord
from analysis.models.spec import ModelSpec
from analysis.shift_bookkeeping import new_shifts, reconcile_shift
from analysis.store import SweepFolder

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
