"""Browser components of the map: the points on a canvas, and the card of one of them."""

import base64
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from analysis.presentation.formatting import count, data_uri
from analysis.stats.image_map import MOST_LAID_OUT, Map, sample_of
from dashboard.map.coloring import Coloring

MAP_KEY = "image-map"
TIP_KEY = "image-map-tip"
_HERE = Path(__file__).resolve().parent
_GALLERY = _HERE.parent / "gallery"
_DENSITY_PX = 512
Ids = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


_map = st.components.v2.component(
    "lethe.image_map",
    html='<div class="lethe-map"></div>',
    css=_source(_HERE / "map.css"),
    js=_source(_GALLERY / "elements.js") + _source(_HERE / "map.js"),
    isolate_styles=False,
)
_tip = st.components.v2.component(
    "lethe.image_map_tip",
    html='<div class="lethe-map-tip" role="status" hidden></div>',
    js=_source(_GALLERY / "elements.js") + _source(_HERE / "tip.js"),
    isolate_styles=False,
)


def draw(shown: dict[str, Any], on_act: Callable[[], None]) -> None:
    """Paint the points; what is selected arrives as ``act``."""
    _map(key=MAP_KEY, data=shown, on_act_change=on_act)


def tip(of: str, card: dict[str, Any] | None, on_ask: Callable[[], None]) -> None:
    """Show the card of the image under the pointer, which the browser requests as ``ask``.

    ``of`` names the sweep and variant, so that a card of another one is not taken for it.
    """
    _tip(key=TIP_KEY, data={"of": of, "told": card}, on_ask_change=on_ask)


def map_data(
    placed: Map, shown: Bools, coloring: Coloring, chosen: Bools | None, name: str
) -> dict[str, Any]:
    """Collect what the canvas is sent: places of 16 bits, ids and codes, as Base64.

    Parameters
    ----------
    placed
        Where every image lies, (N, 2).
    shown
        Which of them the filters let through, (N,).
    chosen
        Which are selected; None where none is.
    name
        The sweep, as the picture is called when it is read out.

    Notes
    -----
    Over 100,000 points, a density picture shows all and a random sample of them is drawn, besides
    those that are selected.
    """
    ids = np.flatnonzero(shown)
    n_shown = len(ids)
    density = None
    if n_shown > MOST_LAID_OUT:
        density = density_uri(placed[ids])
        ids = _some(ids, chosen)
    # Of a scale neither end is to hide the other; kinds lie above what is no PIE.
    mixed = np.random.default_rng(0).permutation(len(ids))
    order = ids[np.argsort(coloring.codes[ids], kind="stable") if coloring.labels else mixed]
    places = np.clip(np.rint(placed[order] * 65_535), 0, 65_535).astype("<u2")
    counts = np.bincount(coloring.codes[shown], minlength=len(coloring.colors)).tolist()
    found = {
        "places": _encoded(places),
        "ids": _encoded(order.astype("<u4")),
        "codes": _encoded(coloring.codes[order]),
        "chosen": None if chosen is None else _encoded(chosen[order].astype(np.uint8)),
        "colors": coloring.colors,
        "legend": [
            {"code": code, "label": label, "count": count(counts[code])}
            for code, label in enumerate(coloring.labels)
        ],
        "scale": None
        if coloring.low is None
        else {
            "low": f"{coloring.low:.3g}",
            "high": f"{coloring.high:.3g}",
            "unknown": count(coloring.n_unknown) if coloring.n_unknown else "",
        },
        "density": density,
        "alt": f"Map of {count(n_shown)} images of sweep {name}; alike images lie close together.",
    }
    version = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
    return found | {"version": version, "n_drawn": len(order), "n_shown": n_shown}


def _some(ids: Ids, chosen: Bools | None) -> Ids:
    """Draw 100,000 images, and of those that are selected at most as many."""
    drawn = ids[sample_of(len(ids), MOST_LAID_OUT)]
    if chosen is None:
        return drawn
    wanted = ids[chosen[ids]]
    return np.union1d(drawn, wanted[sample_of(len(wanted), MOST_LAID_OUT)])


def _encoded(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def density_uri(placed: Map) -> str:
    """Draw how many points lie where, as a grey picture that both grounds can have beneath."""
    from PIL import Image

    side = _DENSITY_PX
    cells = np.clip((placed * side).astype(np.int64), 0, side - 1)
    flat = (side - 1 - cells[:, 1]) * side + cells[:, 0]
    counts = np.bincount(flat, minlength=side * side).reshape(side, side)
    shade = np.log1p(counts) / max(float(np.log1p(counts.max())), 1e-9)
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[..., :3] = 128
    pixels[..., 3] = np.rint(200 * shade)
    written = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(written, "PNG")
    return data_uri(written.getvalue())
