"""Scores, models and datasets that the tests of ``audit`` share."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from analysis.notebook.result import Audit


def scores(seed: int = 0, n: int = 60, n_classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    logits = generator.normal(size=(n, n_classes)).astype(np.float32)
    logits[np.arange(n), labels] += 2
    return logits, labels


def pair(noise: float = 0.8) -> tuple[dict[str, np.ndarray], np.ndarray]:
    dense, labels = scores()
    noisy = dense + noise * np.random.default_rng(1).normal(size=dense.shape).astype(np.float32)
    return {"dense": dense, "int8": noisy.astype(np.float32)}, labels


class Net(nn.Module):
    """A net with everything that training mode changes."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4 * 64, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.features(images)).flatten(1))


def tensors(n: int = 22) -> TensorDataset:
    generator = torch.Generator().manual_seed(0)
    return TensorDataset(torch.randn(n, 3, 8, 8, generator=generator), torch.arange(n) % 4)


def tiles(found: Audit) -> list[Image.Image]:
    rows = found.results.folder.read_images(["image"])["image"].to_pylist()
    return [Image.open(io.BytesIO(row["bytes"])) for row in rows]


class Folder(Dataset):  # type: ignore[type-arg]
    """Images in files, as torchvision's ImageFolder has them."""

    def __init__(self, root: Path, n: int = 12) -> None:
        self.classes = ["ant", "bee"]
        self.samples = []
        for i in range(n):
            path = root / self.classes[i % 2] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (20 * i, 0, 255)).save(path)
            self.samples.append((str(path), i % 2))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, label = self.samples[index]
        pixels = torch.from_numpy(np.array(Image.open(path), np.float32)).permute(2, 0, 1)
        return (pixels - 120) / 60, label


def first_class(images: torch.Tensor) -> torch.Tensor:
    return torch.stack([-images[:, 0].mean((1, 2)), images[:, 0].mean((1, 2))], 1)
