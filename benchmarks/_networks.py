"""Small networks trained for the benchmark, each with its own preprocessing, as ONNX."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

from analysis.compression.onnx_session import session_options
from analysis.datasets import open_dataset
from analysis.datasets.base import Dataset
from analysis.external.feeding import Decided, decide, fed
from analysis.external.model import Feeding, Figures
from analysis.external.options import FeedingOptions
from analysis.external.signature import Input, Signature
from analysis.external.spec import ModelFile
from analysis.models.library import import_timm

_BATCH = 32


@dataclass(frozen=True)
class Network:
    """A network and its correct preprocessing options."""

    name: str
    architecture: str
    size: int
    right: FeedingOptions
    epochs: int = 6


@dataclass(frozen=True)
class Data:
    """Pictures and labels of the training and the test split."""

    train: list[Image.Image]
    train_label: np.ndarray
    test: list[Image.Image]
    label: np.ndarray


def write_pictures(folder: Path, n: int = 5_000) -> None:
    """Write handwritten digits 0 to 4 in red and in blue on coloured grounds: ten classes.

    Colour, proportions and scale all tell classes apart, as they do in photographs.
    """
    digits = load_digits()
    generator = np.random.default_rng(0)
    chosen = np.flatnonzero(digits.target < 5)
    for k in range(n):
        place = int(chosen[k % len(chosen)])
        is_red = bool(generator.integers(2))
        height, width = int(generator.integers(56, 72)), int(generator.integers(72, 104))
        ground = generator.integers(40, 130, 3)
        picture = np.ones((height, width, 3)) * ground
        picture += np.linspace(-25, 25, width)[None, :, None] * generator.normal(size=3)
        side = int(height * generator.uniform(0.75, 0.9))
        ink = Image.fromarray((digits.images[place] * 15).astype(np.uint8))
        mask = np.asarray(ink.resize((side, side), Image.Resampling.BICUBIC)) / 255.0
        top = int(generator.integers(0, height - side + 1))
        left = int((width - side) / 2 + generator.integers(-4, 5))
        strong, weak = generator.integers(190, 250), generator.integers(20, 90)
        colour = np.array([strong, 60, weak] if is_red else [weak, 60, strong])
        area = picture[top : top + side, left : left + side]
        area += mask[:, :, None] * (colour - area)
        picture += generator.normal(0, 12, picture.shape)
        target = folder / f"{digits.target[place]}-{'red' if is_red else 'blue'}"
        target.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(target / f"{k:05d}.png")


def read(spec: str, n_train: int, n_test: int) -> tuple[Dataset, Data]:
    """Open a dataset and decode up to so many images of each split."""
    dataset = open_dataset(spec).limited(n_train, n_test)
    train, test = dataset.train, dataset.test
    return dataset, Data(
        [train.images[i] for i in range(len(train))], train.labels,
        [test.images[i] for i in range(len(test))], test.labels,
    )  # fmt: skip


def signature(size: int) -> Signature:
    """Return what a network's file declares."""
    model = ModelFile("dense", 0, "onnx", "net.onnx")
    return Signature(model, "", Figures(), (None, 3, size, size), "float32", None, Feeding(), "",
                     (), False, ())  # fmt: skip


def decided(network: Network, options: FeedingOptions, statistics: object) -> Decided:
    """Return a network's preprocessing under some options."""
    form = Input("NCHW", None, 3, (network.size, network.size))
    return decide(signature(network.size), form, options, lambda _: statistics)  # type: ignore[arg-type,return-value]


def inputs(network: Network, decision: Decided, pictures: Sequence[Image.Image]) -> np.ndarray:
    """Return pictures as a network's input, [n, 3, side, side]."""
    form = Input("NCHW", None, 3, (network.size, network.size))
    geometry = decision.geometry(form)
    pixels = np.stack([geometry.pixels(picture) for picture in pictures])
    return fed(pixels, signature(network.size), decision.feeding, "NCHW")


def statistics_of(data: Data) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and standard deviation of the training pixels by channel."""
    small = np.stack([np.asarray(p.convert("RGB").resize((32, 32))) for p in data.train]) / 255.0
    return tuple(small.mean(axis=(0, 1, 2))), tuple(small.std(axis=(0, 1, 2)))


def trained(network: Network, data: Data, n_classes: int) -> nn.Module:
    """Train a network on correctly preprocessed pictures."""
    torch.manual_seed(0)
    decision = decided(network, network.right, statistics_of(data))
    images = torch.from_numpy(inputs(network, decision, data.train))
    label = torch.from_numpy(data.train_label)
    model = import_timm().create_model(network.architecture, num_classes=n_classes, in_chans=3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    n_steps = network.epochs * (len(images) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=n_steps + 1)
    model.train()
    for _ in range(network.epochs):
        order = torch.randperm(len(images))
        for start in range(0, len(order) - _BATCH + 1, _BATCH):
            chosen = order[start : start + _BATCH]
            loss = nn.functional.cross_entropy(model(images[chosen]), label[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def write(model: nn.Module, size: int, path: Path) -> Path:
    """Write a network as ONNX with a dynamic batch size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model, (torch.zeros(2, 3, size, size),), dynamo=True, verbose=False,
            dynamic_shapes=({0: torch.export.Dim("n", min=1, max=4096)},),
        )  # fmt: skip
        assert program is not None
        program.save(str(path), external_data=False)
    return path


def predictions(path: Path, images: np.ndarray) -> np.ndarray:
    """Return the classes that an ONNX file predicts, (n,)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(path), session_options(), providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    parts = [session.run(None, {name: images[i : i + 64]})[0] for i in range(0, len(images), 64)]
    return np.asarray(np.concatenate(parts).argmax(axis=1))
