"""What the manifest says of a sweep of given models."""

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from analysis.bookkeeping import differing_options
from analysis.config import DENSE_ID
from analysis.datasets.base import Dataset
from analysis.errors import UserError
from analysis.given.asked import Asked, variant_record
from analysis.given.fit import Fit
from analysis.manifest import Manifest

_LIBRARIES = ("torch", "timm", "numpy", "pandas", "pyarrow", "pillow", "onnx", "onnxruntime")


def check_options(manifest: Manifest, asked: Asked) -> None:
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


def describe(manifest: Manifest, asked: Asked, fits: list[Fit], n_workers: int) -> None:
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
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
