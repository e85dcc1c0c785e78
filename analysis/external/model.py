"""Data classes of an open external model; importable without torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Size = tuple[int, int]


@dataclass(frozen=True)
class Needed:
    """Requirements for opening a model: the data's classes, channels and size, and options.

    ``session_options`` are (key, value) pairs for the runtime; ``device`` is cpu or cuda;
    ``time_limit`` is in seconds per image, 0 for none.
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
    """How an image becomes a model's input; None for undeclared fields.

    Parameters
    ----------
    size : (int, int) or None
        Height and width.
    resize : {"crop", "squash", "pad"} or None
        ``crop``: the shorter side to ``size / crop_pct``, then the centre; ``squash``: both sides;
        ``pad``: the longer side, the rest filled.
    crop_pct : float or None
        Share of the resized image's side to keep, 0..1.
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos"} or None
    channels : {"rgb", "bgr"} or None
    pixels : {"0..1", "0..255", "-1..1"} or None
        Range of the values before ``mean`` and ``std``.
    mean, std : tuple of float or None
        Normalization of pixels from 0 to 1, one value a channel.
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
    """One stored tensor of a model.

    Parameters
    ----------
    n : int
        Number of elements, after unpacking.
    n_bytes : float
        Stored size.
    is_weight : bool
        Whether it has two or more dimensions and is neither scale nor index.
    bits : float or None
        Bits per element; None if unknown, such as for 4-bit weights in int32.
    zeros : int or None
        Number of zero elements; None for integers and packed tensors.
    computed : str or None
        Floating type, such as float32; else None.
    """

    n: int
    n_bytes: float
    is_weight: bool
    bits: float | None
    zeros: int | None
    computed: str | None = None


@dataclass(frozen=True)
class Figures:
    """Measurements of a model's weights; null if they cannot be read.

    ``size_bytes`` counts weights and scales as stored, ``weight_bits`` is the mean over elements of
    weights with two or more dimensions, ``sparsity`` the share of zeros among those, null if one is
    integer: values rounded to 0 are not pruned. ``compute_dtype`` is the type of the layers'
    computation, null if unknown.
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
        Input array -> all outputs by name, arrays whose first axis is the image. Unnamed outputs
        are called by index, ``0``, ``1``.
    sha256 : str
        Digest of its files.
    figures : Figures
    shape : tuple or None
        Declared input shape, None for a free side; None without a declaration.
    dtype : str
        Input type: float32, float16, float64, uint8 or int8.
    quantization : (float, int) or None
        Scale and zero point of an integer input: value = scale * (integer - zero point).
    declared : Feeding
        Feeding that the model, or a file beside it, declares.
    declared_in : str
        Source of the declaration, such as ``preprocessor_config.json``, or empty.
    class_names : tuple of str
        Names of its outputs in order; empty if it declares none.
    is_batch_dependent : bool
        Whether predictions depend on the other images of the batch, as with scales computed per
        batch at run time: such a model is run one image at a time.
    notes : tuple of str
        Remarks to report.
    penultimate : callable or None
        Takes the name of the scores output; returns a function input array -> features (N, D)
        before the last layer, or None if that layer is unknown. None for formats that run only end
        to end.
    """

    run: Callable[[Array], Mapping[str, Array]]
    sha256: str
    figures: Figures = field(default_factory=Figures)
    shape: tuple[int | None, ...] | None = None
    dtype: str = "float32"
    quantization: tuple[float, int] | None = None
    declared: Feeding = field(default_factory=Feeding)
    declared_in: str = ""
    class_names: tuple[str, ...] = ()
    is_batch_dependent: bool = False
    notes: tuple[str, ...] = ()
    penultimate: Callable[[str], Callable[[Array], Array] | None] | None = None


def figures_of(tensors: list[Stored]) -> Figures:
    """Sum up stored tensors; ``compute_dtype`` is the common type of all weights, if any."""
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
