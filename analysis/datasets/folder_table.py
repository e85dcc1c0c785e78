"""``labels.csv`` and ``metadata.csv``: what a folder of images says about its files."""

import posixpath
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pandas.errors import ParserWarning

from analysis.datasets.files import LeftOut, left_out, open_regular, shown

TABLES = ("labels.csv", "metadata.csv")
FILE_COLUMNS = ("path", "file_name", "filename", "image")
LABEL = "label"


@dataclass(frozen=True)
class FolderTable:
    """Columns by file (its path as shown), ``files`` that were read, and what was left out."""

    columns: pd.DataFrame
    files: tuple[str, ...]
    unusable: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def name(self) -> str:
        """Name the tables for a person."""
        return " and ".join(self.files)

    @property
    def has_labels(self) -> bool:
        """Whether a class is given for files."""
        return LABEL in self.columns

    def labels(self) -> dict[str, str]:
        """Class of each file that is given one."""
        return dict(self.columns[LABEL].dropna()) if self.has_labels else {}


def read_tables(root: Path, files: Sequence[str], places: Iterable[str]) -> FolderTable:
    """Read the tables that lie in the root ("") or in a split's folder, among ``files``.

    A table names files relative to the folder it lies in. Where two speak of one file their
    columns are joined, the first in order winning. A table that cannot be read, a row whose file
    is not there and a second row of a file are left out with a reason.
    """
    columns = pd.DataFrame()
    used: list[str] = []
    unusable: list[str] = []
    gone: list[LeftOut] = []
    there = {shown(path) for path in files}
    for path in (posixpath.join(place, name) for place in places for name in TABLES):
        if path not in files:
            continue
        try:
            frame, file_column = _read(root / path)
        except (OSError, ValueError, ParserWarning) as error:
            reason = " ".join(f"{error}".split())
            unusable.append(path)
            gone.append(left_out(path, f"is no table that can be used: {reason}"))
            continue
        used.append(path)
        place = posixpath.dirname(path)
        names = [_file(place, name) for name in frame.pop(file_column)]
        known: set[str] = set()
        keep = []
        for row, name in enumerate(names):
            if name not in there or name in known:
                why = (
                    "a second row of this file"
                    if name in known
                    else "names no file that can be used"
                )
                # Line 1 is the header.
                gone.append(left_out(name or path, f"{path}, row {row + 2}: {why}"))
                continue
            known.add(name)
            keep.append(row)
        frame = frame.iloc[keep].set_axis([names[row] for row in keep])
        columns = frame if columns.empty else columns.combine_first(frame)
    return FolderTable(columns.convert_dtypes(), tuple(used), tuple(unusable), tuple(gone))


def _read(path: Path) -> tuple[pd.DataFrame, str]:
    with open_regular(path) as file, warnings.catch_warnings():
        # More fields than the header has: rather no table than shifted columns.
        warnings.simplefilter("error", ParserWarning)
        head = pd.read_csv(file, nrows=0, encoding="utf-8-sig")
        column = next((name for name in FILE_COLUMNS if name in head.columns), None)
        if column is None:
            raise ValueError(f"none of its columns is called {', '.join(FILE_COLUMNS)}")
        file.seek(0)
        # A class or a file may be called NA or 007: only an empty field is missing.
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


def _file(place: str, name: object) -> str:
    if not isinstance(name, str):
        return ""
    return posixpath.normpath(posixpath.join(place, name.strip().replace("\\", "/")))
