"""Training of a population: the sweep against a plain loop, as whole processes.

The plain loop trains one model after another like a tutorial: a dataset that transforms pictures on
access, a DataLoader, torch's default threads, the same steps, pruning by ``torch.nn.utils.prune``,
nothing shared. It is timed on a few models and extrapolated to all those of the sweep, also with
the images as tensors in memory.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.execution.local import usable_cores

_PLAIN_MODELS = 6
_LATE = 0.4


@dataclass(frozen=True)
class Case:
    """A population: a model on digits at an input size, with numbers of seeds and epochs."""

    model: str
    image_size: int
    seeds: int
    epochs: int
    target: float
    paired_target: float
    levels: str = "0.3,0.5,0.7,0.9,0.95"
    train_limit: int = 440

    @property
    def n_models(self) -> int:
        """Number of trainings, dense ones included."""
        return self.seeds * (1 + len(self.levels.split(",")))


CASES = (
    Case("tiny_cnn", 8, 10, 50, 4.0, 6.0),
    Case("resnet10t", 32, 2, 15, 1.5, 2.5),
)


def main() -> None:
    """Print, for each case, the times of both loops and of the sweep, and their ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.population")
    parser.add_argument("--plain", nargs=6, metavar="X", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        name, kind, *numbers = options.plain
        _plain_loop(name, kind, *(int(n) for n in numbers))
        return
    rate = _matrix_rate()
    print(f"matrix rate of one thread: {rate / 1e9:.0f} GFLOP/s in float32")
    for case in CASES:
        floor = _training_flops(case) / rate / usable_cores()
        plain, tensors = _plain_seconds(case, "pictures"), _plain_seconds(case, "tensors")
        print(
            f"{case.model}, {case.n_models} models: plain loop {plain:.1f} s, with tensors in "
            f"memory {tensors:.1f} s, arithmetic floor on all cores {floor:.1f} s",
            flush=True,
        )
        for kind, arguments, target in (
            ("independent", [], f"{case.target:g}"),
            ("paired", ["--paired"], f"{case.paired_target:g}"),
            (f"paired, --prune-begin {_LATE}", ["--paired", "--prune-begin", str(_LATE)], "none"),
        ):
            seconds = _sweep_seconds(case, arguments)
            print(
                f"  {kind}: {seconds:.1f} s, {plain / seconds:.1f} times as fast as the plain loop "
                f"(target {target}), {tensors / seconds:.1f} times as with tensors in memory, "
                f"{seconds / floor:.1f} times the floor",
                flush=True,
            )


def _sweep_seconds(case: Case, arguments: list[str]) -> float:
    with tempfile.TemporaryDirectory() as cache:
        command = [
            sys.executable, "-m", "analysis", "sweep", "--dataset", "digits", "--cache", cache,
            "--model", case.model, "--image-size", str(case.image_size),
            "--seeds", str(case.seeds), "--epochs", str(case.epochs), "--device", "cpu",
            "--variants", f"magnitude={case.levels}", "--train-limit", str(case.train_limit),
            *arguments,
        ]  # fmt: skip
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


def _plain_seconds(case: Case, kind: str) -> float:
    """Return the seconds of a plain loop over all models of the case, its start counted once."""
    times = []
    for n in (1, min(_PLAIN_MODELS, case.n_models)):
        numbers = [n, case.image_size, case.epochs, case.train_limit]
        command = [sys.executable, "-m", "benchmarks.population", "--plain", case.model, kind]
        started = time.perf_counter()
        subprocess.run([*command, *map(str, numbers)], check=True)
        times.append((n, time.perf_counter() - started))
    (few, short), (many, long) = times
    each = (long - short) / (many - few)
    return short + each * (case.n_models - few)


def _matrix_rate() -> float:
    """Return the FLOP/s of a large matrix product on one thread."""
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
    """Return the FLOPs of all training steps: convolutions and products, forward and backward."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from analysis.models.factory import create, resolve

    spec = resolve(case.model, 10, 1, image_size=case.image_size, native_size=None)
    model = create(spec)
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(64, 1, case.image_size, case.image_size)).sum().backward()
    steps = case.epochs * (case.train_limit // 64)
    return float(counter.get_total_flops()) * steps * case.n_models


def _examples(split: Any, kind: str, size: int) -> Any:
    """Return a split as a tutorial's dataset, or as tensors."""
    import torch
    from torch.utils.data import Dataset, TensorDataset

    from analysis.models.library import import_timm

    import_timm()
    from torchvision import transforms

    transform = transforms.Compose(
        [transforms.Resize(size), transforms.ToTensor(), transforms.Normalize((0.3,), (0.3,))]
    )
    images = [split.images[i].convert("L") for i in range(len(split))]

    class Pictures(Dataset[tuple[Any, int]]):
        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, index: int) -> tuple[Any, int]:
            return transform(images[index]), int(split.labels[index])

    if kind == "pictures":
        return Pictures()
    pixels = torch.from_numpy(np.stack([transform(image).numpy() for image in images]))
    return TensorDataset(pixels, torch.from_numpy(split.labels))


def _plain_loop(name: str, kind: str, n: int, size: int, epochs: int, train_limit: int) -> None:
    import torch
    from torch import nn
    from torch.nn.utils import prune
    from torch.utils.data import DataLoader

    from analysis.compression.masking import CubicSchedule
    from analysis.datasets import open_dataset
    from analysis.models.library import import_timm
    from analysis.models.weights import prunable

    timm = import_timm()
    import analysis.models.factory  # noqa: F401 (registers itself with timm)

    dataset = open_dataset("digits").limited(train_limit, None)
    train, test = (_examples(s, kind, size) for s in (dataset.train, dataset.test))
    for seed in range(n):
        torch.manual_seed(seed)
        model = timm.create_model(name, num_classes=10, in_chans=1)
        modules = list(prunable(model).values())
        for module in modules:
            prune.identity(module, "weight")
        optimizer = torch.optim.SGD(
            model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4
        )
        loader = DataLoader(train, batch_size=64, shuffle=True, drop_last=True)
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
            for images, _ in DataLoader(test, batch_size=256):
                model(images)


if __name__ == "__main__":
    main()
