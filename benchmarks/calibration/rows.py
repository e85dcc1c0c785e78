"""A row of the calibration table."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv


@dataclass(frozen=True)
class Row:
    """A rate or a difference: its promised and its observed value, with a 95 % interval."""

    what: str
    setting: str
    asked: str
    found: float
    low: float
    high: float

    def cells(self) -> tuple[str, ...]:
        """Return the row's Markdown cells."""
        spread = f"{self.low:.4f} to {self.high:.4f}"
        return (self.what, self.setting, self.asked, f"{self.found:.4f}", spread)


def row(what: str, setting: str, asked: str, by_simulation: npt.ArrayLike) -> Row:
    """Return the mean over simulations with its 95 % interval, simulations as clusters.

    Flags have the binomial interval of Clopper and Pearson, other figures the normal one.

    Parameters
    ----------
    by_simulation : bool or float array, shape (S,)
        One figure a simulation: figures within one, such as of classes, are dependent.
    """
    figures = np.asarray(by_simulation)
    values = figures.astype(np.float64)
    mean, n = float(values.mean()), len(values)
    if figures.dtype == np.bool_:
        hits = float(values.sum())
        low = float(betaincinv(hits, n - hits + 1, 0.025)) if hits else 0.0
        high = float(betaincinv(hits + 1, n - hits, 0.975)) if hits < n else 1.0
        return Row(what, setting, asked, mean, low, high)
    margin = 1.959963984540054 * float(values.std(ddof=1)) / np.sqrt(n)
    return Row(what, setting, asked, mean, mean - margin, mean + margin)
