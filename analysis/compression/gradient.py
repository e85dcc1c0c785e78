"""Gradient pruning: remove the weights that change the loss least, to first order."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.compression.masking import in_each_layer
from analysis.compression.registry import register

if TYPE_CHECKING:
    import torch


@register(
    "gradient",
    stage="training",
    takes_level=True,
    needs=("gradients",),
    summary="removes the weights with the smallest |weight x gradient|, the same share in every "
    "layer",
)
def masks(
    weights: Mapping[str, "torch.Tensor"],
    sparsity: float,
    *,
    gradients: Mapping[str, "torch.Tensor"],
) -> dict[str, "torch.Tensor"]:
    """Return masks (1 kept, 0 removed) of the largest ``|w| mean_b |dL_b/dw|`` per layer.

    The score is the first-order Taylor estimate of the change of the training loss L_b of a batch b
    without the weight (Molchanov et al. 2017), averaged over batches. In a layer of n weights
    exactly ``round(sparsity * n)`` are removed. A masked weight has no gradient, so it stays
    removed.

    Parameters
    ----------
    weights, gradients : mappings of float tensors
        The prunable weights by layer, and the mean absolute gradient of each, of equal shapes.
    sparsity : float
        Share to remove, 0..1.
    """
    scores = {name: weight.detach().abs() * gradients[name] for name, weight in weights.items()}
    return in_each_layer(scores, sparsity)
