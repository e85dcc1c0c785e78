"""``folder:DIR``: a folder of class folders, with or without splits."""

import os
from pathlib import Path

import numpy as np

from analysis.datasets.base import Dataset, FileImages, Split
from analysis.datasets.registry import register
from analysis.datasets.split import stratified_split
from analysis.errors import UserError

_TRAIN = "train"
_TESTS = ("test", "val")


@register("folder")
def open_folder(place: str | None) -> Dataset:
    """Open a folder whose first-level folders are the classes, deeper files included.

    ``train/`` and ``test/`` (or ``val/``) are the splits where both exist; else a stratified,
    seeded split takes 30 % for test. Hidden files and folders are passed over; folders behind
    symbolic links are not entered.

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
    test = next((name for name in _TESTS if (root / name).is_dir()), None)
    if (root / _TRAIN).is_dir() and test is not None:
        return _with_splits(root, test)
    files = _files_by_class(root, "")
    names = _class_names(files, root)
    whole = _split(root, files, names)
    train, held_out = stratified_split(whole.labels)
    return Dataset(tuple(names), whole.take(train), whole.take(held_out), channels=3)


def _with_splits(root: Path, test: str) -> Dataset:
    train_files, test_files = _files_by_class(root, _TRAIN), _files_by_class(root, test)
    names = _class_names(train_files, root / _TRAIN)
    left_out = tuple(
        {"file": path, "reason": f"its class is not among those of {_TRAIN}/"}
        for name, paths in test_files.items()
        if name not in names
        for path in paths
    )
    train, held_out = _split(root, train_files, names), _split(root, test_files, names)
    if not len(held_out):
        raise UserError(f"{root / test} holds no file of the classes in {_TRAIN}/")
    return Dataset(tuple(names), train, held_out, channels=3, left_out=left_out)


def _split(root: Path, files: dict[str, list[str]], names: list[str]) -> Split:
    paths, labels = _flatten(files, names)
    return Split(FileImages(root, tuple(paths)), labels, paths)


def _class_names(files: dict[str, list[str]], where: Path) -> list[str]:
    names = sorted(name for name, paths in files.items() if paths)
    if len(names) < 2:
        found = f"one class, '{names[0]}'" if names else "no class folder with files"
        raise UserError(
            f"{where} has {found}; expected at least two class folders with images in them"
        )
    return names


def _files_by_class(root: Path, split: str) -> dict[str, list[str]]:
    """Relative POSIX paths of all files below each first-level folder, sorted."""
    start = root / split
    return {
        folder.name: sorted(_walk(folder, root))
        for folder in sorted(start.iterdir())
        if folder.is_dir() and not folder.name.startswith(".")
    }


def _walk(folder: Path, root: Path) -> list[str]:
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith("."):
                found.append((Path(place) / name).relative_to(root).as_posix())
    return found


def _flatten(
    files: dict[str, list[str]], names: list[str]
) -> tuple[list[str], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    paths = [path for name in names for path in files.get(name, [])]
    labels = [i for i, name in enumerate(names) for _ in files.get(name, [])]
    return paths, np.asarray(labels, np.int64)
