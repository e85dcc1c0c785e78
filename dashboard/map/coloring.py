"""What the points of the map are coloured by: a code each, and what every code means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.figures.theme import (
    BLUE,
    GREEN,
    GREY,
    KIND_COLORS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
)
from analysis.schema import META_PREFIX
from analysis.stats.pie import KINDS
from dashboard import data, feature_data
from dashboard.context import Context
from dashboard.gallery.query import ImageIndex
from dashboard.gallery.tiles import KIND_ICONS

Codes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
USUAL = {
    "kind": "Kind of PIE",
    "class": "True class",
    "confidence": "Confidence of dense",
    "excess": "PIE excess of the image",
}
_DISTINCT = (
    BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, "#A6761D", "#E7298A", "#66A61E", "#7570B3",
)  # fmt: skip
_STEPS = 32
# Seen on light ground and on dark ground alike.
_LOW, _MIDDLE, _HIGH = (0x56, 0xB4, 0xE9), (0x9A, 0x9A, 0x9A), (0xD5, 0x5E, 0x00)


@dataclass(frozen=True)
class Coloring:
    """Codes of N points, and the colours of each; the later a code, the higher it is drawn.

    Parameters
    ----------
    codes : array of uint8, (N,)
    colors : list of str
        ``#rrggbb`` of each code.
    labels : list of str
        What each code means; empty where colours are a scale.
    low, high : float or None
        Ends of the scale.
    n_unknown : int
        Images that have no value.
    """

    codes: Codes
    colors: list[str]
    labels: list[str]
    low: float | None = None
    high: float | None = None
    n_unknown: int = 0


def choices(context: Context) -> dict[str, str]:
    """Name what points can be coloured by, and what each is called."""
    columns = {**data.categories(context.results), **data.numbers(context.results)}
    names = dict.fromkeys(name.removeprefix(META_PREFIX) for name in columns)
    return USUAL | {f"{META_PREFIX}{name}": name for name in names}


def coloring(context: Context, index: ImageIndex, by: str) -> Coloring | None:
    """Colour the images by something; None while it is being computed."""
    if by == "kind":
        return _of_kinds(index)
    if by == "class":
        return _of_groups(index.label, context.results.class_names)
    if by == "confidence":
        return _of_values(index.dense_confidence)
    if by == "excess":
        values = feature_data.image_excess(context.results, context.variant)
        return None if values is None else _of_values(values, is_centred=True)
    name = by.removeprefix(META_PREFIX)
    categories = data.categories(context.results)
    if name in categories:
        values = categories[name]
        return _of_groups(np.asarray(values.codes, np.int64), list(map(str, values.categories)))
    return _of_values(data.numbers(context.results)[by])


def _of_kinds(index: ImageIndex) -> Coloring:
    labels = [f"{KIND_ICONS['']} no PIE", *(f"{KIND_ICONS[kind]} {kind}" for kind in KINDS)]
    colors = [GREY, *(KIND_COLORS[kind] for kind in KINDS)]
    return Coloring((index.kind + 1).astype(np.uint8), colors, labels)


def _of_groups(values: npt.NDArray[Any], names: Sequence[str]) -> Coloring:
    """Colour the largest groups, each its own way; the others, and no group, are grey."""
    known = values[values >= 0]
    sizes = np.bincount(known, minlength=len(names))
    largest = np.argsort(-sizes, kind="stable")[: len(_DISTINCT)]
    largest = np.sort(largest[sizes[largest] > 0])
    code_of = np.zeros(len(names) + 1, np.uint8)  # the last is that of no group, -1
    code_of[largest] = np.arange(1, len(largest) + 1)
    codes = code_of[np.where(values >= 0, values, len(names))]
    has_rest = bool((codes == 0).any())
    rest = "others" if len(largest) < int((sizes > 0).sum()) else "no value"
    labels = [rest, *(names[place] for place in largest)]
    colors = [GREY, *_DISTINCT[: len(largest)]]
    if not has_rest:
        return Coloring(codes - 1, colors[1:], labels[1:])
    return Coloring(codes, colors, labels)


def _of_values(values: Floats, *, is_centred: bool = False) -> Coloring:
    """Colour a number by a scale between its 1st and 99th percentile; grey is not known."""
    known = np.isfinite(values)
    if not known.any():
        return Coloring(np.zeros(len(values), np.uint8), [GREY], ["not known"])
    low, high = (float(one) for one in np.percentile(values[known], (1, 99)))
    if is_centred:
        high = max(abs(low), abs(high))
        low = -high
    if high <= low:
        low, high = float(values[known].min()), float(values[known].max())
    width = (high - low) or 1.0
    place = np.clip((np.where(known, values, low) - low) / width, 0, 1)
    codes = np.where(known, 1 + np.rint(place * (_STEPS - 1)), 0).astype(np.uint8)
    scale = [_mixed(i / (_STEPS - 1)) for i in range(_STEPS)]
    n_unknown = int((~known).sum())
    return Coloring(codes, [f"{GREY}66", *scale], [], low, high, n_unknown)


def _mixed(share: float) -> str:
    one, other = (_LOW, _MIDDLE) if share < 0.5 else (_MIDDLE, _HIGH)
    along = 2 * share if share < 0.5 else 2 * share - 1
    parts = (round(a + (b - a) * along) for a, b in zip(one, other, strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)
