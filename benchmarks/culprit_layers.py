"""Rank of a spoilt layer by ``remedy SWEEP layers``, and the number of evaluations it takes.

One layer of a QDQ file is quantized badly: alternately its activations with a scale 100 times too
wide, or its weights at 2 bits. Every trial trains a model with another seed, spoils another layer,
and ranks all layers.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analysis.cli.main import main as lethe
from analysis.cli.remedy import source_of
from analysis.results import load_sweep
from analysis.store import Cache
from analysis.sweep import layers as layers_of_sweep

TRIALS = 20
_WIDER = 100.0
_LEVELS = 1  # -1, 0 and 1: two bits
WAYS = ("activations 100 times too wide", "weights at 2 bits")


def plant(quantized: Path, target: Path, place: int, how: str) -> str:
    """Spoil one layer of a QDQ file; return the name of its node.

    Parameters
    ----------
    quantized, target : Path
    place : int
        Index among the layers whose input has its own pair of quantizers.
    how : str
        One of WAYS.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(quantized)
    makers = {name: node for node in model.graph.node for name in node.output}
    stored = {one.name: one for one in model.graph.initializer}
    candidates = [
        node for node in model.graph.node
        if node.op_type in ("Conv", "Gemm", "MatMul")
        and node.input[1] in makers and makers[node.input[1]].input[0] in stored
        and node.input[0] in makers
    ]  # fmt: skip
    node = candidates[place % len(candidates)]

    def put(name: str, values: Any) -> None:
        array = np.ascontiguousarray(values).reshape(np.shape(values))
        stored[name].CopyFrom(numpy_helper.from_array(array, name))

    if how == WAYS[0]:
        outer = makers[node.input[0]]
        inner = makers[outer.input[0]]
        # The layer gets its own pair, so that no other layer is spoilt with it.
        scale = numpy_helper.to_array(stored[outer.input[1]])
        model.graph.initializer.append(
            numpy_helper.from_array(np.asarray(scale * _WIDER, scale.dtype), "planted_scale")
        )
        pair = [type(inner)(), type(outer)()]
        for copy, one, names in zip(
            pair, (inner, outer), (("", "planted_q"), ("planted_q", "planted_dq")), strict=True
        ):
            copy.CopyFrom(one)
            copy.name = names[1]
            copy.input[0] = names[0] or inner.input[0]
            copy.input[1] = "planted_scale"
            copy.output[0] = names[1]
        at = next(i for i, one in enumerate(model.graph.node) if one.output[0] == node.output[0])
        name = node.name
        node.input[0] = "planted_dq"
        for copy in reversed(pair):
            model.graph.node.insert(at, copy)
    else:
        name = node.name
        weight = makers[node.input[1]]
        values = numpy_helper.to_array(stored[weight.input[0]]).astype(np.float32)
        steps = 127 / _LEVELS
        coarse = np.rint(values / steps).clip(-_LEVELS, _LEVELS) * steps
        put(weight.input[0], np.rint(coarse).clip(-127, 127).astype(np.int8))
    onnx.save(model, target)
    return str(name)


def make_pair(folder: Path, seed: int) -> tuple[Path, Path]:
    """Train a model; write its float graph and its QDQ file, with no layer spoilt."""
    import torch
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    from analysis.compression.onnx_export import export_graph, onnx_model
    from analysis.config import Training
    from analysis.datasets import open_dataset
    from analysis.datasets.preprocess import prepare
    from analysis.models.factory import create, resolve
    from analysis.training.loop import Normalizer, TrainingData, train

    torch.set_num_threads(1)
    dataset = open_dataset("digits")
    spec = resolve("tiny_cnn", 10, 1, image_size=None, native_size=dataset.native_size)
    inputs = prepare(dataset, spec.geometry, folder / "inputs", progress=lambda *_: None).inputs
    normalize = Normalizer((0.5,), (0.5,), "cpu")
    torch.manual_seed(seed)
    model = create(spec)
    pixels, labels = inputs.pixels("train"), inputs.labels("train")
    train(model, TrainingData(pixels, labels, normalize), Training(epochs=6))
    graph = onnx_model(model, spec, export_graph(model, spec))
    source, target = folder / "float.onnx", folder / "int8.onnx"
    source.write_bytes(graph.SerializeToString())
    images = normalize(pixels[:128]).contiguous().numpy()

    class Images:
        def __init__(self) -> None:
            self.left = iter([images])

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self.left, None)
            return None if batch is None else {"images": batch}

    quantize_static(
        source, target, Images(), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip
    return source, target


def trial(seed: int, folder: Path, n_workers: int) -> dict[str, Any]:
    """Spoil one layer, rank the layers, and count the evaluations."""
    how = WAYS[seed % 2]
    source, quantized = make_pair(folder, seed)
    planted = plant(quantized, folder / "planted.onnx", seed // 2, how)
    cache = folder / "cache"
    lethe([
        "sweep", "--cache", str(cache), "--name", "pair", "--dataset", "digits", "--mean", "0.5",
        "--std", "0.5", "--models", f"dense={source}", f"int8={folder / 'planted.onnx'}",
        "--workers", str(n_workers),
    ])  # fmt: skip
    counted = 0
    real = layers_of_sweep.judge

    def counting(run: Any, layers: Any, evaluate: Any, *rest: Any, **named: Any) -> Any:
        def count(names: tuple[str, ...]) -> Any:
            nonlocal counted
            counted += 1
            return evaluate(names)

        return real(run, layers, count, *rest, **named)

    layers_of_sweep.judge = counting
    try:
        manifest = Cache(cache).existing("pair").manifest()
        source_models = source_of(manifest, n_workers, lambda *_: None)
        started = time.perf_counter()
        layers_of_sweep.culprit_layers(
            source_models, Cache(cache), "int8", progress=lambda *_: None
        )
        seconds = time.perf_counter() - started
    finally:
        layers_of_sweep.judge = real
    table = load_sweep("pair", cache=cache).layers("int8")
    first = table.iloc[0]
    return {
        "seed": seed, "how": how, "planted": planted, "first": json.loads(first["nodes"])[0],
        "restored": int(first["n_restored"]), "forgotten": int(first["n_forgotten"]),
        "layers": int((table["k"] == 1).sum()), "evaluations": counted, "seconds": seconds,
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials; return 1 if a spoilt layer was not first or too many were evaluated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    trials = []
    for seed in range(options.trials):
        with tempfile.TemporaryDirectory(prefix="lethe-bench-") as folder:
            one = trial(seed, Path(folder), options.workers)
        trials.append(one)
        print(
            f"trial {seed}, {one['how']}: planted {one['planted']}, first {one['first']} (gives "
            f"back {one['restored']} of {one['forgotten']} forgotten on the other half), "
            f"{one['evaluations']} evaluations of {one['layers']} layers, {one['seconds']:.1f} s",
            flush=True,
        )
    first = sum(one["first"] == one["planted"] for one in trials)
    more = max(one["evaluations"] - one["layers"] for one in trials)
    print(
        f"planted layer first in {first} of {len(trials)} trials; at most layers + {more} "
        "evaluations"
    )
    return int(first < len(trials) or more > 5)


if __name__ == "__main__":
    sys.exit(main())
