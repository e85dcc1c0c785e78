"""``lethe.audit``: from models or scores in memory to a sweep, in one call."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analysis.config import DENSE_ID, check_sweep_name
from analysis.errors import UserError
from analysis.notebook.found import Audit
from analysis.notebook.given import (
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
from analysis.notebook.publish import there, write
from analysis.outputs.order import check_order
from analysis.outputs.run_scores import RunScores, notes_of, predictions, run_scores
from analysis.outputs.scores import KINDS
from analysis.results import SweepResults
from analysis.store import Cache


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

    Models are run over the loader, in evaluation mode and without gradients, and given back as they
    were; the loader is iterated once. Without a loader, ``models`` are their scores.

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
        Of the sweep.
    paired : bool
        Whether run k of every variant was made from dense run k.
    overwrite : bool
        Replace runs that the sweep has already.
    cache : str or Path
        Folder of sweeps.
    scores : {"auto", "logits", "probabilities", "labels"}
        What the scores are.
    accept_classes : bool
        Go on where the order of the classes looks wrong.

    Raises
    ------
    UserError
        Something that is given cannot be used; nothing is written.
    """
    check_sweep_name(name)
    if scores not in ("auto", *KINDS):
        raise UserError(f"scores={scores!r}: expected auto, {', '.join(KINDS)}")
    runs = runs_of(models)
    store = Cache(str(cache))
    old = there(store.sweep(name))
    check_variants(runs, old)
    notes: list[str] = []
    pictures: Pictures | None = None
    if loader is None:
        found, label = _of_arrays(runs, labels, scores)
    else:
        if labels is not None:
            raise UserError("audit: a loader has its own labels; leave labels=… out")
        from analysis.notebook.collect import collect

        collected = collect(runs, loader)
        label, pictures, notes = collected.label, collected.pictures, collected.notes
        n = len(label)
        given = collected.scores.items()
        found = {run: scores_of(one, _name(run), n, scores) for run, one in given}
        widths = {one.shape[1] for one in found.values() if one.ndim == 2}
        if class_names is None and collected.class_names is not None:
            is_fitting = widths == {len(collected.class_names)} or not widths
            class_names = collected.class_names if is_fitting else None
    if images is not None:
        pictures = pictures_of(images, len(label))
        notes += [pictures.note] * bool(pictures.note)
    names = _names(class_names, found, label)
    ids = class_ids(label, names, "labels", is_prediction=False)
    made = {run: _run(run, one, names, scores) for run, one in found.items()}
    _check_order(made, ids, names, notes, is_accepted=accept_classes)
    for run, one in made.items():
        notes += [f"{_name(run)}: {note}" for note in notes_of(one, ids)]
    write(store, name, made, ids, names, pictures, paired=paired, overwrite=overwrite, notes=notes)
    return Audit(SweepResults(store.existing(name)), tuple(notes))


def _name(run: Run) -> str:
    return f"the scores of {run[0]}" if run[1] == 0 else f"the scores of {run[0]}@{run[1]}"


def _of_arrays(runs: dict[Run, Any], labels: Any, asked: str) -> tuple[dict[Run, Array], Array]:
    called = [run for run, one in runs.items() if callable(one)]
    if called:
        raise UserError(
            f"audit: {called[0][0]} is a model; give a loader of (images, labels) too: "
            "audit(models, loader)"
        )
    if labels is None:
        raise UserError("audit: scores alone do not say what is right; give labels=…, [N]")
    label = as_array(labels, "labels")
    if label.ndim == 2 and label.shape[1] == 1:
        label = label[:, 0]
    if label.ndim != 1 or not len(label):
        raise UserError(
            f"labels have the shape {list(label.shape)}; expected one class an image, [N]: Lethe "
            "audits single-label classifiers"
        )
    n = len(label)
    return {run: scores_of(one, _name(run), n, asked) for run, one in runs.items()}, label


def _names(given: Sequence[str] | None, scores: dict[Run, Array], label: Array) -> tuple[str, ...]:
    names = None if given is None else [str(one) for one in given]
    if names is not None and len(set(names)) < len(names):
        twice = next(one for i, one in enumerate(names) if one in names[:i])
        raise UserError(f"class_names has {twice!r} twice; expected a name of its own for each")
    if names is None and label.dtype.kind == "U" and not any(s.ndim == 2 for s in scores.values()):
        texts = [one for one in (label, *scores.values()) if one.dtype.kind == "U"]
        return tuple(sorted(set(np.concatenate(texts).tolist())))
    if names is None and label.dtype.kind == "U":
        raise UserError(
            "labels are given by name, and scores by place; class_names=[…] says which is which"
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
        raise UserError(f"{dense[0]}: {finding.sentence}; accept_classes=True takes it as it is")
    notes.append(f"{dense[0]}: {finding.sentence} (accept_classes=True)")


def _run(run: Run, given: Array, names: tuple[str, ...], asked: str) -> RunScores:
    if given.ndim == 2:
        return run_scores(given, asked, name=_name(run))
    label = class_ids(given, names, f"the labels of {run[0]}@{run[1]}", is_prediction=True)
    return RunScores(label, "labels", None)
