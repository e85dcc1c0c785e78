"""The whole report as a ZIP: made when asked for, with its progress, and kept for this session."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.errors import LetheError
from analysis.export.write import write_zip
from analysis.presentation.formatting import size
from analysis.report import write_report
from analysis.results import SweepResults
from dashboard import figure_preset, state
from dashboard.context import Context
from dashboard.figure_panel import file_name, missing_browser
from dashboard.text import plain

_MEMORY = "report"


def whole_report(context: Context) -> None:
    """Offer the report of this sweep and tie rule."""
    st.caption(
        "One HTML page that opens offline, every figure as PNG, SVG and PDF, every table as CSV: "
        "the same as the command `report` writes."
    )
    why_not = missing_browser()
    if why_not is not None:
        st.info(f"{why_not} The report is made without them.", icon=":material/info:")
    made = state.recall(_MEMORY)
    if st.button("Make the report", icon=":material/description:", key="report-make"):
        made = _make(context)
    # One of another sweep or tie rule, or of runs before the latest, is not this one.
    if made is None or made["of"] != _identity(context):
        return
    st.download_button(
        f"Download the report ({size(len(made['content']))})",
        made["content"],
        file_name=f"{file_name(context, 'report')}.zip",
        mime="application/zip",
        key="report-download",
        icon=":material/download:",
        on_click="ignore",
    )
    st.caption(plain(f"{made['n_figures']} figures, {made['n_tables']} tables."))
    for note in made["notes"]:
        st.caption(plain(f"{note}."))


def _make(context: Context) -> dict[str, Any] | None:
    """Write the report aside and keep its ZIP; what stands in the way is told."""
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
            written = write_report(own, out, progress=progress, preset=figure_preset.current())
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
        "of": _identity(context),
        "content": content,
        "n_figures": written.n_figures,
        "n_tables": written.n_tables,
        "notes": written.notes,
    }
    state.remember(_MEMORY, made)
    return made


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _identity(context: Context) -> tuple[object, ...]:
    manifest = context.manifest
    return (str(context.results.folder.path), context.results.ties, manifest.updated,
            manifest.n_done, figure_preset.current())  # fmt: skip
