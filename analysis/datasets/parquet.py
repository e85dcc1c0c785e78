"""Open ``parquet:PATH``, Parquet files in Hugging Face's image layout."""

import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.datasets.base import Dataset
from analysis.datasets.files import LeftOut, left_out
from analysis.datasets.hf_layout import dataset_of
from analysis.datasets.registry import register
from analysis.errors import UserError

TRAIN = "train"
TESTS = ("test", "validation", "valid", "val")
_SPLIT = re.compile(rf"({'|'.join((TRAIN, *TESTS))})(?![A-Za-z])")


@register("parquet")
def open_parquet(place: str | None) -> Dataset:
    """Open one file, or a folder with ``train*`` and ``test*`` (or ``validation*``) files.

    The split may also be a folder (``train/0000.parquet``). One file, or files of one split, are
    split by class, 30 % for test.

    Raises
    ------
    UserError
        The file is missing, damaged, or has another layout.
    """
    if place is None:
        raise UserError("dataset 'parquet' needs a file or a folder: parquet:PATH")
    path = Path(place)
    if path.is_file():
        return dataset_of(read_parquet([path], "given"), None, f"parquet:{path}")
    if not path.is_dir():
        raise UserError(f"dataset 'parquet:{path}': no such file or folder")
    return open_folder_of_parquet(path)


def open_folder_of_parquet(folder: Path, *, class_names: Sequence[str] | None = None) -> Dataset:
    """Open a folder of Parquet files; see ``open_parquet``."""
    by_split: dict[str, list[Path]] = {}
    for file in sorted(folder.rglob("*.parquet")):
        if file.is_file():
            by_split.setdefault(_split_of(file.relative_to(folder)), []).append(file)
    if not by_split:
        raise UserError(f"{folder} holds no .parquet file")
    test = next((name for name in TESTS if name in by_split), None)
    where = f"parquet:{folder}"
    skipped: list[LeftOut] = []
    if TRAIN not in by_split:
        # Without a train split all files form one set.
        all_files = [file for files in by_split.values() for file in files]
        return dataset_of(read_parquet(all_files, "given"), None, where, class_names=class_names)
    for name, files in by_split.items():
        if name not in (TRAIN, test):
            used = TRAIN if test is None else f"{TRAIN} and {test}"
            skipped += [
                left_out(file.relative_to(folder).as_posix(), f"is not used beside {used}")
                for file in files
            ]
    return dataset_of(
        read_parquet(by_split[TRAIN], TRAIN),
        None if test is None else read_parquet(by_split[test], test),
        where,
        class_names=class_names,
        left_out=skipped,
    )


def _split_of(file: Path) -> str:
    for part in reversed(file.parts):
        found = _SPLIT.match(part.lower())
        if found:
            return found[1]
    return ""


def read_parquet(files: Sequence[Path], split: str) -> pa.Table:
    """Read files of one split into one table.

    Raises
    ------
    UserError
        A file cannot be read, or the files differ in their columns.
    """
    tables = []
    for file in files:
        try:
            tables.append(pq.read_table(file, partitioning=None))
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"{file} cannot be read ({split} Parquet file): {error}") from None
    try:
        return pa.concat_tables(tables)
    except pa.ArrowException as error:
        raise UserError(f"the {split} Parquet files differ in their columns: {error}") from None
