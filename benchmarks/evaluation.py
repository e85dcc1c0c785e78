"""Evaluation of a population: pictures decoded once for all runs, or again for each model.

2,000 JPEGs of about 500 x 375, a mobile-size model at 224 pixels, 4 variants x 5 seeds. The sweep
is timed as a process, with thumbnails, one short epoch a run, pruning and files. The loop that
validates each model (decode, resize, normalize, predict) is timed on a few models and extrapolated,
with the DataLoader's defaults and with a loading process for every core.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from analysis.execution.local import usable_cores

_MODEL = "mobilenetv3_small_050"
_SIZE = 224
_N_TEST, _N_TRAIN, _CLASSES = 2_000, 32, 4
_LEVELS, _SEEDS = "0.3,0.6,0.9", 5
_N_MODELS = _SEEDS * (1 + len(_LEVELS.split(",")))
_MEASURED = 3
_TARGET = 2.5


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation")
    parser.add_argument("--alone", nargs=3, metavar="X", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        folder, n_models, n_loaders = options.alone
        _validate_alone(Path(folder), int(n_models), int(n_loaders))
        return
    with tempfile.TemporaryDirectory() as temporary:
        pictures = Path(temporary) / "pictures"
        _write_pictures(pictures)
        sweep = _seconds(
            "analysis", "sweep", "--dataset", f"folder:{pictures}",
            "--cache", f"{temporary}/cache", "--model", _MODEL, "--image-size", str(_SIZE),
            "--seeds", str(_SEEDS), "--epochs", "1", "--batch-size", str(_N_TRAIN),
            "--device", "cpu", "--variants", f"magnitude={_LEVELS}",
        )  # fmt: skip
        print(f"sweep, {_N_MODELS} models, {_N_TEST} JPEGs: {sweep:.1f} s", flush=True)
        for n_loaders in (0, usable_cores()):
            few, many = (
                _seconds("benchmarks.evaluation", "--alone", str(pictures), str(n), str(n_loaders))
                for n in (1, _MEASURED)
            )
            alone = few + (many - few) / (_MEASURED - 1) * (_N_MODELS - 1)
            print(
                f"each model alone, {n_loaders} loading processes: {alone:.1f} s; the sweep "
                f"is {alone / sweep:.1f} times as fast (target {_TARGET})",
                flush=True,
            )


def _seconds(*command: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _write_pictures(folder: Path) -> None:
    """Draw pictures that compress like photographs: smooth shades, edges and some grain."""
    generator = np.random.default_rng(0)
    for split, n in (("train", _N_TRAIN), ("test", _N_TEST)):
        for i in range(n):
            coarse = generator.integers(0, 256, (9, 12, 3), dtype=np.uint8)
            picture = Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC)
            grain = generator.normal(0, 8, (375, 500, 1))
            pixels = np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8)
            path = folder / split / f"class {i % _CLASSES}" / f"{i:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path, quality=90)


def _validate_alone(folder: Path, n_models: int, n_loaders: int) -> None:
    import torch
    from torch.utils.data import DataLoader

    from analysis.models.library import import_timm

    timm = import_timm()
    from torchvision import datasets, transforms

    transform = transforms.Compose(
        [
            transforms.Resize(_SIZE),
            transforms.CenterCrop(_SIZE),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    pictures = datasets.ImageFolder(os.fspath(folder / "test"), transform)
    for _ in range(n_models):
        model = timm.create_model(_MODEL, num_classes=_CLASSES).eval()
        right = 0
        with torch.inference_mode():
            for images, labels in DataLoader(pictures, batch_size=64, num_workers=n_loaders):
                right += int((model(images).argmax(1) == labels).sum())
        print(right / len(pictures))


if __name__ == "__main__":
    main()
