"""Masks that remove the weights with the lowest scores, and the cubic schedule of sparsity.

The schedule is that of Zhu and Gupta 2017.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    Weights = Mapping[str, torch.Tensor]


def keep_best(scores: "torch.Tensor", sparsity: float) -> "torch.Tensor":
    """Return the mask of some scores: 1 kept, 0 removed.

    Of n scores exactly ``round(sparsity * n)``, the lowest, are removed; among equal scores the
    earlier ones go first.
    """
    import torch

    flat, removed = scores.flatten(), round(sparsity * scores.numel())
    if not removed:
        return torch.ones_like(scores)
    # Selection takes a sixth of the time of sorting.
    threshold = flat.kthvalue(removed).values
    below, equal = flat < threshold, flat == threshold
    below |= equal & (equal.cumsum(0) <= removed - below.sum())
    return (~below).to(scores.dtype).view(scores.shape)


def in_each_layer(scores: "Weights", sparsity: float) -> "dict[str, torch.Tensor]":
    """Return masks that remove the same share of every layer."""
    return {name: keep_best(score, sparsity) for name, score in scores.items()}


def over_all_layers(scores: "Weights", sparsity: float) -> "dict[str, torch.Tensor]":
    """Return masks of one threshold over all layers: shares differ, the total is the target."""
    import torch

    if not scores:
        return {}
    mask = keep_best(torch.cat([score.flatten() for score in scores.values()]), sparsity)
    parts = mask.split([score.numel() for score in scores.values()])
    return {
        name: part.view(score.shape)
        for (name, score), part in zip(scores.items(), parts, strict=True)
    }


@dataclass(frozen=True)
class CubicSchedule:
    """``s(t) = s_f (1 - (1 - p)^3)`` with p from 0 to 1 between step ``begin`` and step ``end``.

    Masks are updated at ``begin``, every ``every`` steps after it, and at ``end``.
    """

    final: float
    begin: int
    end: int
    every: int

    def sparsity(self, step: int) -> float:
        """Return the target sparsity at a step, 0..1, which never falls."""
        if step < self.begin:
            return 0.0
        if step >= self.end:
            return self.final
        progress = (step - self.begin) / (self.end - self.begin)
        return self.final * (1 - (1 - progress) ** 3)

    def is_update(self, step: int) -> bool:
        """Return whether the masks are updated at this step."""
        if not self.begin <= step <= self.end:
            return False
        return step == self.end or (step - self.begin) % self.every == 0
