"""Scores that are whole numbers, as a quantized model gives them: what one step of them is.

Of a softmax it can be told, for its rows sum to 1. Of logits it cannot: their order is known, and
no confidence.
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
        """Return the scores that whole numbers stand for."""
        return np.asarray((numbers.astype(np.float64) - self.zero) * self.step)

    def words(self, kind: Kind) -> str:
        """Say how scores that are whole numbers are read."""
        if kind == "logits":
            return (
                "whole numbers are taken as logits of scale 1, as asked: their order is exact, and "
                "confidences hold for that scale alone"
            )
        if self.step == 1:
            return "whole numbers 0 and 1 that sum to 1 are taken as probabilities"
        return (
            f"whole numbers whose rows sum to 1 in steps of 1/{round(1 / self.step):,} from "
            f"{self.zero} are taken as those of a quantized softmax; where they are logits, give "
            "scale * (scores - zero_point) as float32"
        )


AS_THEY_ARE = Grid(0, 1.0)
# One-hot; then a softmax in uint8, int8, int16 and uint16. TFLite writes the second to the fourth.
_GRIDS = (AS_THEY_ARE, Grid(0, 2**-8), Grid(-128, 2**-8), Grid(0, 2**-15), Grid(0, 2**-16))


def grid_of(blocks: Iterable[Array], asked: str = "auto", *, name: str = "the scores") -> Grid:
    """Find what whole numbers stand for, over all rows.

    They are probabilities where, on one grid, none lies outside 0..1, every row sums to 1 within
    half a step a class, and the mean over rows is off by at most 0.25.

    Parameters
    ----------
    blocks : iterable of integer arrays, (n, C)
        All rows.
    asked : str
        What the scores are said to be; logits are taken as they are.
    name : str
        What messages call them.

    Raises
    ------
    UserError
        They are logits, whose scale nothing says, and are not said to be logits.
    """
    if asked == "logits":
        return AS_THEY_ARE
    n, low, high, n_classes, kind = 0, np.inf, -np.inf, 0, ""
    most, total = np.zeros(len(_GRIDS)), np.zeros(len(_GRIDS))
    for block in blocks:
        if not len(block):
            continue
        n, n_classes, kind = n + len(block), block.shape[1], f"{block.dtype}"
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
        f"{name} are whole numbers, {kind} from {low} to {high}, and no probabilities: logits of a "
        "quantized model, whose scale and zero point nothing says, so that no confidence is known; "
        "give scale * (scores - zero_point) as float32, which keeps equal scores equal, or the "
        "predicted classes alone; --scores logits takes the numbers as logits"
    )
