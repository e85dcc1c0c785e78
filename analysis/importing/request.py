"""What an import is asked to do: its files, whose names may be patterns, and its options."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis import schema
from analysis.errors import UserError
from analysis.options import check_options, option

REQUIRED = (schema.LABEL, schema.PREDICTION)
OPTIONAL = (schema.CONFIDENCE, schema.TRUE_CONFIDENCE, schema.TRUE_RANK)
COLUMNS = (
    schema.IMAGE_ID, schema.PATH, schema.LABEL, schema.SEED, schema.VARIANT_ID, schema.METHOD,
    schema.TARGET_SPARSITY, schema.PREDICTION, *OPTIONAL,
)  # fmt: skip
LOGITS = "logits"
PROBABILITIES = "probabilities"
LABELS = "labels"
MEMBERS = (LOGITS, PROBABILITIES, LABELS)

_KINDS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "json", ".ndjson": "json", ".json": "json", ".npz": "npz",
}  # fmt: skip
# What a file's name may end in; and of these, what may be gzipped as a whole.
SUFFIXES = tuple(_KINDS)
GZIPPED = tuple(suffix for suffix, kind in _KINDS.items() if kind in ("csv", "json"))


@dataclass(frozen=True)
class ImportConfig:
    """An import: files, the sweep's name, and how the files are to be read.

    ``columns`` maps our columns to theirs; ``images`` is a dataset SPEC; ``n_classes`` says how
    many classes there are where nothing else does; ``paired`` that seed k of every variant was made
    from dense seed k.
    """

    files: tuple[str, ...]
    name: str = option(help="name of the sweep, new or imported before")
    images: str | None = option(
        None,
        metavar="SPEC",
        help="the images, such as folder:DIR or parquet:PATH, all of them unsplit; matched by "
        "path, else by place (default: no pictures)",
    )
    columns: dict[str, str] = option(
        flag="map",
        kind=list,
        metavar="OURS=THEIRS",
        help="repeatable; what a column of ours is called in the files, such as label=truth",
        default_factory=dict,
    )
    n_classes: int | None = option(
        None,
        flag="classes",
        help="number of classes, where neither names nor logits nor --images say it",
        least=1,
        is_ok=lambda n: n <= 1_000_000,
        range="a number from 1 to 1,000,000",
    )
    allow_missing: bool = option(
        False,
        help="leave out of all runs what images a run lacks, and take uneven seeds as they are",
    )
    overwrite: bool = option(False, help="replace runs that the sweep has already")
    paired: bool = option(False, help="seed k of every variant was made from seed k of dense")

    def __post_init__(self) -> None:
        check_options(self)


def parse_map(items: Sequence[str]) -> dict[str, str]:
    """Read ``OURS=THEIRS`` items.

    Raises
    ------
    UserError
        An item has another form, or names no column of ours, or one twice.
    """
    found: dict[str, str] = {}
    for item in items:
        ours, equals, theirs = item.partition("=")
        if not equals or not ours or not theirs:
            raise UserError(f"--map {item}: expected OURS=THEIRS, such as --map label=truth")
        if ours not in (*COLUMNS, *MEMBERS):
            raise UserError(
                f"--map {item}: '{ours}' is no column of ours; expected one of "
                f"{', '.join((*COLUMNS, *MEMBERS))} before the '='"
            )
        if found.get(ours, theirs) != theirs:
            raise UserError(f"--map {item}: '{ours}' is mapped to '{found[ours]}' already")
        found[ours] = theirs
    return found


def expand(files: Sequence[str]) -> list[tuple[Path, str]]:
    """Find the files and the kind of each; patterns that no shell has expanded are expanded.

    Raises
    ------
    UserError
        One is not there, or its name says of no format that can be read.
    """
    paths: list[Path] = []
    for given in files:
        path = Path(given)
        if path.exists() or not glob.has_magic(given):
            paths.append(path)
            continue
        matching = sorted(glob.glob(given, recursive=True))
        if not matching:
            raise UserError(f"{given}: no file matches this pattern")
        paths += map(Path, matching)
    known: dict[Path, Path] = {}
    for path in paths:
        known.setdefault(path.resolve(), path)
    return [(path, kind_of(path)) for path in known.values()]


def kind_of(path: Path) -> str:
    """Return the format that a file's name says.

    Raises
    ------
    UserError
        It is missing, a folder, or of a format that cannot be read.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder; name its files, such as '{path}/*.parquet'")
    if not path.exists():
        raise UserError(f"{path}: there is no such file")
    is_gzipped = path.suffix.lower() == ".gz"
    suffix = (Path(path.stem).suffix if is_gzipped else path.suffix).lower()
    kind = _KINDS.get(suffix)
    if kind is None:
        hint = ""
        if suffix in (".pkl", ".pickle", ".pt", ".pth", ".npy", ".xlsx"):
            hint = "; pickles, checkpoints and spreadsheets are not read"
        raise UserError(
            f"{path}: expected a name that ends in .csv, .tsv, .parquet, .jsonl, .ndjson, .json or "
            f".npz (text gzipped or not){hint}"
        )
    if is_gzipped and suffix not in GZIPPED:
        raise UserError(f"{path}: a {suffix} file is compressed inside; unpack the .gz first")
    return kind
