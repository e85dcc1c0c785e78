"""Store weights in 16 bits, float16 or bfloat16."""

import copy
from typing import TYPE_CHECKING

from analysis.compression.registry import register
from analysis.compression.trained import Batch, Compressed, Trained, torch_predict

if TYPE_CHECKING:
    import torch


@register(
    "float16",
    stage="after-training",
    takes_level=False,
    keeps_layers=True,
    summary="weights rounded to float16; computed in float16 on CUDA, else in float32",
)
def float16(trained: Trained, _: Batch) -> Compressed:
    """Store all parameters and buffers as float16."""
    import torch

    return _half(trained, torch.float16)


@register(
    "bfloat16",
    stage="after-training",
    takes_level=False,
    keeps_layers=True,
    summary="weights rounded to bfloat16; computed in bfloat16 on CUDA, else in float32",
)
def bfloat16(trained: Trained, _: Batch) -> Compressed:
    """Store all parameters and buffers as bfloat16."""
    import torch

    return _half(trained, torch.bfloat16)


def _half(trained: Trained, dtype: "torch.dtype") -> Compressed:
    import torch

    from analysis.models.weights import layers, stored_bytes

    stored = copy.deepcopy(trained.model).to(dtype)
    float_layers = layers(trained.model)
    for name, module in layers(stored).items():
        if name in trained.float_layers:
            module.to(torch.float32).load_state_dict(float_layers[name].state_dict())
    if trained.float_layers:
        # Mixed widths cannot be chained: compute the rounded layers in float32.
        dtype = torch.float32
    # CPUs have no float16 kernels (30 times slower) and few have those of bfloat16.
    computing = dtype if trained.device == "cuda" else torch.float32
    model = copy.deepcopy(stored).to(trained.device, computing)
    return Compressed(
        predict=torch_predict(model, trained.device, computing),
        size_bytes=stored_bytes(stored),
        weight_bits=trained.weight_bits(16.0),
        compute_dtype=str(computing).removeprefix("torch."),
    )
