"""Figures as files and as markup of the page.

On the page a figure is a static SVG: some 20 kB where the drawing library alone has 5 MB, without
scripts, sharp on paper, and in the colours of the page, light or dark. SVG is drawn by a browser;
without one the page holds interactive figures instead, and the library once.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import plotly.graph_objects as go
from markupsafe import Markup

from analysis.figures.drawn import drawn_data, units
from analysis.figures.files import FigureExportError, csv_bytes, figure_bytes, figure_pictures
from analysis.figures.layout import fit
from analysis.figures.preset import SCREEN, FigurePreset
from analysis.figures.theme import dress
from analysis.report.figures import Drawing

Progress = Callable[[str, int, int], None]
_PAGE_WIDTH = 640
_INK = re.compile(r"rgb\(34, 34, 34\)")
_CLEAR = "rgba(0,0,0,0)"
_CONFIG = {"responsive": True, "displaylogo": False}


@dataclass
class Pictures:
    """Figures of a report: ``markup`` by section, in order; ``problem`` explains missing files.

    ``script`` is the drawing library, if the page needs it.
    """

    markup: dict[str, list[Markup]] = field(default_factory=dict)
    script: Markup = field(default_factory=Markup)
    problem: str | None = None

    def of(self, section: str) -> list[Markup]:
        """Return the figures of one section of the page."""
        return self.markup.get(section, [])


def draw(
    drawings: Sequence[Drawing], folder: Path, progress: Progress, preset: FigurePreset = SCREEN
) -> Pictures:
    """Draw every figure into files, if there is a browser, and for the page.

    Beside each figure lie its data as CSV, and the units of the columns as JSON.
    """
    figures = [(one, one.figure()) for one in drawings]
    folder.mkdir(parents=True)
    pictures = Pictures()
    try:
        for done, (one, figure) in enumerate(figures):
            progress("drawing figures", done, len(figures))
            stem = re.sub(r"[^A-Za-z0-9._+-]+", "-", one.name)
            for format, content in figure_pictures(figure, preset).items():
                (folder / f"{stem}.{format}").write_bytes(content)
            (folder / f"{stem}.csv").write_bytes(csv_bytes(drawn_data(figure)))
            (folder / f"{stem}.json").write_text(units_text(figure), encoding="utf-8")
            pictures.markup.setdefault(one.section, []).append(_svg(figure, one.name))
    except FigureExportError as error:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        return _interactive(figures, str(error))
    progress("drawing figures", len(figures), len(figures))
    return pictures


def units_text(figure: go.Figure) -> str:
    """Format the units of the columns of a figure's data as JSON."""
    return json.dumps(units(figure), ensure_ascii=False, indent=1)


def _svg(figure: go.Figure, name: str) -> Markup:
    """Return a figure as SVG in the page's own colours, as wide as a column."""
    narrow = fit(figure, _PAGE_WIDTH).update_layout(paper_bgcolor=_CLEAR, legend_bgcolor=_CLEAR)
    text = _INK.sub("var(--ink)", figure_bytes(narrow, "svg", has_font=False).decode())
    label = Markup.escape(_title(figure) or name)
    shape = "still tall" if (figure.layout.height or 0) > _PAGE_WIDTH else "still"
    start = f'<svg role="img" aria-label="{label}" class="{shape}"'
    return Markup(text.replace('<svg class="main-svg"', start, 1))


def _title(figure: go.Figure) -> str:
    """Return a figure's title as plain text; in the figure it is escaped."""
    return Markup(figure.layout.title.text or "").unescape()


def _interactive(figures: list[tuple[Drawing, go.Figure]], problem: str) -> Pictures:
    from plotly.offline import get_plotlyjs

    pictures = Pictures(script=Markup(f"<script>{get_plotlyjs()}</script>"), problem=problem)
    for one, figure in figures:
        html = dress(figure, "white").to_html(
            full_html=False, include_plotlyjs=False, include_mathjax=False, config=_CONFIG
        )
        pictures.markup.setdefault(one.section, []).append(Markup(html))
    return pictures
