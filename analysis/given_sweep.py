"""A sweep of given models: tried with some images, then run over the test images."""

import platform
from collections.abc import Callable, Iterator
from concurrent.futures import Future, as_completed
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from analysis import schema, workers
from analysis.bookkeeping import check_fingerprint, differing_options, reconcile
from analysis.config import DENSE_ID
from analysis.datasets import open_dataset
from analysis.datasets.base import Dataset
from analysis.datasets.decode import UnusableImageError
from analysis.errors import UserError
from analysis.given.asked import Asked, check_even, variant_record
from analysis.given.fit import Fit, per_channel
from analysis.given.loaded import Needed
from analysis.joining import keep_joined
from analysis.manifest import Manifest
from analysis.pools.local import usable_cores
from analysis.preparing import Arrays, Progress, channel_statistics, image_table, write_split
from analysis.recording import record_run
from analysis.remote.copies import working_folder
from analysis.run import Outcome
from analysis.store import Cache, SweepFolder
from analysis.store.places import remove_tree

Say = Callable[[str], None]
_TRIED = 8
_LOOKED_AT = 64
_STATISTICS_SAMPLE = 10_000
_LIBRARIES = ("torch", "timm", "numpy", "pandas", "pyarrow", "pillow", "onnx", "onnxruntime")
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def _silent(_phase: str, _done: int, _total: int) -> None:
    pass


def _unsaid(_line: str) -> None:
    pass


def run_given(
    asked: Asked,
    cache: Cache,
    *,
    n_workers: int | None = None,
    dry_run: bool = False,
    progress: Progress = _silent,
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
        _check_options(before, asked)
    known = {} if before is None else _runs_of(before)
    check_even([*known, *((model.variant_id, model.seed) for model in asked.models)])
    dataset = open_dataset(asked.dataset).limited(asked.train_limit, asked.test_limit)
    fingerprint = dataset.fingerprint()
    if before is not None:
        check_fingerprint(before, fingerprint)
    needed = Needed(
        len(dataset.class_names), dataset.channels, dataset.native_size, asked.input_size
    )
    n_workers = min(n_workers or usable_cores(), len(asked.models))
    with workers.pool(n_workers, device="cpu") as pool:
        pictures = _usable(dataset)
        trying = [workers.try_given(pool, model, needed, pictures) for model in asked.models]
        fits: list[Fit] = []
        for future in trying:
            progress("trying models", len(fits), len(trying))
            fits.append(future.result())
        progress("trying models", len(fits), len(trying))
        if before is not None:
            _check_models(before, fits)
        fits = _scaled(fits, asked, dataset)
        for fit in fits:
            say(fit.sentence)
            for note in fit.notes:
                say(f"{fit.model.label}: {note}")
        if dry_run:
            return None
        with folder.locked():
            folder.sweep_leftovers()
            with _work(folder) as work:
                manifest = folder.manifest() if folder.exists else _new(asked, dataset, fingerprint)
                if folder.exists:
                    _check_models(manifest, fits)
                _describe(manifest, asked, fits, pool.n_workers)
                images = _write_pixels(dataset, fits, work, manifest, progress)
                manifest.files["images.parquet"] = folder.write_images(keep_joined(folder, images))
                reconcile(folder, manifest)
                folder.write_manifest(manifest)
                context = (folder.path.absolute(), Arrays(work), work, needed)
                _run(pool, context, folder, manifest, asked, fits, progress)
                _warn(folder, manifest, say)
    return manifest


# --- before anything is written ---------------------------------------------------------------
def _check_options(manifest: Manifest, asked: Asked) -> None:
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


def _runs_of(manifest: Manifest) -> dict[tuple[str, int], dict[str, str]]:
    found = {}
    for run, record in manifest.config["models"].items():
        variant_id, _, seed = run.rpartition("@")
        found[variant_id, int(seed)] = record
    return found


def _check_models(manifest: Manifest, fits: list[Fit]) -> None:
    known = _runs_of(manifest)
    for fit in fits:
        before = known.get((fit.model.variant_id, fit.model.seed))
        if before is not None and before["sha256"] != fit.sha256:
            raise UserError(
                f"{fit.model.label} is another model than sweep '{manifest.name}' was made with "
                f"({before['model']}; their SHA-256 differ): give another --name"
            )


def _usable(dataset: Dataset) -> list[Image.Image]:
    found: list[Image.Image] = []
    reason = "it has none"
    for index in range(min(len(dataset.test), _LOOKED_AT)):
        try:
            found.append(dataset.test.images[index])
        except UnusableImageError as error:
            reason = f"{error}"
        if len(found) == _TRIED:
            break
    if not found:
        raise UserError(f"no usable image among the first of the test split: {reason}")
    return found


def _scaled(fits: list[Fit], asked: Asked, dataset: Dataset) -> list[Fit]:
    """Decide the mean and standard deviation that each model's pixels are scaled with."""
    statistics: dict[tuple[int, int], Any] = {}

    def of_training(size: tuple[int, int]) -> Any:
        if size not in statistics:
            statistics[size] = _statistics(dataset, size)
        return statistics[size]

    scaled = []
    for fit in fits:
        named = asked.scaling.named
        if asked.scaling.mean is not None and asked.scaling.std is not None:
            mean, std, by = asked.scaling.mean, asked.scaling.std, "as given"
        elif fit.dtype == "uint8" or named == "none":
            mean, std, by = (0.0,), (1.0,), "none"
        elif named == "imagenet":
            (mean, std), by = _IMAGENET, "those of ImageNet"
        elif named == "0.5":
            mean, std, by = (0.5,), (0.5,), "as given"
        elif named is None and fit.mean is not None and fit.std is not None:
            mean, std, by = fit.mean, fit.std, "the model's own"
        else:
            (mean, std), by = of_training(fit.size), "those of the training pixels"
        scaled.append(
            replace(
                fit,
                mean=per_channel(tuple(mean), fit.channels),
                std=per_channel(tuple(std), fit.channels),
                scaled_by=by,
            )
        )
    return scaled


def _statistics(
    dataset: Dataset, size: tuple[int, int]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    step = max(1, len(dataset.train) // _STATISTICS_SAMPLE)
    sample = dataset.train.take(np.arange(0, len(dataset.train), step))
    with working_folder() as here:
        write_split(sample, "train", size, dataset.channels, here, [], None, _silent)
        return channel_statistics(here / "train.npy")


# --- writing ----------------------------------------------------------------------------------
@contextmanager
def _work(folder: SweepFolder) -> Iterator[Path]:
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


def _new(asked: Asked, dataset: Dataset, fingerprint: str) -> Manifest:
    return Manifest(
        name=asked.name,
        config={"models": {}},
        dataset={"spec": asked.dataset},
        dataset_fingerprint=fingerprint,
        class_names=list(dataset.class_names),
        variants=[],
        seeds=[],
    )


def _describe(manifest: Manifest, asked: Asked, fits: list[Fit], n_workers: int) -> None:
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


def _write_pixels(
    dataset: Dataset, fits: list[Fit], work: Path, manifest: Manifest, progress: Progress
) -> Any:
    """Decode the test images once for every size that is taken; return their table."""
    first = {fit.pixels: fit for fit in fits}
    images, left_out = None, list(dataset.left_out)
    for name, fit in first.items():
        gone: list[dict[str, str]] = []
        rows: list[dict[str, Any]] | None = [] if images is None else None
        kept = write_split(dataset.test, name, fit.size, fit.channels, work, gone, rows, progress)
        if rows is not None:
            images = image_table(dataset.test.take(kept), rows)
            left_out += [{**one, "split": "test"} for one in gone]
    manifest.left_out = left_out
    manifest.dataset |= {
        "n_train": 0,
        "n_test": 0 if images is None else images.num_rows,
        "notes": list(dataset.notes),
    }
    return images


def _run(
    pool: Any,
    context: tuple[Any, ...],
    folder: SweepFolder,
    manifest: Manifest,
    asked: Asked,
    fits: list[Fit],
    progress: Progress,
) -> None:
    """Run what is not done, dense models first: the others are held against their outputs."""
    dense = {fit.model.seed: fit for fit in fits if fit.model.variant_id == DENSE_ID}
    is_compared = asked.paired or len(manifest.seeds) == 1
    todo = [
        fit for fit in fits if manifest.run(fit.model.variant_id, fit.model.seed).state != "done"
    ]
    progress("runs", manifest.n_done, manifest.n_runs)
    for is_dense in (True, False):
        running: dict[Future[Outcome], Fit] = {}
        for fit in todo:
            if (fit.model.variant_id == DENSE_ID) == is_dense:
                beside = dense.get(fit.model.seed) if is_compared and not is_dense else None
                running[workers.evaluate_given(pool, context, fit, beside)] = fit
        for future in as_completed(running):
            model = running[future].model
            record_run(folder, manifest, (model.variant_id, model.seed), future)
            progress("runs", manifest.n_done, manifest.n_runs)


def _warn(folder: SweepFolder, manifest: Manifest, say: Say) -> None:
    """Say where dense models are hardly better than chance: they are fed what they do not know."""
    label = folder.read_images([schema.LABEL])[schema.LABEL].to_numpy()
    chance = 1 / len(manifest.class_names)
    for seed in manifest.done_seeds(DENSE_ID):
        found = folder.read_population(DENSE_ID, [schema.PREDICTION], [seed], len(label))
        top1 = float(np.mean(found.prediction[0] == label))
        noise = 3 * float(np.sqrt(chance * (1 - chance) / len(label)))
        if top1 < max(chance + noise, 2 * chance if chance <= 0.25 else 0):
            note = (
                f"dense, seed {seed}, is right on {100 * top1:.1f} % of the images, near chance "
                f"({100 * chance:.1f} %): the usual causes are another normalization "
                "(--normalize, --mean, --std) and another order of the classes"
            )
            say(f"warning: {note}")
            manifest.dataset["notes"] = [*manifest.dataset["notes"], note]
    folder.write_manifest(manifest)
