"""Which columns of a table are read, under which of our names, and what it lacks."""

from pathlib import Path

from analysis import schema
from analysis.errors import UserError
from analysis.importing.asked import COLUMNS, REQUIRED


def choose_columns(path: Path, names: list[str], mapped: dict[str, str]) -> dict[str, str]:
    """Our columns that a file has, and its names of them.

    Raises
    ------
    UserError
        A column is missing, is there twice, or is mapped to a name that is not there.
    """
    for ours, theirs in mapped.items():
        if ours in COLUMNS and theirs not in names:
            raise UserError(
                f"{path} has no column '{theirs}' (--map {ours}={theirs}); it has {_listed(names)}"
            )
    chosen = {
        ours: theirs
        for ours in COLUMNS
        if (theirs := mapped.get(ours, ours)) in names
        and (ours in mapped or ours not in mapped.values())
    }
    for theirs in chosen.values():
        if names.count(theirs) > 1:
            raise UserError(f"{path} has two columns '{theirs}'; rename one")
    for ours in REQUIRED:
        if ours not in chosen:
            raise UserError(_lacks(path, f"'{ours}'", ours, names))
    if schema.IMAGE_ID not in chosen and schema.PATH not in chosen:
        raise UserError(_lacks(path, "'image_id' or 'path'", schema.IMAGE_ID, names))
    if schema.VARIANT_ID in chosen:
        chosen.pop(schema.METHOD, None)
        chosen.pop(schema.TARGET_SPARSITY, None)
    elif schema.METHOD not in chosen:
        raise UserError(
            _lacks(path, "'variant_id' (or 'method' and 'target_sparsity')", "variant_id", names)
        )
    return chosen


def _lacks(path: Path, what: str, ours: str, names: list[str]) -> str:
    alike = next((name for name in names if name.lower().strip() == ours), None)
    hint = f"--map {ours}={alike or 'THEIRS'} says which one it is"
    if sum(name.lower().startswith(f"{ours}_") for name in names) > 1 and ours in REQUIRED:
        hint = (
            f"one column a class is not read: expected one column '{ours}' with class ids or names"
        )
    return f"{path} has no column {what}; it has {_listed(names)}; {hint}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name)[1:-1][:40] for name in names[:12])
    return (shown or "none") + (f" and {len(names) - 12} more" if len(names) > 12 else "")
