"""``lethe.audit``: from models or scores in memory to an imported sweep, in one call."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from analysis.config import DENSE_ID, check_sweep_name
from analysis.errors import RunError, UserError
from analysis.execution.local import usable_cores
from analysis.importing.images import bare_table
from analysis.importing.pipeline import IMAGES
from analysis.importing.record import SPEC, add_runs, fingerprint, interrupted_runs, note_of_runs
from analysis.notebook.inputs import (
    Array,
    Labels,
    Run,
    as_array,
    check_variants,
    class_ids,
    n_classes_of,
    runs_of,
    scores_of,
)
from analysis.notebook.pictures import Pictures, pictures_of
from analysis.notebook.result import Audit
from analysis.outputs.features import reduced
from analysis.outputs.order import check_order
from analysis.outputs.run_scores import RunScores, notes_of, predictions, run_scores, table_of
from analysis.outputs.scores import KINDS
from analysis.results import SweepResults
from analysis.store import Cache, SweepFolder
from analysis.store.features import FEATURES, write_features
from analysis.store.manifest import DatasetRecord, DeviceRecord, Manifest
from analysis.store.transfer import aside, publish, remove_empty


def audit(
    models: Any,
    loader: Iterable[Any] | None = None,
    *,
    labels: Any = None,
    images: Any = None,
    class_names: Sequence[str] | None = None,
    name: str = "audit",
    paired: bool = False,
    overwrite: bool = False,
    cache: str | Path = "cache",
    scores: str = "auto",
    accept_classes: bool = False,
) -> Audit:
    """Compare compressed models with their dense one, image by image; write it as a sweep.

    Models are run over the loader, in evaluation mode and without gradients, and their modes are
    restored; the loader is iterated once. Without a loader, ``models`` are their scores.

    Parameters
    ----------
    models : mapping
        By variant, one of which is ``dense``: modules of torch, functions from a batch of images to
        scores, or arrays of scores [N, C] or of predicted labels [N]. A list has several runs of a
        variant.
    loader : iterable, optional
        Batches of (images, labels), or mappings with ``pixel_values`` and ``labels``.
    labels : array of int or str, optional
        True classes, with scores.
    images : sequence, optional
        Pictures for the tiles: arrays, tensors, PIL images or paths (default: the loader's).
    class_names : sequence of str, optional
        In order of class id.
    name : str
        Name of the sweep.
    paired : bool
        Whether run k of every variant was made from dense run k.
    overwrite : bool
        Replace existing runs of the sweep.
    cache : str or Path
        Folder of sweeps.
    scores : {"auto", "logits", "probabilities", "labels"}
        Kind of the scores.
    accept_classes : bool
        Continue even if the order of the classes looks wrong.

    Raises
    ------
    UserError
        An argument cannot be used; nothing is written.
    """
    check_sweep_name(name)
    if scores not in ("auto", *KINDS):
        raise UserError(f"scores={scores!r}: expected auto, {', '.join(KINDS)}")
    runs = runs_of(models)
    store = Cache(str(cache))
    old = finished_runs(store.sweep(name))
    check_variants(runs, old)
    notes: list[str] = []
    pictures: Pictures | None = None
    if loader is None:
        arrays, label = _of_arrays(runs, labels, scores)
    else:
        if labels is not None:
            raise UserError("audit: a loader has its own labels; leave labels=… out")
        from analysis.notebook.collect import collect

        collected = collect(runs, loader)
        label, pictures, notes = collected.label, collected.pictures, collected.notes
        n = len(label)
        arrays = {
            run: scores_of(one, _name(run), n, scores) for run, one in collected.scores.items()
        }
        widths = {one.shape[1] for one in arrays.values() if one.ndim == 2}
        if class_names is None and collected.class_names is not None:
            is_fitting = widths == {len(collected.class_names)} or not widths
            class_names = collected.class_names if is_fitting else None
    if images is not None:
        pictures = pictures_of(images, len(label))
        notes += [pictures.note] * bool(pictures.note)
    names = _names(class_names, arrays, label)
    ids = class_ids(label, names, "labels", is_prediction=False)
    parsed = {run: _run(run, one, names, scores) for run, one in arrays.items()}
    _check_order(parsed, ids, names, notes, is_accepted=accept_classes)
    for run, one in parsed.items():
        notes += [f"{_name(run)}: {note}" for note in notes_of(one, ids)]
    write(
        store, name, parsed, ids, names, pictures, paired=paired, overwrite=overwrite, notes=notes
    )
    return Audit(SweepResults(store.existing(name)), tuple(notes))


def _name(run: Run) -> str:
    return f"the scores of {run[0]}" if run[1] == 0 else f"the scores of {run[0]}@{run[1]}"


def _of_arrays(runs: dict[Run, Any], labels: Any, kind: str) -> tuple[dict[Run, Array], Array]:
    called = [run for run, one in runs.items() if callable(one)]
    if called:
        raise UserError(
            f"audit: {called[0][0]} is a model; give a loader of (images, labels) too: "
            "audit(models, loader)"
        )
    if labels is None:
        raise UserError("audit: scores need the true labels; give labels=…, [N]")
    label = as_array(labels, "labels")
    if label.ndim == 2 and label.shape[1] == 1:
        label = label[:, 0]
    if label.ndim != 1 or not len(label):
        raise UserError(
            f"labels have the shape {list(label.shape)}; expected one class an image, [N]: Lethe "
            "audits single-label classifiers"
        )
    n = len(label)
    return {run: scores_of(one, _name(run), n, kind) for run, one in runs.items()}, label


def _names(
    class_names: Sequence[str] | None, scores: dict[Run, Array], label: Array
) -> tuple[str, ...]:
    names = None if class_names is None else [str(one) for one in class_names]
    if names is not None and len(set(names)) < len(names):
        twice = next(one for i, one in enumerate(names) if one in names[:i])
        raise UserError(f"class_names has {twice!r} twice; expected a distinct name for each class")
    if names is None and label.dtype.kind == "U" and not any(s.ndim == 2 for s in scores.values()):
        texts = [one for one in (label, *scores.values()) if one.dtype.kind == "U"]
        return tuple(sorted(set(np.concatenate(texts).tolist())))
    if names is None and label.dtype.kind == "U":
        raise UserError(
            "labels are names, and scores have positions; class_names=[…] gives their order"
        )
    n = n_classes_of(scores, names, label)
    if n < 2:
        raise UserError(f"audit: {n} class; expected at least two")
    return tuple(names or map(str, range(n)))


def _check_order(
    runs: dict[Run, RunScores],
    label: Labels,
    names: tuple[str, ...],
    notes: list[str],
    *,
    is_accepted: bool,
) -> None:
    """Check that the classes of dense are in the order of the labels."""
    dense = next((run for run in runs if run[0] == DENSE_ID), None)
    if dense is None:
        return
    finding = check_order(label, predictions(runs[dense].scores), names)
    if not finding.is_wrong:
        return
    if not is_accepted:
        raise UserError(f"{dense[0]}: {finding.sentence}; accept_classes=True accepts this order")
    notes.append(f"{dense[0]}: {finding.sentence} (accept_classes=True)")


def _run(run: Run, array: Array, names: tuple[str, ...], kind: str) -> RunScores:
    if array.ndim == 2:
        return run_scores(array, kind, name=_name(run))
    label = class_ids(array, names, f"the labels of {run[0]}@{run[1]}", is_prediction=True)
    return RunScores(label, "labels", None)


def finished_runs(folder: SweepFolder) -> set[Run]:
    """Return the finished runs of a sweep; none if the sweep does not exist.

    Raises
    ------
    UserError
        The sweep was not imported, so runs cannot be added.
    """
    if not folder.exists:
        return set()
    manifest = folder.manifest()
    if manifest.origin != "imported":
        origin = "made of external models" if manifest.origin == "external" else "trained"
        raise UserError(f"sweep '{folder.name}' was {origin}; give audit(…, name='…') another name")
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
    """Write runs into a new sweep, or into one that ``audit`` made before: all of them, or none.

    Raises
    ------
    UserError
        A run exists already, or the sweep is of other images. The cache is unchanged.
    RunError
        The disk refused a file.
    """
    folder = cache.sweep(name)
    try:
        with folder.locked():
            old = finished_runs(folder) - interrupted_runs(folder.cut_off)
            again = [f"{v}@{s}" for v, s in runs if (v, s) in old]
            if again and not overwrite:
                raise UserError(
                    f"sweep '{name}' has {', '.join(again[:5])} already; audit(…, overwrite=True) "
                    "replaces runs, another name=… makes a new sweep"
                )
            with aside(folder) as temporary:
                manifest = _manifest(folder, temporary, label, class_names, pictures)
                files = _write_runs(temporary, manifest, runs, label, paired=paired, old=old)
                add_runs(manifest, list(runs), files, paired=paired)
                manifest.dataset.notes = list(dict.fromkeys([*manifest.dataset.notes, *notes]))
                _store_features(temporary, manifest, runs)
                publish(temporary, folder, manifest, note_of_runs(list(runs)))
                return manifest
    except OSError as error:
        raise RunError(f"sweep '{name}' could not be written: {error}") from error
    finally:
        with suppress(OSError):
            remove_empty(folder)


def _manifest(
    folder: SweepFolder,
    temporary: SweepFolder,
    label: Labels,
    class_names: tuple[str, ...],
    pictures: Pictures | None,
) -> Manifest:
    """Return the manifest of an existing sweep, or start one and write its images."""
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
        record = temporary.write_images(bare_table(small, None, None))
    else:
        record = temporary.write_images_in_blocks(*pictures.blocks(label))
    manifest.files[IMAGES] = record
    return manifest


def _write_runs(
    temporary: SweepFolder,
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
        record = temporary.write_predictions(*run, table, {})
        manifest.files[temporary.relative(temporary.prediction_path(*run))] = record
        content = np.ascontiguousarray(scores.scores)
        digest = hashlib.sha256(json.dumps([str(content.dtype), list(content.shape)]).encode())
        digest.update(content.data)
        files.append(
            {"file": f"{run[0]}@{run[1]}", "sha256": digest.hexdigest(), "rows": len(label)}
        )
    return files


def _store_features(
    temporary: SweepFolder, manifest: Manifest, runs: Mapping[Run, RunScores]
) -> None:
    """Store the scores of the first dense run as features, if it has any."""
    seeds = sorted(s for (v, s), one in runs.items() if v == DENSE_ID and one.scores.ndim == 2)
    if not seeds or FEATURES in manifest.files:
        return
    run = runs[DENSE_ID, seeds[0]]
    what = "logits" if run.kind == "logits" else "scores"
    with suppress(UserError):  # all images have the same scores
        features = reduced(run.scores, f"{what} of dense seed {seeds[0]}")
        manifest.files[FEATURES] = write_features(temporary, features.values, about=features.about)


def _dense_of(
    run: Run, runs: Mapping[Run, RunScores], old: set[Run], *, paired: bool
) -> RunScores | None:
    """Return the dense run that a run is compared with, image by image, if there is one."""
    if run[0] == DENSE_ID:
        return None
    if paired:
        return runs.get((DENSE_ID, run[1]))
    every = {*runs, *old}
    is_single = len({variant_id for variant_id, _ in every}) == len(every)
    return next((one for (v, _), one in runs.items() if v == DENSE_ID), None) if is_single else None
