"""Match the columns of a file to ours, by name, by usual names, or by ``--map``."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analysis import schema
from analysis.errors import UserError
from analysis.importing.request import COLUMNS, CONFIDENCE_OF, OPTIONAL, REQUIRED, RunSpec
from analysis.store.path_tails import USUAL_PATHS

# Names of our columns in tables of other tools.
USUAL = {
    schema.PATH: USUAL_PATHS,
    schema.LABEL: ("ground_truth", "truth", "target", "true_label"),
    schema.PREDICTION: ("predicted_class", "predicted_label", "pred"),
    schema.CONFIDENCE: ("predicted_probability", "probability", "score", "conf"),
}
# Predictions and confidences of a run in a wide table, by its index.
WIDE = "wide {} {}"


@dataclass(frozen=True)
class Naming:
    """Options on the columns of an import's files.

    Parameters
    ----------
    mapped : dict
        ``--map``: our columns to theirs.
    wide : dict
        ``--wide``: the column of each run.
    has_labels : bool
        Whether labels come from elsewhere and files need none.
    """

    mapped: dict[str, str] = field(default_factory=dict)
    wide: dict[RunSpec, str] = field(default_factory=dict)
    has_labels: bool = False


@dataclass(frozen=True)
class Chosen:
    """Our columns with their names in a file; ``understood`` were matched by usual names."""

    columns: dict[str, str]
    understood: dict[str, str]


def choose_columns(
    path: Path,
    names: Sequence[str],
    naming: Naming,
    *,
    is_wide: bool = False,
    has_run: bool = False,
    is_by_row: bool = False,
) -> Chosen:
    """Match the columns of a file to ours.

    Parameters
    ----------
    is_wide : bool
        Whether the file has one row an image and one column a model.
    has_run : bool
        Whether its run is known from elsewhere.
    is_by_row : bool
        Whether its rows may be the images in order.

    Raises
    ------
    UserError
        A column is missing, repeated, mapped to a missing name, or ambiguous.
    """
    unwanted = {schema.PREDICTION, *OPTIONAL} if is_wide else set()
    if is_wide or has_run:
        unwanted |= {schema.VARIANT_ID, schema.METHOD, schema.TARGET_SPARSITY}
    mapped = {
        ours: theirs
        for ours, theirs in naming.mapped.items()
        if ours in COLUMNS and ours not in unwanted
    }
    taken = {*mapped.values(), *naming.wide.values()} if is_wide else {*mapped.values()}
    chosen = {ours: theirs for ours, theirs in mapped.items() if theirs and theirs in names}
    chosen |= {
        one: one
        for one in COLUMNS
        if one in names and one not in mapped and one not in taken and one not in unwanted
    }
    understood = _understood(path, names, {*chosen, *mapped, *unwanted}, taken, chosen)
    chosen = {one: (chosen | understood)[one] for one in COLUMNS if one in {*chosen, *understood}}
    if is_wide:
        chosen |= _wide(path, names, naming)
    for theirs in chosen.values():
        if list(names).count(theirs) > 1:
            raise UserError(f"{path} has two columns '{theirs}'; rename one")
    needed = {*REQUIRED, schema.IMAGE_ID, schema.VARIANT_ID} - unwanted
    needed -= {schema.LABEL} if naming.has_labels else set()
    needed -= {schema.IMAGE_ID} if is_by_row else set()
    missing = _missing(chosen, names, mapped, needed)
    if missing:
        raise UserError(_missing_message(path, missing, names))
    if schema.VARIANT_ID in chosen:
        chosen.pop(schema.METHOD, None)
        chosen.pop(schema.TARGET_SPARSITY, None)
    return Chosen(chosen, understood)


def _understood(
    path: Path,
    names: Sequence[str],
    settled: Collection[str],
    taken: Collection[str],
    chosen: dict[str, str],
) -> dict[str, str]:
    found: dict[str, str] = {}
    for ours in COLUMNS:
        if ours in settled:
            continue
        usual = {ours, *USUAL.get(ours, ())}
        free = [
            name
            for name in dict.fromkeys(names)
            if name.lower().strip() in usual
            and name not in taken
            and name not in chosen.values()
            and name not in found.values()
        ]
        if len(free) > 1 and ours == schema.PATH and schema.IMAGE_ID in {*chosen, *found}:
            continue  # which is not needed then
        if len(free) > 1:
            either = " or ".join(f"--map {ours}={name}" for name in free[:3])
            raise UserError(
                f"{path}: {' and '.join(repr(name) for name in free)} can each be the column "
                f"'{ours}'; choose one with {either}"
            )
        if free:
            found[ours] = free[0]
    return found


def _wide(path: Path, names: Sequence[str], naming: Naming) -> dict[str, str]:
    missing = [(run, column) for run, column in naming.wide.items() if column not in names]
    if missing:
        (variant, _), column = missing[0]
        raise UserError(
            f"{path} has no column '{column}' (--wide {variant}={column}); it has {_listed(names)}"
        )
    found = {}
    for index, ((variant, _), column) in enumerate(naming.wide.items()):
        found[WIDE.format(index, schema.PREDICTION)] = column
        mapped = naming.mapped.get(f"{variant}{CONFIDENCE_OF}")
        if mapped is not None and mapped not in names:
            raise UserError(
                f"{path} has no column '{mapped}' (--map {variant}{CONFIDENCE_OF}={mapped}); it "
                f"has {_listed(names)}"
            )
        usual = (mapped, f"{column}{CONFIDENCE_OF}", f"{variant}{CONFIDENCE_OF}")
        confidence = next((one for one in usual if one is not None and one in names), None)
        if confidence is not None:
            found[WIDE.format(index, schema.CONFIDENCE)] = confidence
    return found


def _missing(
    chosen: dict[str, str], names: Sequence[str], mapped: dict[str, str], needed: Collection[str]
) -> list[tuple[str, str]]:
    """Return the missing columns of a file, with the options that would name them."""
    found = [
        (f"'{theirs}' (--map {ours}={theirs})", "")
        for ours, theirs in mapped.items()
        if theirs and theirs not in names
    ]
    wanted = [
        *((f"'{ours}'", ours, (ours,)) for ours in REQUIRED),
        ("'image_id' or 'path'", schema.IMAGE_ID, (schema.IMAGE_ID, schema.PATH)),
        ("'variant_id' (or 'method' and 'target_sparsity')", schema.VARIANT_ID,
         (schema.VARIANT_ID, schema.METHOD)),
    ]  # fmt: skip
    for what, ours, any_of in wanted:
        if ours in needed and not any(one in chosen or one in mapped for one in any_of):
            found.append((what, f"--map {ours}=THEIRS"))
    return found


def _missing_message(path: Path, missing: list[tuple[str, str]], names: Sequence[str]) -> str:
    what = [one for one, _ in missing]
    options = [option for _, option in missing if option]
    hints = []
    if options:
        which = "it" if len(options) == 1 else "them"
        hints = [f"{' '.join(options)} names {which}"]
    for ours in REQUIRED:
        if f"'{ours}'" in what and sum(n.lower().startswith(f"{ours}_") for n in names) > 1:
            hints = [
                f"one column per class is not supported: expected one column '{ours}' with class "
                "ids or names"
            ]
    if what == [f"'{schema.LABEL}'"]:
        hints.append("--labels FILE or --images SPEC brings the labels")
    if any(one.startswith("'variant_id'") for one in what):
        hints.append(
            "--variant VARIANT=FILE names the run of a file, --wide VARIANT=COLUMN that of a column"
        )
    listed = what[0] if len(what) == 1 else f"{', '.join(what[:-1])} and {what[-1]}"
    column = "column" if len(what) == 1 else "columns"
    return "; ".join([f"{path} has no {column} {listed}", f"it has {_listed(names)}", *hints])


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name)[1:-1][:40] for name in names[:12])
    return (shown or "none") + (f" and {len(names) - 12} more" if len(names) > 12 else "")
