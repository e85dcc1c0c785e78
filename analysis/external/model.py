"""An external model, opened: what its file says, and how it is run. Importable without torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Size = tuple[int, int]


@dataclass(frozen=True)
class Needed:
    """What a format needs to open a model: the data's classes, channels and size, and options.

    ``session_options`` are those of the runtime, key and value; ``device`` is cpu or cuda;
    ``time_limit`` is in seconds an image, 0 without.
    """

    n_classes: int
    channels: int
    native_size: Size | None
    input_size: int | None
    session_options: tuple[tuple[str, str], ...] = ()
    device: str = "cpu"
    time_limit: float = 0.0


@dataclass(frozen=True)
class Feeding:
    """How a picture becomes the input of a model; None where it is not declared.

    Parameters
    ----------
    size : (int, int) or None
        Height and width.
    resize : {"crop", "squash", "pad"} or None
        ``crop``: the shorter side to ``size / crop_pct``, then the centre; ``squash``: both sides;
        ``pad``: the longer side, the rest filled.
    crop_pct : float or None
        Share of the resized picture's side that is kept, 0..1.
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos"} or None
    channels : {"rgb", "bgr"} or None
    pixels : {"0..1", "0..255", "-1..1"} or None
        Range of the values before ``mean`` and ``std``.
    mean, std : tuple of float or None
        Of pixels from 0 to 1, a channel each.
    layout : {"NCHW", "NHWC"} or None
    """

    size: Size | None = None
    resize: str | None = None
    crop_pct: float | None = None
    interpolation: str | None = None
    channels: str | None = None
    pixels: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    layout: str | None = None


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
        Input array -> all outputs by name, arrays whose first axis is the image. What has no name
        is called by its place, ``0``, ``1``.
    sha256 : str
        Of its files.
    figures : Figures
    shape : tuple or None
        The declared input, None where a side is free; None without a declaration.
    dtype : str
        What it is fed: float32, float16, float64, uint8 or int8.
    quantization : (float, int) or None
        Scale and zero point of an integer input: value = scale * (integer - zero point).
    says : Feeding
        What the model, or a file beside it, says of how it is fed.
    said_by : str
        Where that is declared, such as ``preprocessor_config.json``; empty without.
    class_names : tuple of str
        Names of its outputs, in their order; empty where it names none.
    is_batch_dependent : bool
        Whether an answer depends on the images beside it, as with scales found at run time for a
        whole batch: such a model is run one image at a time.
    notes : tuple of str
        What should be said of it.
    penultimate : callable or None
        Takes the name of the output with the scores and opens what runs the model up to its last
        layer, input array -> features (N, D); gives None where that layer cannot be told. None
        of formats that are run from end to end alone.
    """

    run: Callable[[Array], Mapping[str, Array]]
    sha256: str
    figures: Figures = field(default_factory=Figures)
    shape: tuple[int | None, ...] | None = None
    dtype: str = "float32"
    quantization: tuple[float, int] | None = None
    says: Feeding = field(default_factory=Feeding)
    said_by: str = ""
    class_names: tuple[str, ...] = ()
    is_batch_dependent: bool = False
    notes: tuple[str, ...] = ()
    penultimate: Callable[[str], Callable[[Array], Array] | None] | None = None


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
