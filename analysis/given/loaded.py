"""A given model, opened: what its file says, and how it is asked. Importable without torch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Size = tuple[int, int]


@dataclass(frozen=True)
class Needed:
    """What models are asked for: the data's classes, channels and size, and the size asked."""

    n_classes: int
    channels: int
    native_size: Size | None
    input_size: int | None


@dataclass(frozen=True)
class Figures:
    """What is measured of weights that can be read; null where they cannot.

    ``size_bytes`` counts them as stored, ``weight_bits`` is the mean over elements of weights with
    two or more dimensions, ``sparsity`` the share of zeros among those, null where one is of
    integers: what rounds to 0 is not called pruned.
    """

    size_bytes: int | None = None
    weight_bits: float | None = None
    sparsity: float | None = None
    compute_dtype: str | None = None


@dataclass(frozen=True)
class Loaded:
    """An open model.

    Parameters
    ----------
    run : callable
        Input array -> all outputs, arrays.
    sha256 : str
        Of its files.
    figures : Figures
    shape : tuple or None
        The declared input, None where a side is free; None without a declaration.
    dtype : str
        What it is fed: float32, float16, float64 or uint8.
    mean, std, size
        What the model itself says of its input.
    notes : tuple of str
        What should be said of it.
    """

    run: Callable[[Array], list[Array]]
    sha256: str
    figures: Figures = field(default_factory=Figures)
    shape: tuple[int | None, ...] | None = None
    dtype: str = "float32"
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    size: Size | None = None
    notes: tuple[str, ...] = ()


def figures_of(weights: list[tuple[int, int, float, bool, int | None]]) -> Figures:
    """Sum up weights, each (elements, dimensions, bits an element, is float, zeros or None)."""
    size = sum(n * bits / 8 for n, _, bits, _, _ in weights)
    large = [weight for weight in weights if weight[1] >= 2]
    n = sum(weight[0] for weight in large)
    if not n:
        return Figures(int(np.ceil(size)))
    bits = sum(count * b for count, _, b, _, _ in large) / n
    zeros = [z for *_, z in large if z is not None]
    readable = len(zeros) == len(large) and all(is_float for _, _, _, is_float, _ in large)
    return Figures(int(np.ceil(size)), bits, sum(zeros) / n if readable else None)
