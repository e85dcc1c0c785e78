"""Writing a report: figures, tables and the page, built aside and put in place as a whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import UserError
from analysis.figures.preset import SCREEN, FigurePreset
from analysis.filesystem import folders
from analysis.filesystem.atomic import exists, is_dir
from analysis.presentation.sections import SECTIONS
from analysis.report.contents import Contents
from analysis.report.figures import Drawing, drawings
from analysis.report.page import render
from analysis.report.pictures import draw
from analysis.report.scope import scope_of
from analysis.report.tables import write_tables
from analysis.results import SweepResults

PAGE = "index.html"
# Everything a report puts into its folder; the page last, so that it never links to missing files.
ITEMS = ("figures", "tables", ".lethe-report", PAGE)
_MARK = ".lethe-report"


@contextmanager
def filled(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary folder to write a report into, and move its content to ``out`` at the end.

    In the folder of an earlier report, or with ``overwrite``, only the report's own files are
    replaced.

    Raises
    ------
    UserError
        ``out`` is a file, or a folder with other content.
    RunError
        The disk refused it; earlier content is unchanged.
    """
    _check(out, overwrite=overwrite)
    with folders.filled(out, own=ITEMS, last=PAGE) as aside:
        (aside / _MARK).touch()
        yield aside


def _check(out: Path, *, overwrite: bool) -> None:
    if exists(out) and not is_dir(out):
        raise UserError(f"--out {out} is a file; name a folder")
    if not out.name:
        raise UserError(f"--out {out}: name the folder itself")
    if not is_dir(out.absolute().parent):
        raise UserError(f"--out {out}: the folder {out.parent} does not exist; make it first")
    if is_dir(out) and not overwrite:
        present = sorted(path.name for path in out.iterdir())
        if present and _MARK not in present:
            raise UserError(
                f"--out {out} holds other files ({present[0]}, …); name an empty folder, or add "
                "--overwrite to put the report among them"
            )


Progress = Callable[[str, int, int], None]
_EVERYTHING = Contents()


@dataclass(frozen=True)
class Written:
    """A written report: its page and size, numbers of figures and tables, notes on omissions."""

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
    preset: FigurePreset = SCREEN,
    contents: Contents = _EVERYTHING,
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
        Report only these variants.
    overwrite : bool
        Whether the folder may hold other files, which stay.
    preset : FigurePreset
        Size and fonts of its figures.
    contents : Contents
        Its sections, a budget to check the sweep against, and whether people are named.

    Raises
    ------
    UserError
        The folder cannot be used, a variant does not exist, or there is nothing to report yet.
    """
    scope = scope_of(results, variant_ids)
    with filled(out, overwrite=overwrite) as folder:
        tables = write_tables(scope, folder / "tables", progress, has_details=contents.has_details)
        listed = [one for one in drawings(scope) if _section_of(one) in contents.sections]
        pictures = draw(listed, folder / "figures", progress, preset)
        heading = title or f"What compression forgot: {scope.manifest.name}"
        html = render(scope, pictures, tables, title=heading, contents=contents)
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


def _section_of(drawing: Drawing) -> str:
    """Name the section of a figure on the page; figures of one variant are in ``each``."""
    return drawing.section if drawing.section in SECTIONS else "each"
