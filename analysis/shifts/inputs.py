"""Make the model inputs of shifts: corrupted test images, or other images of the same classes.

They are made once for all runs from the uint8 pixels at the model's input size.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.config import Shift
from analysis.datasets import open_dataset
from analysis.datasets.base import Dataset, Split
from analysis.datasets.preprocess import Arrays, Progress, batched_range, image_table, write_split
from analysis.errors import UserError
from analysis.execution.local import end_with, local_pool
from analysis.filesystem.atomic import swapping
from analysis.models.geometry import Geometry
from analysis.shifts.corruptions.apply import corrupt
from analysis.shifts.corruptions.registry import corruption

_BLOCK = 256
# Below about a second of work, processes take longer to start than they save.
_FEW_VALUES = 20_000_000


@dataclass(frozen=True)
class Natural:
    """Images of a natural shift: labels are class ids of the sweep, ``fingerprint`` its SHA-256."""

    split: Split
    fingerprint: str
    left_out: tuple[dict[str, str], ...]
    notes: tuple[str, ...]


def check_shifts(shifts: Iterable[Shift]) -> None:
    """Check that every corruption is registered.

    Raises
    ------
    UserError
        A corruption is unknown.
    """
    for shift in shifts:
        if shift.corruption is not None:
            corruption(shift.corruption)


def open_natural(shift: Shift, dataset: Dataset, *, is_own: bool = False) -> Natural:
    """Open a natural shift: its test split, or all images of unsplit data.

    Of the sweep's own data (``is_own``) only the test split is used: the rest was trained on.
    Classes are matched by name; a subset of the sweep's classes suffices.

    Raises
    ------
    UserError
        The data cannot be opened, or have a class that the sweep lacks.
    """
    # The same white level as in the sweep's images.
    opened = open_dataset(shift.dataset or "", grey=dataset.grey)
    split = opened.test if opened.whole is None or is_own else opened.whole
    if not len(split):
        raise UserError(f"--shift {shift.name}={shift.dataset}: it has no image")
    ids = {name: i for i, name in enumerate(dataset.class_names)}
    used = np.unique(split.labels)
    unknown = [name for c in used if (name := opened.class_names[c]) not in ids]
    if unknown:
        raise UserError(
            f"--shift {shift.name}={shift.dataset}: {_some(unknown)}: no such class in the sweep's "
            f"data, which have {_some(dataset.class_names)}"
        )
    class_ids = np.zeros(len(opened.class_names), np.int64)
    class_ids[used] = [ids[opened.class_names[c]] for c in used]
    matched = replace(split, labels=class_ids[split.labels])
    names = "\0".join(opened.class_names[c] for c in used)
    digest = hashlib.sha256(f"{names}\0{split.digest()}".encode("utf-8", "surrogateescape"))
    notes = list(opened.notes)
    trained_on = {*dataset.train.images.digests()} - {b""}
    if leaked := sum(one in trained_on for one in split.images.digests()):
        notes.append(f"{leaked} images of shift {shift.name} are in the train split, byte for byte")
    return Natural(matched, digest.hexdigest(), opened.left_out, tuple(notes))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def write_natural(
    name: str,
    natural: Natural,
    geometry: Geometry,
    folder: Path,
    *,
    progress: Progress,
) -> tuple[pa.Table, list[dict[str, str]]]:
    """Decode a natural shift to ``<name>.npy``; return its table of images and left-out files.

    Raises
    ------
    UserError
        No image can be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left_out = list(natural.left_out)
    rows: list[dict[str, Any]] = []
    kept = write_split(natural.split, name, geometry, folder, left_out, rows, progress)
    return image_table(natural.split.take(kept), rows), left_out


def write_corrupted(
    shifts: Sequence[Shift],
    clean: Arrays,
    folder: Path,
    *,
    split: str = "test",
    n_processes: int,
    progress: Progress,
) -> None:
    """Corrupt the test images once per shift, to ``<name>.npy``."""
    folder.mkdir(parents=True, exist_ok=True)
    source = clean.path(split)
    pixels = np.load(source, mmap_mode="r")
    with ExitStack() as stack:
        targets = {}
        for shift in shifts:
            labels = stack.enter_context(swapping(folder / f"{shift.name}-labels.npy"))
            shutil.copyfile(clean.path(f"{split}-labels"), labels)
            targets[shift.name] = stack.enter_context(swapping(folder / f"{shift.name}.npy"))
            np.lib.format.open_memmap(targets[shift.name], "w+", np.uint8, pixels.shape)
        blocks = [
            (source, targets[shift.name], shift.corruption, shift.severity, block)
            for shift in shifts
            if shift.corruption is not None and shift.severity is not None
            for block in batched_range(len(pixels), _BLOCK)
        ]
        _corrupt(blocks, pixels.size * len(shifts), n_processes, progress)


def _corrupt(
    blocks: Sequence[tuple[Path, Path, str, int, range]],
    n_values: int,
    n_processes: int,
    progress: Progress,
) -> None:
    if n_values <= _FEW_VALUES or n_processes == 1:
        for done, arguments in enumerate(blocks):
            corrupt_block(*arguments)
            progress("corrupting test images", done + 1, len(blocks))
        return
    with local_pool(min(n_processes, len(blocks)), end_with, (os.getpid(),)) as pool:
        for done, future in enumerate([pool.submit(corrupt_block, *block) for block in blocks]):
            future.result()
            progress("corrupting test images", done + 1, len(blocks))


def corrupt_block(source: Path, target: Path, name: str, severity: int, block: range) -> None:
    """Corrupt some images of one file into another file."""
    pixels, corrupted = np.load(source, mmap_mode="r"), np.load(target, mmap_mode="r+")
    for index in block:
        corrupted[index] = corrupt(pixels[index], name, severity)
    corrupted.flush()
