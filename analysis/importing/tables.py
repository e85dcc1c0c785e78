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
    chosen = {
        ours: theirs
        for ours in COLUMNS
        if (theirs := mapped.get(ours, ours)) in names
        and (ours in mapped or ours not in mapped.values())
    }
    for theirs in chosen.values():
        if names.count(theirs) > 1:
            raise UserError(f"{path} has two columns '{theirs}'; rename one")
    missing = _missing(chosen, names, mapped)
    if missing:
        raise UserError(_lacks(path, missing, names))
    if schema.VARIANT_ID in chosen:
        chosen.pop(schema.METHOD, None)
        chosen.pop(schema.TARGET_SPARSITY, None)
    return chosen


def _missing(
    chosen: dict[str, str], names: list[str], mapped: dict[str, str]
) -> list[tuple[str, str]]:
    """Every column that a file lacks: what it is, and the option that would name it."""
    found = [
        (f"'{theirs}' (--map {ours}={theirs})", "")
        for ours, theirs in mapped.items()
        if ours in COLUMNS and theirs not in names
    ]
    wanted = [
        *((f"'{ours}'", ours, (ours,)) for ours in REQUIRED),
        ("'image_id' or 'path'", schema.IMAGE_ID, (schema.IMAGE_ID, schema.PATH)),
        ("'variant_id' (or 'method' and 'target_sparsity')", schema.VARIANT_ID,
         (schema.VARIANT_ID, schema.METHOD)),
    ]  # fmt: skip
    for what, ours, any_of in wanted:
        if not any(one in chosen or one in mapped for one in any_of):
            alike = next((name for name in names if name.lower().strip() == ours), None)
            found.append((what, f"--map {ours}={alike or 'THEIRS'}"))
    return found


def _lacks(path: Path, missing: list[tuple[str, str]], names: list[str]) -> str:
    what = [one for one, _ in missing]
    options = [option for _, option in missing if option]
    hints = []
    if options:
        which = "which one it is" if len(options) == 1 else "which ones they are"
        hints = [f"{' '.join(options)} says {which}"]
    for ours in REQUIRED:
        if f"'{ours}'" in what and sum(n.lower().startswith(f"{ours}_") for n in names) > 1:
            hints = [
                f"one column a class is not read: expected one column '{ours}' with class ids or "
                "names"
            ]
    listed = what[0] if len(what) == 1 else f"{', '.join(what[:-1])} and {what[-1]}"
    column = "column" if len(what) == 1 else "columns"
    return "; ".join([f"{path} has no {column} {listed}", f"it has {_listed(names)}", *hints])


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name)[1:-1][:40] for name in names[:12])
    return (shown or "none") + (f" and {len(names) - 12} more" if len(names) > 12 else "")
