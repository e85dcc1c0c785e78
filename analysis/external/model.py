"""An external model, opened: what its file says, and how it is run. Importable without torch."""

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
class Stored:
    """One tensor as a model stores it.

    Parameters
    ----------
    n : int
        Its elements, of packed ones those that are packed.
    n_bytes : float
        What it takes.
    is_weight : bool
        Whether it has two or more dimensions, and is no scale and no index.
    bits : float or None
        Of one element; None where that cannot be read from it, such as of 4-bit weights in int32.
    zeros : int or None
        Elements that are 0; None of integers and of packed ones.
    computed : str or None
        Floating type, such as float32; None of all others.
    """

    n: int
    n_bytes: float
    is_weight: bool
    bits: float | None
    zeros: int | None
    computed: str | None = None


@dataclass(frozen=True)
class Figures:
    """What is measured of weights that can be read; null where they cannot.

    ``size_bytes`` counts them as stored with their scales, ``weight_bits`` is the mean over
    elements of weights with two or more dimensions, ``sparsity`` the share of zeros among those,
    null where one is of integers: what rounds to 0 is not called pruned. ``compute_dtype`` is what
    layers compute in, null where that is not known.
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


def figures_of(tensors: list[Stored]) -> Figures:
    """Sum up what is stored; the type that layers compute in is that of all weights, if one."""
    size = int(np.ceil(sum(tensor.n_bytes for tensor in tensors)))
    weights = [tensor for tensor in tensors if tensor.is_weight]
    n = sum(weight.n for weight in weights)
    if not n:
        return Figures(size)
    bits = [weight.n * weight.bits for weight in weights if weight.bits is not None]
    zeros = [weight.zeros for weight in weights if weight.zeros is not None]
    types = {weight.computed for weight in weights}
    return Figures(
        size,
        sum(bits) / n if len(bits) == len(weights) else None,
        sum(zeros) / n if len(zeros) == len(weights) else None,
        types.pop() if len(types) == 1 else None,
    )
