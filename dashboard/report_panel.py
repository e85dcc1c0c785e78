"""Reports as ZIP: of the whole sweep, or of the images of a view; made on request."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.budgets import Budget, read_budget
from analysis.errors import LetheError, UserError
from analysis.export.write import write_zip
from analysis.presentation.formatting import size
from analysis.presentation.sections import SECTIONS
from analysis.report import write_report
from analysis.report.contents import Contents, View
from analysis.results import SweepResults
from dashboard import figure_preset, state
from dashboard.context import Context
from dashboard.figure_panel import file_name, missing_browser
from dashboard.text import plain

_MEMORY = "report"
_OF_A_VIEW = ("classes", "each", "made", "methods", "again")


def whole_report(context: Context) -> None:
    """Offer the report of this sweep and tie rule."""
    st.caption(
        "One HTML page that opens offline and prints, with a verdict first; every figure as PNG, "
        "SVG and PDF, every table as CSV: the same as the command `report` writes."
    )
    _offer(context, None, _MEMORY, tuple(SECTIONS))


def view_report(context: Context, image_ids: Sequence[int], words: str) -> None:
    """Offer a report of one variant that begins with these images.

    Parameters
    ----------
    context : Context
        What is open.
    image_ids : sequence of int
        The images, in their order.
    words : str
        In a line how they were chosen.
    """
    view = View(words, tuple(int(one) for one in image_ids))
    st.caption("A report of this variant that begins with the images of this view.")
    _offer(context, view, f"{_MEMORY}-view", _OF_A_VIEW)


def _offer(context: Context, view: View | None, key: str, usual: tuple[str, ...]) -> None:
    why_not = missing_browser()
    if why_not is not None:
        st.info(f"{why_not} The report is made without them.", icon=":material/info:")
    try:
        options = _options(view, key, usual)
    except UserError as error:
        st.error(plain(error), icon=":material/error:")
        return
    made = state.recall(key)
    if st.button("Make the report", icon=":material/description:", key=f"{key}-make"):
        made = _make(context, options, key)
    # One of another sweep or tie rule, or of runs before the latest, is not this one.
    if made is None or made["of"] != _identity(context, options):
        return
    st.download_button(
        f"Download the report ({size(len(made['content']))})",
        made["content"],
        file_name=f"{file_name(context, 'report')}.zip",
        mime="application/zip",
        key=f"{key}-download",
        icon=":material/download:",
        on_click="ignore",
    )
    st.caption(plain(f"{made['n_figures']} figures, {made['n_tables']} tables."))
    for note in made["notes"]:
        st.caption(plain(f"{note}."))


def _options(view: View | None, key: str, usual: tuple[str, ...]) -> Contents:
    sections = st.multiselect(
        "Sections", list(SECTIONS), list(usual), format_func=SECTIONS.__getitem__,
        key=f"{key}-sections", help="After the verdict, which always stands first.",
    )  # fmt: skip
    budget = st.file_uploader(
        "Budget (TOML)", type="toml", key=f"{key}-budget",
        help="Limits that the verdict holds the sweep against, as the command check takes them.",
    )  # fmt: skip
    details = st.checkbox(
        "Names of raters, times and paths of this machine", key=f"{key}-details",
        help="Left out otherwise, so that the report can be passed on.",
    )  # fmt: skip
    return Contents(
        tuple(one for one in SECTIONS if one in sections),
        None if budget is None else _budget(budget.getvalue()),
        view,
        bool(details),
    )


def _budget(content: bytes) -> Budget:
    with tempfile.TemporaryDirectory(prefix="lethe-") as folder:
        path = Path(folder) / "budget.toml"
        path.write_bytes(content)
        try:
            return read_budget(path)
        except UserError as error:
            raise UserError(str(error).replace(str(path), "budget.toml")) from error


def _make(context: Context, options: Contents, key: str) -> dict[str, Any] | None:
    """Write the report aside and keep its ZIP; show the reason where that fails."""
    bar = st.progress(0.0, "Computing the tables")

    def progress(phase: str, done: int, total: int) -> None:
        bar.progress(
            min(done / max(total, 1), 1.0), plain(f"{phase.capitalize()}: {done} of {total}")
        )

    # Results of its own: other sessions may be computing tables of those that are shared.
    own = SweepResults(context.results.folder, ties=context.results.ties)
    try:
        with tempfile.TemporaryDirectory(prefix="lethe-") as folder:
            out = Path(folder) / "report"
            written = write_report(
                own,
                out,
                variant_ids=None if options.view is None else [context.variant],
                progress=progress,
                preset=figure_preset.current(),
                contents=options,
            )
            with tempfile.TemporaryFile() as file:
                write_zip(_files(out), file, compress=True)
                file.seek(0)
                content = file.read()
    except LetheError as error:
        st.error(plain(error), icon=":material/error:")
        return None
    finally:
        bar.empty()
    made = {
        "of": _identity(context, options),
        "content": content,
        "n_figures": written.n_figures,
        "n_tables": written.n_tables,
        "notes": written.notes,
    }
    state.remember(key, made)
    return made


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _identity(context: Context, options: Contents) -> tuple[object, ...]:
    manifest = context.manifest
    return (
        str(context.results.folder.path), context.results.ties, manifest.updated, manifest.n_done,
        figure_preset.current(), options, context.variant if options.view else None,
    )  # fmt: skip
