"""The training loop, with gradual pruning, distillation and the shared phase of paired runs."""

import hashlib
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load, save
from torch import nn
from torch.nn.utils import prune

from analysis.compression.masking import CubicSchedule
from analysis.config import Training
from analysis.filesystem import Location
from analysis.filesystem.atomic import replacing
from analysis.models.weights import prunable
from analysis.training.pruning import Pruning

_MODEL, _MOMENTUM = "model.", "momentum."
_EPOCH_RANDOM, _STEP_RANDOM, _MACHINE = "random.epoch", "random.step", "machine"
_log = logging.getLogger(__name__)


_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Shared:
    """Random states at the end of a phase: of its epoch's start (image order) and of its step."""

    epoch: torch.Tensor
    step: torch.Tensor


@dataclass(frozen=True)
class SharedPhase:
    """A seed's training up to ``step``, written by its dense run and read by its pruned runs.

    A pruned run that does not find it trains those steps itself, to the same bytes. So does a run
    on another ``machine`` than the writer's, where rounding differs.
    """

    path: Location
    step: int
    machine: str = ""

    def write(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, epoch_random: torch.Tensor
    ) -> None:
        """Write weights, buffers, momentum and random states before this step."""
        tensors = {_MODEL + name: t.contiguous() for name, t in model.state_dict().items()}
        for name, parameter in model.named_parameters():
            momentum = optimizer.state.get(parameter, {}).get("momentum_buffer")
            if momentum is not None:
                tensors[_MOMENTUM + name] = momentum.contiguous()
        tensors |= {_EPOCH_RANDOM: epoch_random, _STEP_RANDOM: torch.get_rng_state()}
        tensors[_MACHINE] = torch.tensor([*self.machine.encode()], dtype=torch.uint8)
        content = save(tensors)
        with replacing(self.path) as temporary:
            temporary.write_bytes(hashlib.sha256(content).digest() + content)

    def read(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> Shared | None:
        """Load model and optimizer from the dense run's phase; return None if it cannot be used."""
        try:
            content_with_digest = self.path.read_bytes()
        except FileNotFoundError:
            return None
        digest, content = content_with_digest[:_DIGEST], content_with_digest[_DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            _log.warning("%s is damaged; the first phase is trained again", self.path.name)
            return None
        tensors = load(content)
        if bytes(tensors[_MACHINE].tolist()) != self.machine.encode():
            _log.warning(
                "%s: the first phase was trained on another machine than this one (%s), where "
                "rounding differs; it is trained again here",
                self.path.name, self.machine,
            )  # fmt: skip
            return None
        with torch.no_grad():
            for name, tensor in model.state_dict().items():
                if not name.endswith("_mask"):
                    tensor.copy_(tensors[_MODEL + _unmasked(name)])
        for name, parameter in model.named_parameters():
            momentum = tensors.get(_MOMENTUM + _unmasked(name))
            if momentum is not None:
                # In the parameter's memory layout, as the fused step requires.
                copy = torch.empty_like(parameter).copy_(momentum)
                optimizer.state[parameter]["momentum_buffer"] = copy
        return Shared(tensors[_EPOCH_RANDOM], tensors[_STEP_RANDOM])


def _unmasked(name: str) -> str:
    return name.removesuffix("_orig")


_CACHED = 2_500_000  # input values


def stream(scope: str, seed: int) -> int:
    """Return the random stream of a run, 63 bits of the SHA-256 of its scope and seed.

    The scope is the variant's id, so that every (variant, seed) is independent; paired runs share
    the scope ``dense``.
    """
    digest = hashlib.sha256(f"{scope}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class Normalizer:
    """uint8 pixels [B, C, H, W] -> float32 ``(x / 255 - mean) / std`` on a device."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], device: str) -> None:
        self.device = device
        self.mean = torch.tensor(mean, device=device) * 255
        self.scale = 1 / (torch.tensor(std, device=device) * 255)

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Return the normalized batch."""
        # Through NHWC: with one channel torch cannot distinguish the layouts, and convolutions use
        # the slower one (1.5 times the time of a training step).
        last = torch.from_numpy(np.array(pixels.transpose(0, 2, 3, 1), order="C"))
        last = last.to(self.device, torch.float32)
        return ((last - self.mean) * self.scale).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class TrainingData:
    """Training data: pixels, uint8 [N, C, H, W], class ids [N], and their normalization."""

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    normalize: Normalizer

    def batch(self, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs and class ids of the chosen images on the device."""
        indices = chosen.numpy()
        targets = torch.from_numpy(self.labels[indices]).to(self.normalize.device)
        return self.normalize(self.pixels[indices]), targets


class GradualPruning:
    """Pruning during training, at the updates of a schedule."""

    def __init__(self, pruning: Pruning, schedule: CubicSchedule) -> None:
        self.pruning = pruning
        self.schedule = schedule

    def step(self, step: int) -> bool:
        """Prune if the step is an update; return whether parameters were replaced."""
        if not self.schedule.is_update(step):
            return False
        return self.pruning.prune(self.schedule.sparsity(step))


@dataclass(frozen=True)
class Teacher:
    """The dense model to distill a pruned one from, with weight and first training step.

    The loss is then ``(1 - w) CE + w KL(dense || pruned)``, the divergence at temperature 1, a mean
    over the images of a batch. The dense model is in evaluation mode and is not trained.
    """

    model: nn.Module
    weight: float
    first_step: int = 0

    def loss(
        self, step: int, plain: torch.Tensor, logits: torch.Tensor, inputs: torch.Tensor
    ) -> torch.Tensor:
        """Add the divergence to the loss of a batch."""
        if step < self.first_step:
            return plain
        with torch.no_grad():
            target = self.model.eval()(inputs).log_softmax(1)
        divergence = nn.functional.kl_div(
            logits.log_softmax(1), target, log_target=True, reduction="batchmean"
        )
        return (1 - self.weight) * plain + self.weight * divergence


def n_steps(options: Training, n_images: int) -> int:
    """Return the number of training steps, without an epoch's incomplete last batch."""
    return options.epochs * (n_images // min(options.batch_size, n_images))


def train(
    model: nn.Module,
    data: TrainingData,
    options: Training,
    *,
    gradual: GradualPruning | None = None,
    phase: SharedPhase | None = None,
    teacher: Teacher | None = None,
) -> None:
    """Train a model in place: SGD with Nesterov momentum, linear warm-up, then cosine to 0.

    Weight decay applies to weights, not to biases and norms. ``gradual`` prunes the model during
    training; removing channels resets the momentum. Images are drawn without replacement within an
    epoch from torch's generator: seed it first. A shared ``phase`` is written by a dense run and
    skipped by a pruned one that finds it. A ``teacher`` is the dense model to distill a pruned one
    from.
    """
    n_images = len(data.labels)
    batch = min(options.batch_size, n_images)
    total = n_steps(options, n_images)
    optimizer, warmup = _optimizer(model, options), max(1, round(options.warmup * total))
    loss_function = nn.CrossEntropyLoss(label_smoothing=options.label_smoothing)
    model.train()
    shared = phase.read(model, optimizer) if phase is not None and gradual is not None else None
    first = phase.step if phase is not None and shared is not None else 0
    per_epoch = n_images // batch
    for epoch in range(first // per_epoch, options.epochs):
        if shared is not None and epoch == first // per_epoch:
            torch.set_rng_state(shared.epoch)
        epoch_random = torch.get_rng_state()
        order = torch.randperm(n_images)[: per_epoch * batch].view(-1, batch)
        for step, chosen in enumerate(order, start=epoch * per_epoch):
            if step < first:
                continue
            if shared is not None and step == first:
                torch.set_rng_state(shared.step)
            if phase is not None and gradual is None and step == phase.step:
                phase.write(model, optimizer, epoch_random)
            if gradual is not None and gradual.step(step):
                optimizer = _optimizer(model, options)
            for group in optimizer.param_groups:
                group["lr"] = options.lr * rate(step, total, warmup)
            optimizer.zero_grad(set_to_none=True)
            inputs, targets = data.batch(chosen)
            logits = model(inputs)
            loss = loss_function(logits, targets)
            if teacher is not None:
                loss = teacher.loss(step, loss, logits, inputs)
            loss.backward()
            optimizer.step()
    if gradual is not None:
        gradual.step(total)
    model.eval()


def mean_gradients(
    model: nn.Module, data: TrainingData, options: Training, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Return the mean absolute gradient of the loss per prunable weight, over a few batches.

    The batches are drawn from the generator; norms and dropout are in evaluation mode, so that
    neither their state nor the random numbers of training change. It is 0 for masked weights.
    """
    modules = prunable(model)
    names = {
        name: "weight_orig" if prune.is_pruned(module) else "weight"
        for name, module in modules.items()
    }
    weights = [module.get_parameter(names[name]) for name, module in modules.items()]
    sums = [torch.zeros_like(weight) for weight in weights]
    loss_function = nn.CrossEntropyLoss(label_smoothing=options.label_smoothing)
    was_training = model.training
    model.eval()
    for _ in range(options.gradient_batches):
        size = min(options.batch_size, len(data.labels))
        chosen = torch.randperm(len(data.labels), generator=generator)[:size]
        inputs, targets = data.batch(chosen)
        with torch.enable_grad():
            loss = loss_function(model(inputs), targets)
            gradients = torch.autograd.grad(loss, weights, materialize_grads=True)
        for total, gradient in zip(sums, gradients, strict=True):
            total += gradient.abs()
    model.train(was_training)
    return {
        name: total / options.gradient_batches for name, total in zip(modules, sums, strict=True)
    }


def rate(step: int, total: int, warmup: int) -> float:
    """Return the share of the learning rate at a step: linear warm-up, then half cosine to 0."""
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
        groups, lr=options.lr, momentum=options.momentum, nesterov=options.momentum > 0, fused=True
    )


def predict(
    model: nn.Module, pixels: npt.NDArray[np.uint8], normalize: Normalizer
) -> npt.NDArray[np.float32]:
    """Return the logits of all images, shape (N, C)."""
    model.eval()
    with torch.inference_mode():
        parts = [
            model(normalize(batch)).float().cpu().numpy()
            for batch in evaluation_batches(pixels, normalize.device)
        ]
    return np.concatenate(parts)


def evaluation_batches(
    pixels: npt.NDArray[np.uint8], device: str
) -> Iterator[npt.NDArray[np.uint8]]:
    """Cut pixels [N, C, H, W] into batches of at most 256.

    On a CPU batches of large images are smaller, so that activations stay in its caches: at 224
    pixels a MobileNet takes 2.6 ms per image in batches of 16, and 6.2 ms in batches of 256.
    """
    size = 256
    if device == "cpu":
        size = min(size, max(1, _CACHED // int(np.prod(pixels.shape[1:]))))
    for start in range(0, len(pixels), size):
        yield pixels[start : start + size]
