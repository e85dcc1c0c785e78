"""The data of a figure as a table: one row a mark, in the units of its axes."""

import html
import re
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis.figures.layout import one_line, words_of

_UNIT = re.compile(r"\(([^()]*)\)\s*$")
_COLUMNS = ("series", "name", "x", "x_low", "x_high", "y", "y_low", "y_high", "value")


def drawn_data(figure: go.Figure) -> pd.DataFrame:
    """Return every mark of a figure: its series, name and position.

    Parameters
    ----------
    figure : Figure
        Any figure of this package.

    Returns
    -------
    DataFrame
        The columns of ``series name x x_low x_high y y_low y_high value`` that the figure has.
        Numbers are in the units of the axes: a share on an axis in percent is in percent.
        ``value`` is encoded by the colour of a cell. Decorations such as rings are left out.
    """
    bands = _bands(figure)
    rows: list[dict[str, Any]] = []
    rows += _cells([trace for trace in figure.data if trace.type == "heatmap"])
    for trace in figure.data:
        if trace.type == "heatmap":
            continue
        if trace.hoverinfo != "skip" and trace.x is not None:
            rows += _marks(figure, trace, bands.get(str(trace.legendgroup), {}))
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    known = [name for name in _COLUMNS if table[name].notna().any()]
    return table[known].reset_index(drop=True)


def units(figure: go.Figure) -> dict[str, Any]:
    """Describe the columns of :func:`drawn_data`, for a file beside them.

    Parameters
    ----------
    figure : Figure
        The same figure.

    Returns
    -------
    dict
        ``figure subtitle note``, plain text; ``columns`` with the ``title`` and ``unit`` of each.
    """
    words = words_of(figure)
    columns: dict[str, dict[str, str]] = {}
    for name in drawn_data(figure).columns:
        axis = _axis(figure, name[0]) if name[0] in "xy" else None
        title = _title(axis)
        if name == "value":
            title = _of_colours(figure)
        shown = str(axis.tickformat or "") if axis is not None else ""
        match = _UNIT.search(title)
        unit = "%" if shown.endswith("%") else (match[1] if match else "")
        columns[name] = {"title": title or name.replace("_", " "), "unit": unit}
    return {
        "figure": html.unescape(words.get("title", "")),
        "subtitle": words.get("subtitle", ""),
        "note": words.get("note", ""),
        "columns": columns,
    }


def _axis(figure: go.Figure, letter: str, name: str = "") -> Any:
    return figure.layout[f"{letter}axis{name.removeprefix(letter)}"]


def _title(axis: Any) -> str:
    text = axis.title.text if axis is not None else None
    return html.unescape(str(text or "").replace("<br>", " "))


def _of_colours(figure: go.Figure) -> str:
    bars = [trace.colorbar for trace in figure.data if trace.type == "heatmap"]
    text = next((bar.title.text for bar in bars if bar.title.text), "")
    return str(text).replace("<br>", " ")


def _scale(axis: Any) -> float:
    return 100.0 if str(axis.tickformat or "").endswith("%") else 1.0


def _place(axis: Any, value: Any) -> Any:
    """Return the name of a row or column at a position, or a number in the unit of the axis."""
    if isinstance(value, str) or value is None:
        return value
    if axis.ticktext is not None and axis.type != "log":
        nearest = int(np.argmin([abs(float(one) - float(value)) for one in axis.tickvals]))
        is_near = abs(float(axis.tickvals[nearest]) - float(value)) < 0.5
        return html.unescape(axis.ticktext[nearest]) if is_near and _is_named(axis) else value
    return float(value) * _scale(axis)


def _is_named(axis: Any) -> bool:
    """Whether an axis has a name at each position instead of a scale."""
    return bool(axis.ticktext) and [float(v) for v in axis.tickvals] == [
        float(i * round(axis.tickvals[1] - axis.tickvals[0])) if len(axis.tickvals) > 1 else 0.0
        for i in range(len(axis.tickvals))
    ]


def _marks(figure: go.Figure, trace: Any, band: dict[float, tuple[float, float]]) -> list[Any]:
    across, up = (_axis(figure, c, getattr(trace, f"{c}axis") or "") for c in "xy")
    rows = []
    for i, (x, y) in enumerate(zip(trace.x, trace.y, strict=True)):
        if x is None or y is None or (isinstance(x, float) and np.isnan(x)):
            continue
        row = {
            "series": html.unescape(str(trace.name or "")).removesuffix(", bar"),
            "name": _name(trace.customdata[i]) if trace.customdata is not None else None,
            "x": _place(across, x),
            "y": _place(up, y),
        }
        for letter, axis, value in (("x", across, x), ("y", up, y)):
            low, high = _ends(getattr(trace, f"error_{letter}", None), i)
            if low is not None:
                row[f"{letter}_low"] = (float(value) - low) * _scale(axis)
                row[f"{letter}_high"] = (float(value) + high) * _scale(axis)
        if isinstance(x, int | float | np.number) and float(x) in band:
            row["y_low"], row["y_high"] = (end * _scale(up) for end in band[float(x)])
        rows.append(row)
    return rows


def _ends(error: Any, i: int) -> tuple[float | None, float]:
    if error is None or error.array is None:
        return None, 0.0
    low = error.arrayminus if error.arrayminus is not None else error.array
    if low[i] is None or np.isnan(float(low[i])):
        return None, 0.0
    return float(low[i]), float(error.array[i])


def _bands(figure: go.Figure) -> dict[str, dict[float, tuple[float, float]]]:
    """Return the ends of each band, by its legend group and the position on the axis."""
    bands = {}
    for trace in figure.data:
        if getattr(trace, "fill", None) == "toself" and trace.legendgroup:
            n = len(trace.x) // 2
            high, low = trace.y[:n], trace.y[n:][::-1]
            ends = zip(trace.x[:n], low, high, strict=True)
            bands[str(trace.legendgroup)] = {float(x): (float(a), float(b)) for x, a, b in ends}
    return bands


def _name(custom: Any) -> str | None:
    """Return the name of a mark: the first texts of its data, without repetitions."""
    cells = list(custom) if isinstance(custom, list | tuple | np.ndarray) else [custom]
    texts: list[str] = []
    for one in cells:
        if not isinstance(one, str) or html.unescape(one) in map(one_line, texts):
            break
        texts.append(one)
    return " = ".join(texts[:2]) or None


def _cells(traces: list[Any]) -> list[dict[str, Any]]:
    """Return the cells of a heat map, which is several traces if its letters differ."""
    if not traces:
        return []
    custom = traces[0].customdata
    is_percent = str(traces[0].colorbar.tickformat or "").endswith("%")
    parts = [np.asarray(trace.z, np.float64) for trace in traces]
    values = parts[0]
    for part in parts[1:]:
        values = np.where(np.isnan(values), part, values)
    cells = []
    for i, j in np.argwhere(~np.isnan(values)):
        y, x = custom[i][j][0], custom[i][j][1]
        number = float(values[i, j]) * (100.0 if is_percent else 1.0)
        cells.append({"x": x, "y": y, "value": number})
    return cells
