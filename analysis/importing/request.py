"""The options of an import and the parsing of their values."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis import schema
from analysis.errors import UserError
from analysis.options import check_options, option
from analysis.outputs.scores import KINDS

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
CONFIDENCE_OF = "_conf"
SPLITS = ("all", "test", "train")
_MOST_CLASSES = 1_000_000
_HIGHEST_SEED = 2**31 - 1
# A variant and an optional seed.
RunSpec = tuple[str, int | None]


@dataclass(frozen=True)
class ImportConfig:
    """An import: files, the sweep's name, and options for reading the files.

    ``columns`` maps our columns to theirs; ``images`` is a dataset SPEC; ``classes`` is a file of
    class names in the order of score columns and predicted ids, or their number; ``wide`` has items
    ``VARIANT[@SEED]=COLUMN``, ``variant`` ``VARIANT[@SEED]=FILE``.
    """

    files: tuple[str, ...]
    name: str = option(help="name of the sweep, new or already imported")
    variant: tuple[str, ...] = option(
        (),
        metavar="VARIANT[@SEED]=FILE",
        help="repeatable; a file of one run: a table, .npz or .npy; without @SEED its column seed, "
        "else seed 0",
    )
    wide: tuple[str, ...] = option(
        (),
        metavar="VARIANT[@SEED]=COLUMN",
        help="repeatable; the column of a variant's predictions, if the files have one row an "
        "image and a column a model; COLUMN_conf or VARIANT_conf is its confidence",
    )
    columns: dict[str, str] = option(
        flag="map",
        kind=list,
        metavar="OURS=THEIRS",
        help="repeatable; the files' name for one of Lethe's columns, such as label=truth; "
        "confidence= reads none",
        default_factory=dict,
    )
    labels: str | None = option(
        None,
        metavar="FILE",
        help="true labels in a separate file: a table with path or image_id and label, or "
        ".npy or .txt with one label an image in order",
    )
    paths: str | None = option(
        None,
        metavar="FILE",
        help="a text file with the paths of the images, one a line, in the order of .npy and .npz "
        "files",
    )
    classes: str | None = option(
        None,
        metavar="FILE|N",
        help="names of the classes, in the order of score columns and predicted ids: .txt one a "
        "line, .json a list, {name: id} or a config.json of Hugging Face; or their number alone",
    )
    label_offset: int = option(
        0,
        metavar="N",
        help="number of outputs before the first class, such as 1 for a background class",
        least=0,
    )
    scores: str = option(
        "auto",
        choices=("auto", *KINDS),
        help="kind of the scores; auto decides from all rows of a run",
    )
    images: str | None = option(
        None,
        metavar="SPEC",
        help="the images, such as folder:DIR or parquet:PATH, of all splits; matched by "
        "path, else by index (default: no pictures)",
    )
    split: str | None = option(
        None,
        choices=SPLITS,
        help="the split of --images that the files predict (default: all; the test split if "
        "the files name only its images)",
    )
    features: str | None = option(
        None,
        metavar="FILE.npy",
        help="features of the images, (N, D), a row an image in order, stored with the sweep",
    )
    dense: str | None = option(
        None,
        metavar="NAME",
        help="name of the uncompressed model among the variants of the files (default: dense)",
    )
    allow_missing: bool = option(
        False,
        help="leave out images that a run lacks from all runs, and allow uneven seeds",
    )
    overwrite: bool = option(False, help="replace runs that the sweep has already")
    paired: bool = option(False, help="seed k of every variant was made from seed k of dense")
    accept_classes: bool = option(
        False, help="import although the order of the classes looks wrong"
    )
    check: bool = option(False, help="read everything, report the result, and write nothing")

    def __post_init__(self) -> None:
        check_options(self)
        if self.n_classes is not None and not 1 <= self.n_classes <= _MOST_CLASSES:
            raise UserError(
                f"--classes {self.classes}: expected a file, or a number from 1 to "
                f"{_MOST_CLASSES:,}"
            )
        if self.split is not None and self.images is None:
            raise UserError(f"--split {self.split}: expected with --images SPEC")
        names = {variant for variant, _ in self.wide_runs}
        for ours in self.columns:
            if not is_ours(ours) and ours.removesuffix(CONFIDENCE_OF) not in names:
                raise UserError(f"--map {ours}={self.columns[ours]}: no --wide {ours[:-5]}=COLUMN")

    @property
    def n_classes(self) -> int | None:
        """Number of classes, if ``--classes`` is a number."""
        text = (self.classes or "").strip()
        is_number = text.lstrip("+-").isdecimal()
        return int(text) if is_number and len(text) < 16 else None

    @property
    def class_file(self) -> Path | None:
        """File of class names, if ``--classes`` is a file."""
        return None if self.classes is None or self.n_classes is not None else Path(self.classes)

    @property
    def wide_runs(self) -> dict[RunSpec, str]:
        """Column of each run in wide tables."""
        return _runs(self.wide, "wide", "COLUMN")

    @property
    def variant_files(self) -> dict[RunSpec, str]:
        """File of each run with its own file."""
        return _runs(self.variant, "variant", "FILE")


def is_ours(name: str) -> bool:
    """Return whether a name is a column or .npz array of any import."""
    return name in (*COLUMNS, *MEMBERS)


def run_item(item: str, flag: str, what: str) -> tuple[RunSpec, str]:
    """Parse ``VARIANT[@SEED]=VALUE``.

    Raises
    ------
    UserError
        The item has another form.
    """
    run, equals, value = item.partition("=")
    variant, at, seed = run.partition("@")
    is_seed = not at or (seed.isdecimal() and len(seed) < 11 and int(seed) <= _HIGHEST_SEED)
    if not equals or not variant.strip() or not value or not is_seed:
        raise UserError(
            f"--{flag} {item}: expected VARIANT[@SEED]={what}, such as --{flag} dense={what} or "
            f"--{flag} int8@1={what}"
        )
    return (variant.strip(), int(seed) if at else None), value


def _runs(items: Sequence[str], flag: str, what: str) -> dict[RunSpec, str]:
    found: dict[RunSpec, str] = {}
    for item in items:
        run, value = run_item(item, flag, what)
        if run in found:
            raise UserError(
                f"--{flag} {item}: '{run[0]}' occurs twice; name another seed {run[0]}@1={what}"
            )
        found[run] = value
    return found


def parse_map(items: Sequence[str]) -> dict[str, str]:
    """Parse ``OURS=THEIRS`` items.

    Raises
    ------
    UserError
        An item has another form, or names an unknown column or one twice.
    """
    found: dict[str, str] = {}
    for item in items:
        ours, equals, theirs = item.partition("=")
        if not equals or not ours or (not theirs and ours not in OPTIONAL):
            raise UserError(f"--map {item}: expected OURS=THEIRS, such as --map label=truth")
        if not is_ours(ours) and not ours.endswith(CONFIDENCE_OF):
            raise UserError(
                f"--map {item}: unknown column '{ours}'; expected one of "
                f"{', '.join((*COLUMNS, *MEMBERS))} before the '='"
            )
        if found.get(ours, theirs) != theirs:
            raise UserError(f"--map {item}: '{ours}' is mapped to '{found[ours]}' already")
        found[ours] = theirs
    return found
