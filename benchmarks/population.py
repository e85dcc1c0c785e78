"""Training a population: the sweep against the plain loop, as whole processes in one run.

The plain loop trains one model after another as a tutorial would: a DataLoader over decoded images,
torch's default threads, the same steps, pruning by ``torch.nn.utils.prune``, nothing shared. It is
timed on a few models and extrapolated to as many as the sweep trains.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import numpy as np

from analysis.pools.local import usable_cores

_PLAIN_MODELS = 6


@dataclass(frozen=True)
class Case:
    """What is trained: a model on digits at an input size, so many seeds and epochs."""

    model: str
    image_size: int
    seeds: int
    epochs: int
    levels: str
    train_limit: int
    target: float
    paired_target: float

    @property
    def n_models(self) -> int:
        """Trainings of the sweep, dense included."""
        return self.seeds * (1 + len(self.levels.split(",")))


CASES = (
    Case("tiny_cnn", 8, 10, 50, "0.3,0.5,0.7,0.9,0.95", 440, 4.0, 6.0),
    Case("resnet10t", 32, 2, 15, "0.5,0.9", 440, 1.5, 2.5),
)


def main() -> None:
    """Print, for each case, both times and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.population")
    parser.add_argument("--plain", nargs=5, metavar="X", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        name, *numbers = options.plain
        _plain_loop(name, *(int(n) for n in numbers))
        return
    rate = _matrix_rate()
    print(f"matrix rate of one thread: {rate / 1e9:.0f} GFLOP/s in float32")
    for case in CASES:
        plain = _plain_seconds(case)
        floor = _training_flops(case) / rate / usable_cores()
        for paired, target in ((False, case.target), (True, case.paired_target)):
            seconds = _sweep_seconds(case, paired=paired)
            kind = "paired" if paired else "independent"
            print(
                f"{case.model}, {case.n_models} models, {kind}: {seconds:.1f} s, plain loop "
                f"{plain:.1f} s, {plain / seconds:.1f} times as fast (target {target:g}); "
                f"{seconds / floor:.1f} times the floor of {floor:.1f} s",
                flush=True,
            )


def _sweep_seconds(case: Case, *, paired: bool) -> float:
    with tempfile.TemporaryDirectory() as cache:
        command = [
            sys.executable, "-m", "analysis", "sweep", "--dataset", "digits", "--cache", cache,
            "--model", case.model, "--image-size", str(case.image_size),
            "--seeds", str(case.seeds), "--epochs", str(case.epochs), "--device", "cpu",
            "--variants", f"magnitude={case.levels}", "--train-limit", str(case.train_limit),
            *(["--paired"] if paired else []),
        ]  # fmt: skip
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


def _plain_seconds(case: Case) -> float:
    """Seconds of the plain loop for all models of the case, its start counted once."""
    times = []
    for n in (1, min(_PLAIN_MODELS, case.n_models)):
        numbers = [n, case.image_size, case.epochs, case.train_limit]
        command = [sys.executable, "-m", "benchmarks.population", "--plain", case.model]
        started = time.perf_counter()
        subprocess.run([*command, *map(str, numbers)], check=True)
        times.append((n, time.perf_counter() - started))
    (few, short), (many, long) = times
    each = (long - short) / (many - few)
    return short + each * (case.n_models - few)


def _matrix_rate() -> float:
    """FLOP/s of a large matrix product on one thread."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    matrix = torch.randn(1536, 1536)
    times = []
    for _ in range(8):
        started = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - started)
    torch.set_num_threads(before)
    return 2 * 1536**3 / min(times)


def _training_flops(case: Case) -> float:
    """FLOPs of all training steps of the case: forward and backward, convolutions and products."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from analysis.models.factory import create, resolve

    spec = resolve(case.model, 10, 1, image_size=case.image_size, native_size=None)
    model = create(spec)
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(64, 1, case.image_size, case.image_size)).sum().backward()
    steps = case.epochs * (case.train_limit // 64)
    return float(counter.get_total_flops()) * steps * case.n_models


def _plain_loop(name: str, n: int, size: int, epochs: int, train_limit: int) -> None:
    import torch
    from torch import nn
    from torch.nn.utils import prune
    from torch.utils.data import DataLoader, TensorDataset

    from analysis.compression.schedule import CubicSchedule
    from analysis.datasets import open_dataset
    from analysis.models.factory import create, resolve
    from analysis.models.weights import prunable
    from analysis.preparing import model_input

    dataset = open_dataset("digits").limited(train_limit, None)
    splits = []
    for split in (dataset.train, dataset.test):
        pixels = [model_input(split.images[i], (size, size), 1) for i in range(len(split))]
        images = torch.from_numpy(np.stack(pixels)).float().div(255).sub(0.3).div(0.3)
        splits.append(TensorDataset(images, torch.from_numpy(split.labels)))
    spec = resolve(name, 10, 1, image_size=size, native_size=None)
    for seed in range(n):
        torch.manual_seed(seed)
        model = create(spec)
        modules = list(prunable(model).values())
        for module in modules:
            prune.identity(module, "weight")
        optimizer = torch.optim.SGD(
            model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4
        )
        loader = DataLoader(splits[0], batch_size=64, shuffle=True, drop_last=True)
        steps = epochs * len(loader)
        schedule = CubicSchedule(0.9, round(0.2 * steps), round(0.75 * steps), 8)
        step = 0
        for _ in range(epochs):
            model.train()
            for images, labels in loader:
                if schedule.is_update(step):
                    for module in modules:
                        prune.remove(module, "weight")
                        prune.l1_unstructured(module, "weight", schedule.sparsity(step))
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(images), labels).backward()
                optimizer.step()
                step += 1
        model.eval()
        with torch.inference_mode():
            for images, _ in DataLoader(splits[1], batch_size=256):
                model(images)


if __name__ == "__main__":
    main()
