"""When a run is pruned: during training, step by step after it, or once after it."""

import math
from dataclasses import replace

import torch
from torch import nn

from analysis.compression.masking import CubicSchedule
from analysis.compression.registry import Method
from analysis.config import Training
from analysis.models.spec import ModelSpec
from analysis.training.loop import (
    GradualPruning,
    SharedPhase,
    Teacher,
    TrainingData,
    mean_gradients,
    n_steps,
    train,
)
from analysis.training.pruning import Pruning, start

# Every removal of channels traces the model and starts the momentum again.
_CHANNEL_REMOVALS = 8


def prune_run(
    model: nn.Module,
    spec: ModelSpec,
    method: Method,
    sparsity: float,
    lessons: TrainingData,
    options: Training,
    *,
    stream: int,
    phase: SharedPhase | None = None,
    dense: nn.Module | None = None,
) -> dict[str, str]:
    """Prune a model in place as the schedule of the options says.

    ``gradual`` trains it meanwhile, from the weights it has; ``finetune`` prunes in steps and
    retrains after each; ``oneshot`` prunes once and trains no more. Under the latter two the model
    is given trained.

    Parameters
    ----------
    stream : int
        Random stream of what the method draws, apart from that of training.
    phase : SharedPhase, optional
        What the runs of one seed share before the first pruning; for ``gradual``.
    dense : Module, optional
        The dense model of the seed, on the device, to distill from where the options ask for it.

    Returns
    -------
    dict
        What the weights alone do not say of the pruned model's shape.
    """
    pruning = start(
        model,
        method,
        spec,
        {
            # Both in the same state at every update: the same draw, and the same batches.
            "generator": lambda _: torch.Generator().manual_seed(stream),
            "gradients": lambda pruned: mean_gradients(
                pruned, lessons, options, torch.Generator().manual_seed(stream)
            ),
        },
    )
    teacher = _teacher(dense, options, n_steps(options, len(lessons.labels)))
    if options.schedule == "gradual":
        _gradual(model, method, pruning, sparsity, lessons, options, phase, teacher)
    elif options.schedule == "finetune":
        _finetune(model, pruning, sparsity, lessons, options, teacher)
    else:
        pruning.prune(sparsity)
    model.eval()
    return pruning.finish()


def _teacher(dense: nn.Module | None, options: Training, total: int) -> Teacher | None:
    """Return what a run is distilled from; None where it is from nothing."""
    if dense is None or not options.distill:
        return None
    return Teacher(dense, options.distill, options.first_taught(total))


def _gradual(
    model: nn.Module,
    method: Method,
    pruning: Pruning,
    sparsity: float,
    lessons: TrainingData,
    options: Training,
    phase: SharedPhase | None,
    teacher: Teacher | None,
) -> None:
    """Prune on the cubic schedule during training (Zhu and Gupta 2017, as in Hooker et al. 2019).

    Channels are removed for good on the same schedule, in at most eight removals.
    """
    total = n_steps(options, len(lessons.labels))
    begin, end = options.first_pruning(total), round(options.prune_end * total)
    every = options.prune_every
    if method.removes == "channels":
        every = max(every, math.ceil((end - begin) / (_CHANNEL_REMOVALS - 1)))
    schedule = CubicSchedule(sparsity, begin, max(begin, end), every)
    gradual = GradualPruning(pruning, schedule)
    train(model, lessons, options, gradual=gradual, phase=phase, teacher=teacher)


def _finetune(
    model: nn.Module,
    pruning: Pruning,
    sparsity: float,
    lessons: TrainingData,
    options: Training,
    teacher: Teacher | None,
) -> None:
    """Remove the same share of what is left in every step, and retrain after it.

    After step i of n the sparsity is ``1 - (1 - s)^(i / n)`` (iterative pruning, Han et al. 2015).
    """
    retraining = replace(options, epochs=options.finetune_epochs, lr=options.finetune_lr)
    for asked in finetune_levels(sparsity, options.finetune_steps):
        pruning.prune(asked)
        train(model, lessons, retraining, teacher=teacher)


def finetune_levels(sparsity: float, steps: int) -> list[float]:
    """Sparsity after each step, rising to exactly what is asked."""
    return [1 - (1 - sparsity) ** (i / steps) for i in range(1, steps)] + [sparsity]
