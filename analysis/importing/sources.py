"""Find the files of an import with format and run of each."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import UserError
from analysis.filesystem.atomic import exists, is_dir
from analysis.importing.request import ImportConfig, RunSpec

_KINDS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "json", ".ndjson": "json", ".json": "json", ".npz": "npz", ".npy": "npy",
}  # fmt: skip
# Supported suffixes of files, and those that may be gzipped.
SUFFIXES = tuple(_KINDS)
GZIPPED = tuple(suffix for suffix, kind in _KINDS.items() if kind in ("csv", "json"))
ARRAYS = ("npz", "npy")


@dataclass(frozen=True)
class Source:
    """One file, its format, and its run from ``--variant``."""

    path: Path
    kind: str
    run: RunSpec | None = None

    @property
    def is_array(self) -> bool:
        """Whether it holds arrays, with the images in order."""
        return self.kind in ARRAYS


def sources(config: ImportConfig) -> list[Source]:
    """Find the files of an import, expanding patterns.

    Raises
    ------
    UserError
        A file is missing or has an unsupported suffix.
    """
    if not config.files and not config.variant:
        raise UserError("no files; expected FILES, or --variant dense=FILE")
    found = [Source(path, kind) for path, kind in expand(config.files)]
    for run, file in config.variant_files.items():
        path = Path(file)
        found.append(Source(path, kind_of(path), run))
    return found


def expand(files: Sequence[str]) -> list[tuple[Path, str]]:
    """Find the files and the kind of each, expanding patterns.

    Raises
    ------
    UserError
        A file is missing or has an unsupported suffix.
    """
    paths: list[Path] = []
    for pattern in files:
        path = Path(pattern)
        if exists(path) or not glob.has_magic(pattern):
            paths.append(path)
            continue
        matching = sorted(glob.glob(pattern, recursive=True))
        if not matching:
            raise UserError(f"{pattern}: no file matches this pattern")
        paths += map(Path, matching)
    known: dict[Path, Path] = {}
    for path in paths:
        known.setdefault(path.resolve(), path)
    return [(path, kind_of(path)) for path in known.values()]


def kind_of(path: Path) -> str:
    """Return the format of a file by its suffix.

    Raises
    ------
    UserError
        The file is missing, a folder, or of an unsupported format.
    """
    if is_dir(path):
        raise UserError(f"{path} is a folder; name its files, such as '{path}/*.parquet'")
    if not exists(path):
        raise UserError(f"{path}: no such file")
    is_gzipped = path.suffix.lower() == ".gz"
    suffix = (Path(path.stem).suffix if is_gzipped else path.suffix).lower()
    kind = _KINDS.get(suffix)
    if kind is None:
        hint = ""
        if suffix in (".pkl", ".pickle", ".pt", ".pth", ".xlsx"):
            hint = "; pickles, checkpoints and spreadsheets are not read"
        raise UserError(
            f"{path}: expected a name that ends in .csv, .tsv, .parquet, .jsonl, .ndjson, .json, "
            f".npz or .npy (text gzipped or not){hint}"
        )
    if is_gzipped and suffix not in GZIPPED:
        raise UserError(f"{path}: a {suffix} file is compressed inside; unpack the .gz first")
    return kind
