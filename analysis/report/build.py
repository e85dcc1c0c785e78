"""Writing a report: figures, tables and the page, all of one sweep."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis.report.drawing import drawings
from analysis.report.folder import PAGE, filled
from analysis.report.page import render
from analysis.report.pictures import draw
from analysis.report.scope import scope_of
from analysis.report.tables import write_tables
from analysis.results import SweepResults

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Written:
    """What was written: the page, its size, how many figures and tables, and what is missing."""

    page: Path
    n_bytes: int
    n_figures: int
    n_tables: int
    notes: tuple[str, ...]


def _silent(_phase: str, _done: int, _total: int) -> None:
    pass


def write_report(
    results: SweepResults,
    out: Path,
    *,
    title: str | None = None,
    variant_ids: list[str] | None = None,
    overwrite: bool = False,
    progress: Progress = _silent,
) -> Written:
    """Write the report of a sweep into a folder, whole or not at all.

    Parameters
    ----------
    results : SweepResults
        The sweep, opened under a tie rule.
    out : Path
        The folder: new, empty, or of an earlier report.
    title : str, optional
        Heading of the page; the sweep's name by default.
    variant_ids : list of str, optional
        Report these variants alone.
    overwrite : bool
        Whether the folder may hold other files; they stay.

    Raises
    ------
    UserError
        The folder cannot be used, a variant is not there, or there is nothing to report yet.
    """
    scope = scope_of(results, variant_ids)
    with filled(out, overwrite=overwrite) as folder:
        tables = write_tables(scope, folder / "tables", progress)
        listed = drawings(scope)
        pictures = draw(listed, folder / "figures", progress)
        heading = title or f"What compression forgot: {scope.manifest.name}"
        html = render(scope, pictures, tables, title=heading)
        (folder / PAGE).write_text(html, encoding="utf-8")
    missing = [table.name for table in tables if table.n_rows is None]
    notes = (
        [f"figures as PNG, SVG and PDF left out: {pictures.problem}"] if pictures.problem else []
    )
    notes += [
        f"table {name} left out for its length: python -m analysis export {scope.manifest.name} "
        f"{name} --out {name}.parquet"
        for name in missing
    ]
    page = out / PAGE
    return Written(page, page.stat().st_size, len(listed), len(tables) - len(missing), tuple(notes))
