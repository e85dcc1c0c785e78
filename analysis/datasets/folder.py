"""Open ``folder:DIR``, a folder of class folders, or of files with a table of labels."""

import posixpath
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.errors import ParserWarning

from analysis.datasets.base import Dataset, FileImages, Split, meta_frame, stratified_split
from analysis.datasets.files import LeftOut, left_out, scan, shown
from analysis.datasets.registry import register
from analysis.errors import UserError
from analysis.filesystem.nearby import nearby
from analysis.filesystem.regular import open_regular

TABLES = ("labels.csv", "metadata.csv")
FILE_COLUMNS = ("path", "file_name", "filename", "image")
LABEL = "label"


@dataclass(frozen=True)
class FolderTable:
    """Columns by file path, the ``files`` of the tables, and left-out rows."""

    columns: pd.DataFrame
    files: tuple[str, ...]
    unusable: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def name(self) -> str:
        """Names of the tables for messages."""
        return " and ".join(self.files)

    @property
    def has_labels(self) -> bool:
        """Whether the tables have a label column."""
        return LABEL in self.columns

    def labels(self) -> dict[str, str]:
        """Return the class of each labelled file."""
        return dict(self.columns[LABEL].dropna()) if self.has_labels else {}


def read_tables(root: Path, files: Sequence[str], folders: Iterable[str]) -> FolderTable:
    """Read the tables in the root ("") and in the splits' folders, among ``files``.

    Paths are relative to the table's folder. Columns of several tables are joined; the first wins.
    Unreadable tables, rows without a file and repeated rows are left out with a reason.
    """
    columns = pd.DataFrame()
    used: list[str] = []
    unusable: list[str] = []
    skipped: list[LeftOut] = []
    existing = {shown(path) for path in files}
    for path in (posixpath.join(folder, name) for folder in folders for name in TABLES):
        if path not in files:
            continue
        try:
            frame, file_column = _read(root / path)
        except (OSError, ValueError, ParserWarning) as error:
            reason = " ".join(f"{error}".split())
            unusable.append(path)
            skipped.append(left_out(path, f"is not a usable table: {reason}"))
            continue
        used.append(path)
        folder = posixpath.dirname(path)
        names = [_file(folder, name) for name in frame.pop(file_column)]
        known: set[str] = set()
        keep = []
        for row, name in enumerate(names):
            if name not in existing or name in known:
                why = "a second row of this file" if name in known else "names no usable file"
                # Line 1 is the header.
                skipped.append(left_out(name or path, f"{path}, row {row + 2}: {why}"))
                continue
            known.add(name)
            keep.append(row)
        frame = frame.iloc[keep].set_axis([names[row] for row in keep])
        columns = frame if columns.empty else columns.combine_first(frame)
    return FolderTable(columns.convert_dtypes(), tuple(used), tuple(unusable), tuple(skipped))


def _read(path: Path) -> tuple[pd.DataFrame, str]:
    with open_regular(path) as file, warnings.catch_warnings():
        # More fields than the header: refuse the table rather than shift columns.
        warnings.simplefilter("error", ParserWarning)
        head = pd.read_csv(file, nrows=0, encoding="utf-8-sig")
        column = next((name for name in FILE_COLUMNS if name in head.columns), None)
        if column is None:
            raise ValueError(f"none of its columns is {', '.join(FILE_COLUMNS)}")
        file.seek(0)
        # Names such as NA or 007 are valid: only an empty field is missing.
        frame = pd.read_csv(
            file,
            encoding="utf-8-sig",
            dtype={column: str, LABEL: str},
            keep_default_na=False,
            na_values=[""],
            index_col=False,
            low_memory=False,
        )
    return frame, column


def _file(folder: str, name: object) -> str:
    if not isinstance(name, str):
        return ""
    return posixpath.normpath(posixpath.join(folder, name.strip().replace("\\", "/")))


_TRAIN = "train"
_TESTS = ("test", "val", "validation", "valid")


@dataclass(frozen=True)
class _File:
    path: str
    split: str
    label: str


@register("folder")
def open_folder(place: str | None) -> Dataset:
    """Open a folder of images; every file is used or left out with a reason.

    The first-level folders are the classes, deeper files included; without class folders the column
    ``label`` of ``labels.csv`` or ``metadata.csv`` has the classes. ``train/`` and ``test/`` (or
    ``val/``) are the splits; one of them alone is that split. Otherwise a stratified, seeded split
    takes 30 % for test.

    Raises
    ------
    UserError
        The folder does not exist, or fewer than two classes have files.
    """
    if place is None:
        raise UserError("dataset 'folder' needs a folder: folder:DIR")
    root = Path(place)
    if not root.is_dir():
        raise UserError(f"dataset 'folder:{root}': no such folder{nearby(root)}")
    found = scan(root)
    splits = _splits(found.files)
    table = read_tables(root, found.files, dict.fromkeys(("", *splits)))
    images = [path for path in found.files if path not in (*table.files, *table.unusable)]
    by_folder = len({_class_folder(path, splits[0]) for path in images} - {""}) >= 2
    files, skipped = _labelled(images, splits, table, by_folder=by_folder)
    names = sorted({file.label for file in files if file.split == splits[0]})
    if len(names) < 2:
        raise UserError(_too_few(root / splits[0], names, table))
    for file in files:
        if file.label not in names:
            skipped.append(left_out(file.path, f"its class is not among those of {splits[0]}/"))
    columns = table.columns if by_folder else table.columns.drop(columns=LABEL, errors="ignore")
    parts = [
        _split(root, [f for f in files if f.split == split and f.label in names], names, columns)
        for split in splits
    ]
    whole = parts[0] if len(parts) == 1 and splits[0] not in _TESTS else None
    if whole is not None:
        parts = [whole.take(indices) for indices in stratified_split(whole.labels)]
    elif len(parts) == 1:
        parts = [parts[0].take(np.empty(0, np.intp)), parts[0]]
    elif not len(parts[1]):
        raise UserError(f"{root / splits[1]} has no file of the classes in {_TRAIN}/")
    return Dataset(
        tuple(shown(name) for name in names),
        parts[0],
        parts[1],
        channels=3,
        left_out=(*found.left_out, *table.left_out, *skipped),
        notes=tuple(_notes(files, table, by_folder=by_folder)),
        whole=whole,
    )


def _splits(files: Sequence[str]) -> tuple[str, ...]:
    folders = {path.partition("/")[0] for path in files if "/" in path}
    test = next((name for name in _TESTS if name in folders), None)
    if _TRAIN in folders and test is not None:
        return _TRAIN, test
    alone = next(iter(folders)) if len(folders) == 1 else ""
    return (alone,) if alone in (_TRAIN, *_TESTS) else ("",)


def _class_folder(path: str, split: str) -> str:
    """Return the first-level folder of a file within a split, or ""."""
    inside = path.removeprefix(f"{split}/") if split else path
    if split and inside == path:
        return ""
    return inside.rpartition("/")[0].partition("/")[0]


def _labelled(
    images: Sequence[str], splits: Sequence[str], table: FolderTable, *, by_folder: bool
) -> tuple[list[_File], list[LeftOut]]:
    files, skipped = [], []
    by_table = table.has_labels and not by_folder
    labels = table.labels()
    for path in images:
        split = next((name for name in splits if not name or path.startswith(f"{name}/")), None)
        if split is None:
            where = " and ".join(f"{name}/" for name in splits)
            skipped.append(left_out(path, f"lies outside {where}"))
            continue
        label = labels.get(shown(path)) if by_table else _class_folder(path, split)
        if label:
            files.append(_File(path, split, label))
        else:
            why = f"has no label in {table.name}" if by_table else "lies in no class folder"
            skipped.append(left_out(path, why))
    return files, skipped


def _split(
    root: Path, files: Sequence[_File], names: Sequence[str], columns: pd.DataFrame
) -> Split:
    ids = {name: i for i, name in enumerate(names)}
    # Keep classes together: draws from a split depend on the order.
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
        notes.append(f"classes come from the folders; '{LABEL}' of {table.name} is metadata")
    without = [shown(file.path) for file in files if shown(file.path) not in table.columns.index]
    if table.files and without:
        some = ", ".join(without[:3]) + (", …" if len(without) > 3 else "")
        notes.append(f"{len(without)} files have no row in {table.name}: {some}")
    return notes


def _is_class_folder(where: Path) -> bool:
    """Return whether a folder has files and sibling folders, as a class folder does."""
    if not any(one.is_file() for one in where.iterdir()):
        return False
    parent = where.absolute().parent
    return where.absolute() != parent and sum(one.is_dir() for one in parent.iterdir()) >= 2


def _too_few(where: Path, names: Sequence[str], table: FolderTable) -> str:
    found = f"one class, '{shown(names[0])}'" if names else "no class folder with files"
    why = "".join(f"; {entry['file']} {entry['reason']}" for entry in table.left_out[:1])
    if len(names) == 1 and (where / names[0]).is_dir():
        inside = [one for one in (where / names[0]).iterdir() if one.is_dir()]
        if len(inside) >= 2 or any(one.name in (_TRAIN, *_TESTS) for one in inside):
            why += f"; open what is in it with folder:{shown(f'{where / names[0]}')}"
    elif not names and _is_class_folder(where):
        why += (
            "; it seems to be the folder of one class: open all classes with "
            f"folder:{shown(f'{where.absolute().parent if where == Path() else where.parent}')}"
        )
    return (
        f"{where} has {found}; expected at least two class folders with images in them, or a "
        f"{TABLES[0]} with the columns path and {LABEL}{why}"
    )
