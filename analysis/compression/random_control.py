"""Random pruning: the control that any rule for choosing weights must beat."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.compression.masking import in_each_layer
from analysis.compression.registry import register

if TYPE_CHECKING:
    import torch


@register(
    "random",
    stage="training",
    takes_level=True,
    needs=("generator",),
    summary="removes weights drawn at random, the same share in every layer (a control)",
)
def masks(
    weights: Mapping[str, "torch.Tensor"], sparsity: float, *, generator: "torch.Generator"
) -> dict[str, "torch.Tensor"]:
    """Return masks that keep random weights of each layer (1 kept, 0 removed).

    In a layer of n weights exactly ``round(sparsity * n)`` are removed. The generator is in the
    same state at every update, so that masks of growing sparsity are nested.
    """
    import torch

    scores = {
        name: torch.rand(weight.shape, generator=generator).to(weight.device)
        for name, weight in weights.items()
    }
    return in_each_layer(scores, sparsity)
