"""The input and the result of methods after training."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx
    import torch
    from torch import nn

Batch = npt.NDArray[np.float32]
Logits = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Trained:
    """A trained run: the torch model in evaluation mode, and its ONNX graph on demand.

    The model is on the CPU; ``device`` is where it may compute. ``float_layers`` are the modules to
    leave in float; ``memory`` is a method's cache for the same model.
    """

    model: "nn.Module"
    onnx_model: "Callable[[], onnx.ModelProto]"
    device: str = "cpu"
    float_layers: tuple[str, ...] = ()
    memory: dict[str, Any] = field(default_factory=dict, compare=False)

    def weight_bits(self, bits: float) -> float:
        """Return the mean bits of a stored weight if the other layers are stored in ``bits``."""
        from analysis.models.weights import layers

        if not self.float_layers:
            return bits
        sizes = {
            name: one.get_parameter("weight").numel() for name, one in layers(self.model).items()
        }
        in_float = sum(sizes.get(name, 0) for name in self.float_layers)
        return (32.0 * in_float + bits * (sum(sizes.values()) - in_float)) / sum(sizes.values())


@dataclass(frozen=True)
class Compressed:
    """A compressed model: normalized float32 images [B, C, H, W] -> logits [B, classes].

    ``size_bytes`` counts weights, scales, zero points and buffers as stored, ``weight_bits`` the
    bits of a stored weight; ``compute_dtype`` is the type the layers compute in.
    """

    predict: Callable[[Batch], Logits]
    size_bytes: int
    weight_bits: float
    compute_dtype: str = "float32"


def torch_predict(
    model: "nn.Module", device: str = "cpu", dtype: "torch.dtype | None" = None
) -> Callable[[Batch], Logits]:
    """Return a prediction function of a torch model in a dtype (float32) on a device."""
    import torch

    model.eval()

    def predict(images: Batch) -> Logits:
        with torch.inference_mode():
            # Channels last through NHWC, as in training: with one channel torch cannot distinguish.
            last = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 2, 3, 1)))
            logits = model(last.to(device, dtype or torch.float32).permute(0, 3, 1, 2))
            return np.asarray(logits.float().cpu().numpy())

    return predict
