"""``folder:DIR``: a folder of class folders, or of files with a table of labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.datasets.base import Dataset, FileImages, Split
from analysis.datasets.files import LeftOut, left_out, scan, shown
from analysis.datasets.folder_table import LABEL, TABLES, FolderTable, read_tables
from analysis.datasets.metadata import meta_frame
from analysis.datasets.registry import register
from analysis.datasets.split import stratified_split
from analysis.errors import UserError

_TRAIN = "train"
_TESTS = ("test", "val", "validation", "valid")


@dataclass(frozen=True)
class _File:
    path: str
    split: str
    label: str


@register("folder")
def open_folder(place: str | None) -> Dataset:
    """Open a folder of images; every file in it is used, or left out with a reason.

    The first-level folders are the classes, deeper files included; where there are none, the
    column ``label`` of ``labels.csv`` or ``metadata.csv`` says them. ``train/`` and ``test/`` (or
    ``val/``) are the splits where both exist; else a stratified, seeded split takes 30 % for test.

    Raises
    ------
    UserError
        The folder does not exist, or fewer than two classes hold files.
    """
    if place is None:
        raise UserError("dataset 'folder' needs a folder: folder:DIR")
    root = Path(place)
    if not root.is_dir():
        raise UserError(f"dataset 'folder:{root}': there is no such folder")
    found = scan(root)
    splits = _splits(found.files)
    table = read_tables(root, found.files, dict.fromkeys(("", *splits)))
    images = [path for path in found.files if path not in (*table.files, *table.unusable)]
    by_folder = len({_class_folder(path, splits[0]) for path in images} - {""}) >= 2
    files, gone = _labelled(images, splits, table, by_folder=by_folder)
    names = sorted({file.label for file in files if file.split == splits[0]})
    if len(names) < 2:
        raise UserError(_too_few(root / splits[0], names, table))
    for file in files:
        if file.label not in names:
            gone.append(left_out(file.path, f"its class is not among those of {_TRAIN}/"))
    columns = table.columns if by_folder else table.columns.drop(columns=LABEL, errors="ignore")
    parts = [
        _split(root, [f for f in files if f.split == split and f.label in names], names, columns)
        for split in splits
    ]
    whole = parts[0] if len(parts) == 1 else None
    if len(parts) == 1:
        parts = [parts[0].take(places) for places in stratified_split(parts[0].labels)]
    elif not len(parts[1]):
        raise UserError(f"{root / splits[1]} holds no file of the classes in {_TRAIN}/")
    return Dataset(
        tuple(shown(name) for name in names),
        parts[0],
        parts[1],
        channels=3,
        left_out=(*found.left_out, *table.left_out, *gone),
        notes=tuple(_notes(files, table, by_folder=by_folder)),
        whole=whole,
    )


def _splits(files: Sequence[str]) -> tuple[str, ...]:
    folders = {path.partition("/")[0] for path in files if "/" in path}
    test = next((name for name in _TESTS if name in folders), None)
    return (_TRAIN, test) if _TRAIN in folders and test is not None else ("",)


def _class_folder(path: str, split: str) -> str:
    """First-level folder of a file within a split; empty where it lies in none."""
    inside = path.removeprefix(f"{split}/") if split else path
    if split and inside == path:
        return ""
    return inside.rpartition("/")[0].partition("/")[0]


def _labelled(
    images: Sequence[str], splits: Sequence[str], table: FolderTable, *, by_folder: bool
) -> tuple[list[_File], list[LeftOut]]:
    files, gone = [], []
    by_table = table.has_labels and not by_folder
    labels = table.labels()
    for path in images:
        split = next((name for name in splits if not name or path.startswith(f"{name}/")), None)
        if split is None:
            gone.append(left_out(path, f"lies outside {splits[0]}/ and {splits[1]}/"))
            continue
        label = labels.get(shown(path)) if by_table else _class_folder(path, split)
        if label:
            files.append(_File(path, split, label))
        else:
            why = f"has no label in {table.name}" if by_table else "lies in no class folder"
            gone.append(left_out(path, why))
    return files, gone


def _split(
    root: Path, files: Sequence[_File], names: Sequence[str], columns: pd.DataFrame
) -> Split:
    ids = {name: i for i, name in enumerate(names)}
    # A class stays together: what was drawn of a split depends on the order.
    files = sorted(files, key=lambda file: (ids[file.label], file.path))
    paths = [shown(file.path) for file in files]
    return Split(
        FileImages(root, tuple(file.path for file in files)),
        np.asarray([ids[file.label] for file in files], np.int64),
        paths,
        meta_frame(columns.reindex(paths)),
    )


def _notes(files: Sequence[_File], table: FolderTable, *, by_folder: bool) -> list[str]:
    notes = []
    if by_folder and table.has_labels:
        notes.append(f"classes come from the folders; '{LABEL}' of {table.name} is a column beside")
    without = [shown(file.path) for file in files if shown(file.path) not in table.columns.index]
    if table.files and without:
        some = ", ".join(without[:3]) + (", …" if len(without) > 3 else "")
        notes.append(f"{len(without)} files have no row in {table.name}: {some}")
    return notes


def _too_few(where: Path, names: Sequence[str], table: FolderTable) -> str:
    found = f"one class, '{shown(names[0])}'" if names else "no class folder with files"
    why = "".join(f"; {entry['file']} {entry['reason']}" for entry in table.left_out[:1])
    return (
        f"{where} has {found}; expected at least two class folders with images in them, or a "
        f"{TABLES[0]} with the columns path and {LABEL}{why}"
    )
