"""Magnitude pruning: remove the smallest weights, by layer or over the whole model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.compression.masking import in_each_layer, over_all_layers
from analysis.compression.registry import register

if TYPE_CHECKING:
    import torch


@register(
    "magnitude",
    stage="training",
    takes_level=True,
    summary="removes the smallest weights, the same share in every layer",
)
def masks(weights: Mapping[str, "torch.Tensor"], sparsity: float) -> dict[str, "torch.Tensor"]:
    """Return masks that keep the largest magnitudes of each layer (1 kept, 0 removed).

    In a layer of n weights exactly ``round(sparsity * n)`` are removed; among equal magnitudes the
    earlier ones go first. The rule of Zhu and Gupta 2017 and Hooker et al. 2019.

    Parameters
    ----------
    weights : mapping of float tensors
        All prunable weights by layer, masked ones included.
    sparsity : float
        Share to remove, 0..1.
    """
    return in_each_layer(_magnitudes(weights), sparsity)


@register(
    "magnitude-global",
    stage="training",
    takes_level=True,
    summary="removes the smallest weights of the model, one threshold over all layers",
)
def global_masks(
    weights: Mapping[str, "torch.Tensor"], sparsity: float
) -> dict[str, "torch.Tensor"]:
    """Return masks that keep the largest magnitudes of the model (1 kept, 0 removed).

    Of n prunable weights exactly ``round(sparsity * n)`` are removed, from wide layers more than
    from narrow ones ("global magnitude" of Blalock et al. 2020); at a sparsity near 1 a layer can
    lose all its weights.
    """
    return over_all_layers(_magnitudes(weights), sparsity)


def _magnitudes(weights: Mapping[str, "torch.Tensor"]) -> dict[str, "torch.Tensor"]:
    return {name: weight.detach().abs() for name, weight in weights.items()}
