"""Removing channels from a model for good, and removing the same ones again from a new copy.

torch-pruning finds which layers are coupled: a channel goes from the convolution that makes it,
the norm behind it and every layer that reads it.
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
        Changed in place when channels are removed.
    spec : ModelSpec
        Says the shape of its input.
    """

    def __init__(self, model: nn.Module, spec: ModelSpec) -> None:
        self.model = model
        device = next(model.parameters()).device
        self.example = torch.zeros(2, spec.channels, *spec.image_size, device=device)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Its defaults are shared between instances, and would keep every model alive.
            self._pruner = torch_pruning.pruner.BasePruner(
                model.eval(),
                self.example,
                importance=None,
                ignored_layers=_kept_whole(model),
                in_channel_groups={},
                out_channel_groups={},
                num_heads={},
            )
        self._graph = self._pruner.DG
        self._whole = {id(group[0].dep.target.module): size for group, size in self._sizes()}

    def remove(self, share: float, scores: Scores) -> bool:
        """Remove ``round(share * n)`` of each group's first n channels; say whether any went now.

        Those of the lowest scores go; the last channel of a group always stays. Where channels lie
        in blocks (grouped convolutions), the same places of every block go.

        Raises
        ------
        RunError
            The model cannot compute any more: its forward pass fixes a width.
        """
        # All scores first: they are read at places that move as soon as anything is removed.
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
        """Return a group's first layer, how it is cut, and the places of the channels to go."""
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
        """What was removed so far, in values of JSON that :meth:`replay` reads."""
        return [
            [name, bool(is_output), [int(place) for place in places]]
            for name, is_output, places in self._graph.pruning_history()
        ]

    def replay(self, history: list[Any]) -> None:
        """Remove from a new copy of the model what another one lost."""
        self._graph.load_pruning_history(history)

    def _sizes(self) -> Any:
        """Yield every group whose channels can go, and its number of channels in one block."""
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


def _kept_whole(model: nn.Module) -> list[nn.Module]:
    """Layers whose outputs stay: the head, and an attention's queries, keys and values.

    The heads of an attention are read by reshaping to a fixed number and width.
    """
    kept = head_modules(model)
    for module in model.modules():
        if hasattr(module, "num_heads"):
            parts = [getattr(module, name, None) for name in _PROJECTIONS]
            kept += [part for part in parts if isinstance(part, nn.Module)]
    return kept
