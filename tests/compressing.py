"""A tiny model, images it learns in a second, and runs of them, for tests of compression."""

from functools import cache

import numpy as np
import torch

from analysis.compression.onnx_export import export_graph, onnx_model
from analysis.compression.registry import method
from analysis.compression.trained import Trained
from analysis.config import Training
from analysis.models.factory import create, resolve
from analysis.models.spec import ModelSpec
from analysis.training.loop import Normalizer, TrainingData, stream, train
from analysis.training.run import prune_run

Data = tuple[np.ndarray, np.ndarray]
GREY = Normalizer((0.5,), (0.5,), "cpu")


def tiny_spec() -> ModelSpec:
    """``tiny_cnn`` for four classes of 8 x 8 grey images."""
    return resolve("tiny_cnn", 4, 1, image_size=None, native_size=(8, 8))


def striped_images() -> Data:
    """128 images with a bright stripe whose place is the class."""
    generator = np.random.default_rng(0)
    labels = np.arange(128) % 4
    pixels = generator.integers(0, 60, (128, 1, 8, 8)).astype(np.uint8)
    for i, label in enumerate(labels):
        pixels[i, 0, 2 * label : 2 * label + 2] += 150
    return pixels, labels.astype(np.int64)


def trained(
    spec: ModelSpec,
    data: Data,
    name: str | None = None,
    sparsity: float = 0.0,
    seed: int = 0,
) -> torch.nn.Module:
    """Train a model for four epochs, pruned gradually by a method where one is named."""
    torch.manual_seed(stream("test", seed))
    model = create(spec)
    options = Training(epochs=4, batch_size=32, prune_every=2)
    lessons = TrainingData(*data, GREY)
    if name is None:
        train(model, lessons, options)
    else:
        prune_run(model, spec, method(name), sparsity, lessons, options, stream=seed)
    return model


def images(data: Data) -> np.ndarray:
    """Inputs as a method after training is given them."""
    return GREY(data[0]).contiguous().numpy()


@cache
def graph(spec: ModelSpec) -> bytes:
    """Exported once for all tests."""
    return export_graph(create(spec), spec)


def trained_run(model: torch.nn.Module, spec: ModelSpec) -> Trained:
    """A model as a method after training is given it."""
    return Trained(model, lambda: onnx_model(model, spec, graph(spec)))
