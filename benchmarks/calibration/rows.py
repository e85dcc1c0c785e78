"""One line of the calibration table."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Row:
    """A rate or a difference: what is asked of it, what was found, and its 95 % interval."""

    what: str
    setting: str
    asked: str
    found: float
    low: float
    high: float

    def cells(self) -> tuple[str, ...]:
        """The row as Markdown cells."""
        spread = f"{self.low:.4f} to {self.high:.4f}"
        return (self.what, self.setting, self.asked, f"{self.found:.4f}", spread)


def row(what: str, setting: str, asked: str, by_simulation: npt.ArrayLike) -> Row:
    """Mean over simulations with its 95 % interval, the simulation as the cluster.

    Parameters
    ----------
    by_simulation : float array, shape (S,)
        One figure a simulation: what lies within one (its classes) is not independent.
    """
    values = np.asarray(by_simulation, np.float64)
    margin = 1.959963984540054 * float(values.std(ddof=1)) / np.sqrt(len(values))
    mean = float(values.mean())
    return Row(what, setting, asked, mean, mean - margin, mean + margin)
