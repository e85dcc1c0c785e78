"""Evaluating a population on JPEG files: the sweep against validating each model by itself.

2,000 JPEGs of about 500 x 375, a mobile-size model at its own 224 pixels, 4 variants x 5 seeds.
Models are trained on a few images for one epoch, so that nearly all of the time is evaluation. The
plain way decodes, resizes and normalizes every image anew for every model, with torch's default
threads; it is timed on a few models and extrapolated.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

_MODEL = "mobilenetv3_small_050"
_IMAGES, _CLASSES = 2_000, 4
_SEEDS, _LEVELS = 5, "0.5,0.7,0.9"
_MODELS = _SEEDS * 4
_PLAIN_MODELS = 2
_TARGET = 2.5


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation")
    parser.add_argument("--plain", nargs=2, metavar="X", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        _validate(Path(options.plain[0]), int(options.plain[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        data, cache = Path(folder) / "data", Path(folder) / "cache"
        _write_images(data)
        sweep = _seconds(
            "analysis", "sweep", "--dataset", f"folder:{data}", "--model", _MODEL, "--epochs", "1",
            "--batch-size", "8", "--seeds", str(_SEEDS), "--variants", f"magnitude={_LEVELS}",
            "--cache", str(cache), "--device", "cpu",
        )  # fmt: skip
        one, few = (
            _seconds("benchmarks.evaluation", "--plain", str(data), str(n))
            for n in (1, _PLAIN_MODELS)
        )
    plain = one + (few - one) / (_PLAIN_MODELS - 1) * (_MODELS - 1)
    print(
        f"{_MODELS} models on {_IMAGES:,} JPEGs: {sweep:.1f} s, each by itself {plain:.1f} s, "
        f"{plain / sweep:.1f} times as fast (target {_TARGET:g})"
    )


def _seconds(module: str, *arguments: str) -> float:
    started = time.perf_counter()
    command = [sys.executable, "-m", module, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _write_images(root: Path) -> None:
    """Write smooth drawn pictures, so that files are about as large as photographs."""
    generator = np.random.default_rng(0)
    for split, per_class in (("train", 4), ("test", _IMAGES // _CLASSES)):
        for label in range(_CLASSES):
            place = root / split / f"class-{label}"
            place.mkdir(parents=True)
            for i in range(per_class):
                coarse = generator.integers(0, 256, (24, 32, 3)).astype(np.uint8)
                picture = Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC)
                picture.save(place / f"{i}.jpg", quality=90)


def _validate(data: Path, n_models: int) -> None:
    import torch
    from torch.utils.data import DataLoader, Dataset

    from analysis.models.factory import create, resolve
    from analysis.preparing import model_input

    class Files(Dataset[torch.Tensor]):
        def __init__(self) -> None:
            self.paths = sorted((data / "test").rglob("*.jpg"))

        def __len__(self) -> int:
            return len(self.paths)

        def __getitem__(self, index: int) -> torch.Tensor:
            with Image.open(self.paths[index]) as image:
                pixels = model_input(image, spec.image_size, 3)
            return torch.from_numpy(np.array(pixels)).float().div(255).sub(0.5).div(0.5)

    spec = resolve(_MODEL, _CLASSES, 3, image_size=None, native_size=None)
    for seed in range(n_models):
        torch.manual_seed(seed)
        model = create(spec).eval()
        with torch.inference_mode():
            for images in DataLoader(Files(), batch_size=64):
                model(images)


if __name__ == "__main__":
    main()
