"""Tiny models of the digits (8 x 8, grey) in every format, made inside the tests."""

import io
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from analysis.cli.external_models import config_from
from analysis.cli.main import main
from analysis.datasets import open_dataset
from analysis.external.fit import Fit
from analysis.external.model import Needed
from analysis.external.spec import parse_models
from analysis.sweep.fitting import Fitting
from benchmarks._inline import InlinePool

NEEDED = Needed(10, 1, (8, 8), None)


class Small(nn.Module):
    """A convolution and a linear layer, with weights of a seed."""

    def __init__(self, seed: int = 0, n_classes: int = 10) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.features = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Linear(4 * 64, n_classes)
        self.eval()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.features(images)).flatten(1))


def prototypes() -> tuple[np.ndarray, np.ndarray]:
    """Weights [64, 10] and bias [10] of a linear classifier by class means: right on most digits.

    It takes pixels from 0 to 1.
    """
    train = open_dataset("digits").train
    pixels = np.stack([np.asarray(train.images[i]) for i in range(len(train))]) / 255
    means = np.stack([pixels[train.labels == c].mean(0).ravel() for c in range(10)])
    return means.T.astype(np.float32), (-(means**2).sum(1) / 2).astype(np.float32)


def write_linear(
    path: Path,
    *,
    layout: str = "NCHW",
    batch: int | str = "n",
    kind: int = TensorProto.FLOAT,
    softmax: bool = False,
    scale: float = 1.0,
    noise: float = 0.0,
    size: int | str = 8,
    channels: int | str = 1,
    n_classes: int = 10,
) -> Path:
    """Write the linear classifier as ONNX; ``noise`` is drawn and added to its weights."""
    weight, bias = prototypes()
    drawn = np.random.default_rng(0).normal(size=weight.shape).astype(np.float32)
    weight, bias = scale * (weight + noise * drawn)[:, :n_classes], scale * bias[:n_classes]
    sides = [channels, size, size] if layout == "NCHW" else [size, size, channels]
    nodes = [
        helper.make_node("Cast", ["images"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["cast", "shape"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["scores"]),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["scores"], ["out"], axis=1))
    given = helper.make_tensor_value_info("images", kind, [batch, *sides])
    out = helper.make_tensor_value_info(
        "out" if softmax else "scores", TensorProto.FLOAT, [batch, n_classes]
    )
    arrays = {"weight": weight, "bias": bias, "shape": np.array([-1, 64])}
    stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "linear", [given], [out], stored)
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def write_onnx(module: nn.Module, path: Path) -> Path:
    """Export a module with any number of images."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module, (torch.zeros(2, 1, 8, 8),), dynamo=True, verbose=False,
            dynamic_shapes=({0: torch.export.Dim("n", min=1, max=4096)},),
        )  # fmt: skip
        assert program is not None
        program.save(str(path), external_data=False)
    return path


def write_pt2(module: nn.Module, path: Path, *, batch: int | None = None, size: int = 8) -> Path:
    """Export a module with any number of images, or with ``batch`` of them."""
    free = ({0: torch.export.Dim("n", min=1, max=4096)},) if batch is None else None
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = torch.zeros(batch or 2, 1, size, size)
        torch.export.save(torch.export.export(module, (example,), dynamic_shapes=free), content)
    path.write_bytes(content.getvalue())
    return path


def tried(item: str, *, dataset: str = "digits", **options: Any) -> Fit:
    """Try one model, of whatever variant, on some digits, fed with pixels from 0 to 1."""
    given = {"dataset": dataset, "models": ["dense=net.onnx"], "normalize": "none"} | options
    config = SimpleNamespace(**vars(config_from(given)))
    config.models, config.options_of_session = parse_models([item]), lambda _: ()
    with tempfile.TemporaryDirectory() as folder:
        fitting = Fitting(
            config, open_dataset(dataset), Path(folder), 40, say=print, warn=print,
            progress=lambda *_: None,
        )  # fmt: skip
        pool: Any = InlinePool()
        fitting.start(pool)
        return fitting.fits(pool)[0]


# What a sweep of them is asked with.
PLAIN = ("--dataset", "digits", "--normalize", "none", "--name", "mine")
BOTH = ("--models", "dense=net.onnx", "slim=slim.onnx")


def sweep(*words: str, cache: str = "cache") -> int:
    return main(["sweep", *PLAIN, "--cache", cache, *words])
