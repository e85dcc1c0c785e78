"""Masks from scores: the weights that score lowest are removed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    Weights = Mapping[str, torch.Tensor]


def keep_best(scores: "torch.Tensor", sparsity: float) -> "torch.Tensor":
    """Mask of the scores' shape: 1 kept, 0 removed.

    Of n scores exactly ``round(sparsity * n)``, the lowest, are removed; among equal scores the
    earlier ones go first.
    """
    import torch

    flat, removed = scores.flatten(), round(sparsity * scores.numel())
    if not removed:
        return torch.ones_like(scores)
    # By selection, which takes a sixth of the time of sorting.
    threshold = flat.kthvalue(removed).values
    below, equal = flat < threshold, flat == threshold
    below |= equal & (equal.cumsum(0) <= removed - below.sum())
    return (~below).to(scores.dtype).view(scores.shape)


def in_each_layer(scores: "Weights", sparsity: float) -> "dict[str, torch.Tensor]":
    """Masks that remove the same share of every layer."""
    return {name: keep_best(score, sparsity) for name, score in scores.items()}


def over_all_layers(scores: "Weights", sparsity: float) -> "dict[str, torch.Tensor]":
    """Masks of one threshold over all layers: their shares differ, the total is as asked."""
    import torch

    if not scores:
        return {}
    mask = keep_best(torch.cat([score.flatten() for score in scores.values()]), sparsity)
    parts = mask.split([score.numel() for score in scores.values()])
    return {
        name: part.view(score.shape)
        for (name, score), part in zip(scores.items(), parts, strict=True)
    }
