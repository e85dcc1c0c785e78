"""What a method after training is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx
    from torch import nn

Batch = npt.NDArray[np.float32]
Logits = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Trained:
    """A trained run: the torch model in evaluation mode, and its ONNX graph on demand."""

    model: "nn.Module"
    onnx_model: "Callable[[], onnx.ModelProto]"


@dataclass(frozen=True)
class Compressed:
    """A compressed model: normalized float32 images [B, C, H, W] -> logits [B, classes].

    ``size_bytes`` counts weights, scales, zero points and buffers as stored, ``weight_bits`` the
    width of a stored weight, ``sparsity`` the share of prunable weights that are 0.
    """

    predict: Callable[[Batch], Logits]
    size_bytes: int
    weight_bits: float
    sparsity: float
