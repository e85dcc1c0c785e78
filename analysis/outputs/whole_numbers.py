"""Scores as whole numbers, from quantized models: detection of their scale.

The scale of a softmax follows from its rows, which sum to 1. That of logits is unknown: they have
an order, but no confidence.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.errors import UserError
from analysis.outputs.scores import Array, Kind

_MEAN_SLACK = 0.25


@dataclass(frozen=True)
class Grid:
    """Scores are ``step * (number - zero)``."""

    zero: int
    step: float

    def scores(self, numbers: Array) -> npt.NDArray[np.float64]:
        """Convert whole numbers to scores."""
        return np.asarray((numbers.astype(np.float64) - self.zero) * self.step)

    def words(self, kind: Kind) -> str:
        """Describe how whole numbers are interpreted."""
        if kind == "logits":
            return (
                "whole numbers are taken as logits of scale 1, as requested: their order is exact, "
                "and confidences hold for that scale only"
            )
        if self.step == 1:
            return "whole numbers 0 and 1 that sum to 1 are taken as probabilities"
        return (
            f"whole numbers whose rows sum to 1 in steps of 1/{round(1 / self.step):,} from "
            f"{self.zero} are taken as those of a quantized softmax; if they are logits, give "
            "scale * (scores - zero_point) as float32"
        )


AS_THEY_ARE = Grid(0, 1.0)
# One-hot; then a softmax in uint8, int8, int16 and uint16, the first three as in TFLite.
_GRIDS = (AS_THEY_ARE, Grid(0, 2**-8), Grid(-128, 2**-8), Grid(0, 2**-15), Grid(0, 2**-16))


def grid_of(blocks: Iterable[Array], kind: str = "auto", *, name: str = "the scores") -> Grid:
    """Detect the grid of scores given as whole numbers, over all rows.

    They are probabilities if, on one grid, none lies outside 0..1, every row sums to 1 within
    half a step a class, and the mean over rows is off by at most 0.25.

    Parameters
    ----------
    blocks : iterable of integer arrays, (n, C)
        All rows.
    kind : str
        Declared kind of the scores; logits are not scaled.
    name : str
        Name of the scores in messages.

    Raises
    ------
    UserError
        They are logits of unknown scale, and not declared as logits.
    """
    if kind == "logits":
        return AS_THEY_ARE
    n, low, high, n_classes, dtype = 0, np.inf, -np.inf, 0, ""
    most, total = np.zeros(len(_GRIDS)), np.zeros(len(_GRIDS))
    for block in blocks:
        if not len(block):
            continue
        n, n_classes, dtype = n + len(block), block.shape[1], f"{block.dtype}"
        low, high = min(low, int(block.min())), max(high, int(block.max()))
        sums = block.sum(axis=1, dtype=np.float64)
        for place, grid in enumerate(_GRIDS):
            off = np.abs((sums - grid.zero * n_classes) * grid.step - 1)
            most[place], total[place] = max(most[place], off.max()), total[place] + off.sum()
    for place, grid in enumerate(_GRIDS):
        is_inside = low >= grid.zero and high <= grid.zero + 1 / grid.step
        slack = 0.0 if grid == AS_THEY_ARE else n_classes * grid.step / 2 + 1e-9
        if n and is_inside and most[place] <= slack and total[place] / n <= _MEAN_SLACK:
            return grid
    raise UserError(
        f"{name} are whole numbers, {dtype} from {low} to {high}, and no probabilities: logits of "
        "a quantized model with unknown scale and zero point, so that no confidence is known; "
        "give scale * (scores - zero_point) as float32, which keeps equal scores equal, or the "
        "predicted classes alone; --scores logits takes the numbers as logits"
    )
