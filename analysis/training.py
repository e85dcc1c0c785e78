"""Training one run, with gradual pruning where its variant asks for it."""

import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.utils import prune

from analysis.compression.schedule import CubicSchedule
from analysis.config import Training
from analysis.models.weights import prunable

Masks = Callable[..., dict[str, torch.Tensor]]


def stream(scope: str, seed: int) -> int:
    """Random stream of a run, 63 bits: SHA-256 of its scope and seed.

    The scope is the variant's id, so that every (variant, seed) is drawn by itself; paired runs
    share the scope ``dense``.
    """
    digest = hashlib.sha256(f"{scope}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class Normalizer:
    """uint8 pixels [B, C, H, W] -> float32 ``(x / 255 - mean) / std`` on a device."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], device: str) -> None:
        self.device = device
        self.mean = torch.tensor(mean, device=device).view(1, -1, 1, 1) * 255
        self.scale = 1 / (torch.tensor(std, device=device).view(1, -1, 1, 1) * 255)

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Return the batch as the model takes it."""
        batch = torch.tensor(pixels, device=self.device).to(torch.float32)
        return ((batch - self.mean) * self.scale).contiguous(memory_format=torch.channels_last)


class GradualPruning:
    """Masks on the prunable weights, made anew from all weights as the schedule says.

    A masked weight keeps its value beneath the mask, as in the paper's code, so it can come back
    when its neighbours shrink.
    """

    def __init__(self, model: nn.Module, masks: Masks, schedule: CubicSchedule) -> None:
        self.modules = prunable(model)
        self.masks = masks
        self.schedule = schedule
        for module in self.modules.values():
            prune.identity(module, "weight")

    def step(self, step: int) -> None:
        """Make the masks anew where the schedule has an update at this step."""
        if not self.schedule.is_update(step):
            return
        weights = {
            name: module.get_parameter("weight_orig") for name, module in self.modules.items()
        }
        for name, mask in self.masks(weights, self.schedule.sparsity(step)).items():
            self.modules[name].get_buffer("weight_mask").copy_(mask)

    def finish(self) -> None:
        """Put the masked weights in place for good."""
        for module in self.modules.values():
            prune.remove(module, "weight")


def train(
    model: nn.Module,
    pixels: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    options: Training,
    normalize: Normalizer,
    *,
    masks: Masks | None = None,
    sparsity: float = 0.0,
) -> None:
    """Train a model in place: SGD with Nesterov momentum, linear warm-up, then cosine to 0.

    Weight decay falls on weights alone, not on biases and norms. With ``masks`` the model is pruned
    gradually to ``sparsity`` and ends with its masked weights exactly 0. Images are drawn without
    replacement within an epoch from torch's generator: seed it first.
    """
    batch = min(options.batch_size, len(labels))
    per_epoch = len(labels) // batch
    total = options.epochs * per_epoch
    pruning = None
    if masks is not None:
        begin, end = round(options.prune_begin * total), round(options.prune_end * total)
        schedule = CubicSchedule(sparsity, begin, max(begin, end), options.prune_every)
        pruning = GradualPruning(model, masks, schedule)
    optimizer, warmup = _optimizer(model, options), max(1, round(options.warmup * total))
    targets = torch.from_numpy(labels).to(normalize.device)
    loss_function = nn.CrossEntropyLoss(label_smoothing=options.label_smoothing)
    model.train()
    step = 0
    for _ in range(options.epochs):
        order = torch.randperm(len(labels))[: per_epoch * batch].view(per_epoch, batch)
        for chosen in order:
            for group in optimizer.param_groups:
                group["lr"] = options.lr * rate(step, total, warmup)
            if pruning is not None:
                pruning.step(step)
            optimizer.zero_grad(set_to_none=True)
            loss = loss_function(model(normalize(pixels[chosen.numpy()])), targets[chosen])
            loss.backward()
            optimizer.step()
            step += 1
    if pruning is not None:
        pruning.step(step)
        pruning.finish()
    model.eval()


def rate(step: int, total: int, warmup: int) -> float:
    """Share of the learning rate at a step: linear warm-up, then a half cosine to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def _optimizer(model: nn.Module, options: Training) -> torch.optim.Optimizer:
    trained = [p for p in model.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": options.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        groups, lr=options.lr, momentum=options.momentum, nesterov=options.momentum > 0
    )


def predict(
    model: nn.Module, pixels: npt.NDArray[np.uint8], normalize: Normalizer, *, batch: int = 256
) -> npt.NDArray[np.float32]:
    """Logits of all images, shape (N, C)."""
    model.eval()
    with torch.inference_mode():
        parts = [
            model(normalize(pixels[i : i + batch])).float().cpu().numpy()
            for i in range(0, len(pixels), batch)
        ]
    return np.concatenate(parts)
