"""Remove channels from a model, and the same ones from a new copy.

torch-pruning finds the coupled layers: a channel is removed from its convolution, the norm after it
and every layer that reads it.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch_pruning
from torch import nn

from analysis.errors import RunError, one_line
from analysis.models.spec import ModelSpec
from analysis.models.weights import head_modules

Scores = Callable[[Any], "torch.Tensor | None"]
_ROOTS = (nn.modules.conv._ConvNd, nn.Linear)
_PROJECTIONS = ("qkv", "q", "k", "v", "kv", "q_proj", "k_proj", "v_proj", "gate")


class Channels:
    """The channels of a model, by groups of layers that share them.

    Parameters
    ----------
    model : module
        The model, changed in place.
    spec : ModelSpec
        The shape of its input.
    """

    def __init__(self, model: nn.Module, spec: ModelSpec) -> None:
        self.model = model
        device = next(model.parameters()).device
        self.example = torch.zeros(2, spec.channels, *spec.image_size, device=device)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Its defaults are shared between instances and would keep every model alive.
            self._pruner = torch_pruning.pruner.BasePruner(
                model.eval(),
                self.example,
                importance=None,
                ignored_layers=_unprunable(model),
                in_channel_groups={},
                out_channel_groups={},
                num_heads={},
            )
        self._graph = self._pruner.DG
        self._whole = {id(group[0].dep.target.module): size for group, size in self._sizes()}

    def remove(self, share: float, scores: Scores) -> bool:
        """Remove ``round(share * n)`` of each group's original n channels; return whether any was.

        The lowest scores are removed; one channel of a group always stays. In grouped convolutions
        the same channels of every block are removed.

        Raises
        ------
        RunError
            The model fails afterwards: its forward pass fixes a width.
        """
        # Compute all scores first: removing channels shifts the indices.
        lowest = [self._lowest(group, size, share, scores) for group, size in self._sizes()]
        for root, handler, places in lowest:
            if places:
                self._graph.get_pruning_group(root, handler, places).prune()
        removed = any(places for _, _, places in lowest)
        if removed:
            self._check()
        return removed

    def _lowest(
        self, group: Any, size: int, share: float, scores: Scores
    ) -> tuple[nn.Module, Any, list[int]]:
        """Return a group's first layer, its pruning function, and the channels to remove."""
        root, handler = group[0].dep.target.module, group[0].dep.handler
        whole = self._whole.get(id(root), size)
        n_removed = size - max(1, whole - round(share * whole))
        score = scores(group) if n_removed > 0 else None
        if score is None:
            return root, handler, []
        blocks = score.view(-1, size)
        lowest = blocks.mean(0).argsort(stable=True)[:n_removed].tolist()
        return root, handler, sorted(i + b * size for b in range(len(blocks)) for i in lowest)

    def history(self) -> list[Any]:
        """Return the removed channels as JSON values for :meth:`replay`."""
        return [
            [name, bool(is_output), [int(place) for place in places]]
            for name, is_output, places in self._graph.pruning_history()
        ]

    def replay(self, history: list[Any]) -> None:
        """Remove the channels in a history from a new copy of the model."""
        self._graph.load_pruning_history(history)

    def _sizes(self) -> Any:
        """Yield every prunable group and its number of channels per block."""
        for group in self._graph.get_all_groups(
            ignored_layers=self._pruner.ignored_layers, root_module_types=_ROOTS
        ):
            yield group, len(group[0].idxs) // self._pruner._get_channel_groups(group)

    def _check(self) -> None:
        training = self.model.training
        try:
            with torch.inference_mode():
                self.model.eval()(self.example)
        except (RuntimeError, ValueError, AssertionError, TypeError) as error:
            raise RunError(
                f"channels of this model cannot be removed: {one_line(error)}; "
                "prune it with another method"
            ) from error
        finally:
            self.model.train(training)


def _unprunable(model: nn.Module) -> list[nn.Module]:
    """Return the layers whose outputs must stay: the head, and an attention's projections.

    Attention reshapes its projections to a fixed number and width of heads.
    """
    kept = head_modules(model)
    for module in model.modules():
        if hasattr(module, "num_heads"):
            parts = [getattr(module, name, None) for name in _PROJECTIONS]
            kept += [part for part in parts if isinstance(part, nn.Module)]
    return kept
