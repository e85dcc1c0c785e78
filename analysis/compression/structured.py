"""Structured pruning: whole channels are removed, and the model truly shrinks."""

from typing import TYPE_CHECKING, Any

from analysis.compression.registry import register

if TYPE_CHECKING:
    import torch


@register(
    "structured",
    stage="training",
    takes_level=True,
    removes="channels",
    summary="removes whole channels, the same share in every layer: the model shrinks; the level "
    "is the share of the channels",
)
def scores(group: Any) -> "torch.Tensor | None":
    """Scores of the channels of a group of coupled layers, shape [channels]; the lowest go.

    The sum of squares of what goes with a channel, averaged over the layers that share it, as a
    multiple of the group's mean (group magnitude, Fang et al. 2023); None where the group has no
    layer that can be scored.
    """
    from torch_pruning.pruner.importance import GroupMagnitudeImportance

    result: torch.Tensor | None = GroupMagnitudeImportance(p=2)(group)
    return result
