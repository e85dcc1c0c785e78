"""Write runs that are in memory as an imported sweep: all of them come in, or none."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from analysis.config import DENSE_ID
from analysis.errors import RunError, UserError
from analysis.execution.local import usable_cores
from analysis.importing.images import bare_table
from analysis.importing.pipeline import IMAGES
from analysis.importing.record import SPEC, add_runs, fingerprint, interrupted_runs, note_of_runs
from analysis.notebook.given import Labels, Run
from analysis.notebook.pictures import Pictures
from analysis.outputs.features import reduced
from analysis.outputs.run_scores import RunScores, table_of
from analysis.store import Cache, SweepFolder
from analysis.store.features import FEATURES, write_features
from analysis.store.manifest import DatasetRecord, DeviceRecord, Manifest
from analysis.store.transfer import aside, publish, remove_empty


def there(folder: SweepFolder) -> set[Run]:
    """Runs that a sweep has already; none where there is no such sweep.

    Raises
    ------
    UserError
        It was not imported, so that runs cannot be added.
    """
    if not folder.exists:
        return set()
    manifest = folder.manifest()
    if manifest.origin != "imported":
        was = "made of external models" if manifest.origin == "external" else "trained"
        raise UserError(f"sweep '{folder.name}' was {was}; audit(…, name='…') with another name")
    return {(v, s) for v, s, run in manifest.all_runs() if run.state == "done"}


def write(
    cache: Cache,
    name: str,
    runs: Mapping[Run, RunScores],
    label: Labels,
    class_names: tuple[str, ...],
    pictures: Pictures | None,
    *,
    paired: bool,
    overwrite: bool,
    notes: list[str],
) -> Manifest:
    """Write runs into a sweep, a new one or one that was made so before.

    Raises
    ------
    UserError
        A run is there already, or the sweep is of other images. The cache is as it was.
    RunError
        The disk refused a file.
    """
    folder = cache.sweep(name)
    try:
        with folder.locked():
            old = there(folder) - interrupted_runs(folder.cut_off)
            again = [f"{v}@{s}" for v, s in runs if (v, s) in old]
            if again and not overwrite:
                raise UserError(
                    f"sweep '{name}' has {', '.join(again[:5])} already; audit(…, overwrite=True) "
                    "replaces runs, another name=… makes a new sweep"
                )
            with aside(folder) as made:
                manifest = _manifest(folder, made, label, class_names, pictures)
                files = _write_runs(made, manifest, runs, label, paired=paired, old=old)
                add_runs(manifest, list(runs), files, paired=paired)
                said = [*manifest.dataset.notes, *notes]
                manifest.dataset.notes = list(dict.fromkeys(said))
                _keep_features(made, manifest, runs)
                publish(made, folder, manifest, note_of_runs(list(runs)))
                return manifest
    except OSError as error:
        raise RunError(f"sweep '{name}' could not be written: {error}") from error
    finally:
        with suppress(OSError):
            remove_empty(folder)


def _manifest(
    folder: SweepFolder,
    made: SweepFolder,
    label: Labels,
    class_names: tuple[str, ...],
    pictures: Pictures | None,
) -> Manifest:
    """Return the manifest of the sweep that is there, else start one and write its images."""
    small = label.astype(np.int32)
    if folder.exists:
        manifest = folder.manifest()
        known = np.asarray(folder.read_images(["label"])["label"].to_numpy())
        if tuple(manifest.class_names) != class_names or not np.array_equal(known, small):
            raise UserError(
                f"sweep '{folder.name}' is of other images: {len(known):,} of "
                f"{len(manifest.class_names):,} classes, and these are {len(label):,} of "
                f"{len(class_names):,}, or in another order; give another name=… (a loader that "
                "shuffles gives another order each time)"
            )
        return manifest
    paths = None if pictures is None else pictures.paths
    names = paths or [str(i) for i in range(len(label))]
    digest = fingerprint(class_names, small, names, "")
    manifest = Manifest(
        name=folder.name,
        dataset=DatasetRecord(SPEC, n_train=0, n_test=len(label)),
        dataset_fingerprint=digest,
        class_names=list(class_names),
        origin="imported",
        device=DeviceRecord("imported"),
    )
    if pictures is None:
        record = made.write_images(bare_table(small, None, None))
    else:
        record = made.write_images_in_blocks(*pictures.blocks(label))
    manifest.files[IMAGES] = record
    return manifest


def _write_runs(
    made: SweepFolder,
    manifest: Manifest,
    runs: Mapping[Run, RunScores],
    label: Labels,
    *,
    paired: bool,
    old: set[Run],
) -> list[dict[str, Any]]:
    files = []
    for run, scores in runs.items():
        dense = _dense_of(run, runs, old, paired=paired)
        table = table_of(scores, label, len(manifest.class_names), dense, n_threads=usable_cores())
        record = made.write_predictions(*run, table, {})
        manifest.files[made.relative(made.prediction_path(*run))] = record
        content = np.ascontiguousarray(scores.scores)
        digest = hashlib.sha256(json.dumps([str(content.dtype), list(content.shape)]).encode())
        digest.update(content.data)
        files.append(
            {"file": f"{run[0]}@{run[1]}", "sha256": digest.hexdigest(), "rows": len(label)}
        )
    return files


def _keep_features(made: SweepFolder, manifest: Manifest, runs: Mapping[Run, RunScores]) -> None:
    """Keep the scores of the first dense run as features; without any, there is no map."""
    seeds = sorted(s for (v, s), one in runs.items() if v == DENSE_ID and one.scores.ndim == 2)
    if not seeds or FEATURES in manifest.files:
        return
    run = runs[DENSE_ID, seeds[0]]
    what = "logits" if run.kind == "logits" else "scores"
    with suppress(UserError):  # all images have the same
        found = reduced(run.scores, f"{what} of dense seed {seeds[0]}")
        manifest.files[FEATURES] = write_features(made, found.values, about=found.about)


def _dense_of(
    run: Run, runs: Mapping[Run, RunScores], old: set[Run], *, paired: bool
) -> RunScores | None:
    """Scores of the dense run that a run is compared with, image by image; None without."""
    if run[0] == DENSE_ID:
        return None
    if paired:
        return runs.get((DENSE_ID, run[1]))
    every = {*runs, *old}
    is_single = len({variant_id for variant_id, _ in every}) == len(every)
    return next((one for (v, _), one in runs.items() if v == DENSE_ID), None) if is_single else None
