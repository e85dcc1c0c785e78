"""Semi-structured 2:4 pruning, a pattern that sparse tensor cores compute twice as fast."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analysis.compression.registry import register

if TYPE_CHECKING:
    import torch

_GROUP, _REMOVED = 4, 2


@register(
    "semi-structured",
    stage="training",
    takes_level=False,
    sparsity=_REMOVED / _GROUP,
    summary="2:4: of every four neighbours along a layer's inputs the two smallest are removed",
)
def masks(weights: Mapping[str, "torch.Tensor"], sparsity: float) -> dict[str, "torch.Tensor"]:
    """Return masks of the 2:4 pattern along the input dimension (1 kept, 0 removed).

    At sparsity 0.5 every group of four consecutive inputs keeps its two largest magnitudes (Mishra
    et al. 2021). At a sparsity s below, the share 2 s of the groups has the pattern, those with the
    smallest pair first. A layer whose number of inputs (per group, in a grouped convolution) is not
    a multiple of four is not pruned.

    Parameters
    ----------
    weights : mapping of float tensors, shape [outputs, inputs, ...]
    sparsity : float
        Share to remove, 0..0.5.
    """
    return {name: _mask(weight.detach().abs(), sparsity) for name, weight in weights.items()}


def _mask(magnitude: "torch.Tensor", sparsity: float) -> "torch.Tensor":
    import torch

    if magnitude.shape[1] % _GROUP:
        return torch.ones_like(magnitude)
    inputs_last = magnitude.movedim(1, -1)
    groups = inputs_last.reshape(-1, _GROUP)
    pairs = groups.argsort(dim=1, stable=True)[:, :_REMOVED]
    n_done = round(sparsity * _GROUP / _REMOVED * len(groups))
    done = groups.gather(1, pairs).sum(1).argsort(stable=True)[:n_done]
    mask = torch.ones_like(groups)
    mask[done] = mask[done].scatter(1, pairs[done], 0)
    return mask.view(inputs_last.shape).movedim(-1, 1).contiguous()
