"""The first phase of paired runs: what the runs of one seed share until pruning starts."""

from dataclasses import dataclass

import torch
from safetensors.torch import load, save
from torch import nn

from analysis.filesystem import Location
from analysis.filesystem.atomic import replacing

_MODEL, _MOMENTUM = "model.", "momentum."
_EPOCH_RANDOM, _STEP_RANDOM = "random.epoch", "random.step"


@dataclass(frozen=True)
class Shared:
    """Random states at a phase's end: of its epoch's start (the images' order), and of its step."""

    epoch: torch.Tensor
    step: torch.Tensor


@dataclass(frozen=True)
class SharedPhase:
    """A seed's training up to ``step``, written once by its dense run, read by its pruned runs.

    A pruned run that does not find it trains those steps itself, to the same bytes.
    """

    path: Location
    step: int

    def write(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, epoch_random: torch.Tensor
    ) -> None:
        """Keep weights, buffers, momentum and random states before this step."""
        tensors = {_MODEL + name: t.contiguous() for name, t in model.state_dict().items()}
        for name, parameter in model.named_parameters():
            momentum = optimizer.state.get(parameter, {}).get("momentum_buffer")
            if momentum is not None:
                tensors[_MOMENTUM + name] = momentum.contiguous()
        tensors |= {_EPOCH_RANDOM: epoch_random, _STEP_RANDOM: torch.get_rng_state()}
        with replacing(self.path) as temporary:
            temporary.write_bytes(save(tensors))

    def read(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> Shared | None:
        """Put a model and its optimizer where the dense run was; None where nothing was kept."""
        try:
            tensors = load(self.path.read_bytes())
        except FileNotFoundError:
            return None
        with torch.no_grad():
            for name, tensor in model.state_dict().items():
                if not name.endswith("_mask"):
                    tensor.copy_(tensors[_MODEL + _unmasked(name)])
        for name, parameter in model.named_parameters():
            momentum = tensors.get(_MOMENTUM + _unmasked(name))
            if momentum is not None:
                # As the parameter lies in memory: the fused step takes both as they lie.
                own = torch.empty_like(parameter).copy_(momentum)
                optimizer.state[parameter]["momentum_buffer"] = own
        return Shared(tensors[_EPOCH_RANDOM], tensors[_STEP_RANDOM])


def _unmasked(name: str) -> str:
    return name.removesuffix("_orig")
