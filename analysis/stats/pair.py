"""One pair of single models on the same images: the change of accuracy, with its interval."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from analysis.stats.mcnemar import mcnemar
from analysis.stats.modal import BoolArray


@dataclass(frozen=True)
class Pair:
    """Flips of a pair on N images, its change of accuracy with the 95 % interval, McNemar's p."""

    n_images: int
    to_wrong: int
    to_right: int
    delta: float
    low: float
    high: float
    p: float

    def row(self) -> dict[str, float]:
        """Columns of a row of the tables of pairs."""
        return {
            "n_images": self.n_images,
            "top1_delta": self.delta,
            "ci_low": self.low,
            "ci_high": self.high,
            "mcnemar_p": self.p,
            "flips_to_wrong": self.to_wrong,
            "flips_to_right": self.to_right,
        }


def pair(dense_correct: BoolArray, variant_correct: BoolArray) -> Pair:
    """Compare two models image by image.

    ``delta = (c - b) / N`` with b images that were right and are wrong, c the reverse. Interval of
    Bonett and Price: with ``q = (c + 1) / (N + 2)`` and ``r = (b + 1) / (N + 2)``,
    ``q - r -+ 1.96 sqrt((q + r - (q - r)^2) / (N + 2))``, cut at -1 and 1.

    Parameters
    ----------
    dense_correct, variant_correct : bool arrays, shape (N,)

    Notes
    -----
    It is over images with these two models as they are: no seed of theirs is drawn. Bonett and
    Price 2012; McNemar 1947 (exact, two-sided).
    """
    n = len(dense_correct)
    lost = int((dense_correct & ~variant_correct).sum())
    won = int((variant_correct & ~dense_correct).sum())
    q, r = (won + 1) / (n + 2), (lost + 1) / (n + 2)
    margin = float(ndtri(0.975)) * np.sqrt((q + r - (q - r) ** 2) / (n + 2))
    return Pair(
        n_images=n,
        to_wrong=lost,
        to_right=won,
        delta=(won - lost) / n if n else np.nan,
        low=max(-1.0, q - r - margin),
        high=min(1.0, q - r + margin),
        p=float(mcnemar(np.array([lost]), np.array([won]))[0]),
    )
