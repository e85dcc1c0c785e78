"""Structured pruning: remove whole channels, so that the model shrinks."""

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
    """Return the scores of a coupled group's channels, [channels]; the lowest are removed.

    The score is the sum of squares of a channel's weights, averaged over the layers that share it,
    as a multiple of the group's mean (group magnitude, Fang et al. 2023); None if no layer of the
    group can be scored.
    """
    from torch_pruning.pruner.importance import GroupMagnitudeImportance

    result: torch.Tensor | None = GroupMagnitudeImportance(p=2)(group)
    return result
