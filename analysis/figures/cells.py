"""Numbers in the cells of a heat map: dark on bright colours, white on dark ones."""

import copy

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb, sample_colorscale, unlabel_rgb

_DARK, _WHITE = "#000000", "#FFFFFF"
# Where black and white letters have the same contrast with their ground, 4.6 to 1.
_EQUAL = 0.179


def with_letters(cells: go.Heatmap) -> list[go.Heatmap]:
    """Split a heat map into two with dark and white letters, legible in every cell.

    Parameters
    ----------
    cells : Heatmap
        With ``texttemplate``, ``zmin``, ``zmax`` and a colour scale of hexadecimal colours.

    Notes
    -----
    Plotly writes in a grey and a white of its own, of which neither has a contrast of 4.5 to 1 on
    colours between; and it takes one colour of letters for a whole trace.
    """
    z = np.asarray(cells.z, np.float64)
    is_dark = _luminance(cells, z) < _EQUAL
    parts: list[go.Heatmap] = []
    for color, where in ((_DARK, ~is_dark), (_WHITE, is_dark)):
        if where[np.isfinite(z)].any() or not parts:
            part = copy.deepcopy(cells)
            part.z = np.where(where, z, np.nan)
            part.textfont = {"color": color}
            part.showscale = cells.showscale is not False and not parts
            parts.append(part)
    return parts


def _luminance(cells: go.Heatmap, z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the relative luminance of every cell, 0..1; 1 where there is none.

    Source: Web Content Accessibility Guidelines 2.1, relative luminance.
    """
    span = float(cells.zmax) - float(cells.zmin) or 1.0
    share = np.clip((np.nan_to_num(z) - float(cells.zmin)) / span, 0, 1)
    scale = [[place, f"rgb{hex_to_rgb(color)}"] for place, color in cells.colorscale]
    colors = sample_colorscale(scale, [*share.ravel()])
    rgb = np.array([unlabel_rgb(color) for color in colors]) / 255
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = (linear @ [0.2126, 0.7152, 0.0722]).reshape(z.shape)
    return np.where(np.isfinite(z), luminance, 1.0)
