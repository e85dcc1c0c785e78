"""Methods after training: bytes as counted by hand, outputs near those of the dense model."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.compression.onnx_export import export_graph, fill_graph, onnx_model
from analysis.compression.registry import method, methods
from analysis.config import Training
from analysis.models.factory import create, resolve
from analysis.models.packed import pack_pairs, pack_weights, unpack_pairs
from analysis.models.spec import ModelSpec
from analysis.models.weights import stored_bytes
from analysis.training.loop import TrainingData, predict, train
from analysis.training.run import prune_run
from tests.compressing import GREY, Data, images, striped_images, tiny_spec, trained, trained_run

AFTER = [name for name, found in methods().items() if found.stage == "after-training"]


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return tiny_spec()


@pytest.fixture(scope="module")
def data() -> Data:
    return striped_images()


# Bytes of a stored weight and of what stands beside an output channel, and how far logits move.
STORED = {
    # Without VNNI, sums of two products saturate at 16 bits: 0.15 there, below 0.1 with it.
    "int8-static": (1.0, None, 0.2),
    "int8-dynamic": (1.0, None, 0.1),
    "int8-weight": (1.0, 4, 0.02),
    "int4-weight": (0.5, 4, 0.4),
    "float16": (2.0, 0, 0.005),
    "bfloat16": (2.0, 0, 0.02),
}


@pytest.mark.parametrize("name", AFTER)
def test_a_quantized_model_is_smaller_and_nearly_agrees(
    spec: ModelSpec, data: Data, name: str
) -> None:
    model = trained(spec, data)
    compressed = method(name).work(trained_run(model, spec), images(data))
    dense, quantized = predict(model, data[0], GREY), compressed.predict(images(data))
    width, _, distance = STORED[name]
    assert compressed.weight_bits == 8 * width
    assert compressed.size_bytes < stored_bytes(model) * (width / 4 + 0.04)
    assert not np.array_equal(dense, quantized)
    assert np.abs(dense - quantized).max() < distance * np.abs(dense).max()
    assert (dense.argmax(1) == quantized.argmax(1)).mean() > 0.97


@pytest.mark.parametrize("name", ["int8-weight", "int4-weight"])
def test_packed_bytes_are_those_counted_by_hand(spec: ModelSpec, name: str) -> None:
    model = create(spec)
    width, scale, _ = STORED[name]
    # Rows of 9, 144, 288 and 64 weights in 16, 32, 64 and 4 outputs; the odd row is padded.
    rows = {9: 16, 144: 32, 288: 64, 64: 4}
    packed = sum(n * (math.ceil(length * width) + (scale or 0)) for length, n in rows.items())
    norms = (16 + 32 + 64) * 4 * 4 + 3 * 8
    compressed = method(name).work(trained_run(model, spec), np.zeros((1, 1, 8, 8), np.float32))
    assert compressed.size_bytes == packed + norms + 4 * 4
    assert compressed.compute_dtype == "float32"


@pytest.mark.parametrize(
    ("name", "dtype"), [("float16", torch.float16), ("bfloat16", torch.bfloat16)]
)
def test_half_weights_are_rounded_and_computed_with_in_float32_on_the_cpu(
    spec: ModelSpec, data: Data, name: str, dtype: torch.dtype
) -> None:
    model = trained(spec, data)
    compressed = method(name).work(trained_run(model, spec), images(data))
    floats = sum(t.numel() for t in model.state_dict().values() if t.is_floating_point())
    assert compressed.size_bytes == 2 * floats + 3 * 8  # three counters of batches
    assert compressed.compute_dtype == "float32"
    rounded = model.to(dtype).to(torch.float32)
    assert np.array_equal(compressed.predict(images(data)), predict(rounded, data[0], GREY))


@given(
    rows=st.integers(1, 4),
    values=st.lists(st.integers(-8, 7), min_size=1, max_size=9),
)
def test_two_int4_values_share_a_byte_and_come_back(rows: int, values: list[int]) -> None:
    given_values = torch.tensor([values] * rows, dtype=torch.int8)
    packed = pack_pairs(given_values)
    assert packed.shape == (rows, math.ceil(len(values) / 2))
    assert torch.equal(unpack_pairs(packed, len(values)), given_values)


@pytest.mark.parametrize("bits", [8, 4])
def test_packing_keeps_zeros_and_is_off_by_half_a_step_at_most(bits: int) -> None:
    layer = torch.nn.Conv2d(3, 5, 3)
    layer.weight.data[:, 0] = 0
    layer.weight.data[4] = 0  # an output without any weight has no scale
    before = layer.weight.detach().clone()
    pack_weights(layer, bits)
    step = before.flatten(1).abs().amax(1) / (2 ** (bits - 1) - 1)
    after = layer.weight.detach()
    assert (after[:, 0] == 0).all()
    assert (after[4] == 0).all()
    assert ((after - before).flatten(1).abs() <= step[:, None] / 2 + 1e-6).all()


@pytest.mark.parametrize("name", AFTER)
@pytest.mark.parametrize("pruning", ["magnitude", "structured"])
def test_a_pruned_model_can_be_quantized(
    spec: ModelSpec, data: Data, pruning: str, name: str
) -> None:
    torch.manual_seed(0)
    model = create(spec)
    options = Training(schedule="oneshot")
    train(model, TrainingData(*data, GREY), replace(options, epochs=2))
    prune_run(model, spec, method(pruning), 0.5, TrainingData(*data, GREY), options, stream=0)
    compressed = method(name).work(trained_run(model, spec), images(data))
    pruned = predict(model, data[0], GREY)
    assert np.abs(pruned - compressed.predict(images(data))).max() < 0.5 * np.abs(pruned).max()
    assert compressed.size_bytes < stored_bytes(model) * (STORED[name][0] / 4 + 0.12)


def test_a_graph_that_does_not_fit_the_weights_is_exported_anew(
    spec: ModelSpec, data: Data
) -> None:
    import onnxruntime

    model = trained(spec, data)
    other = resolve("tiny_cnn", 4, 3, image_size=None, native_size=(8, 8))
    foreign = export_graph(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)), other)
    assert fill_graph(foreign, model.state_dict()) is None
    exported = onnx_model(model, spec, foreign)
    session = onnxruntime.InferenceSession(
        exported.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    images = GREY(data[0]).contiguous().numpy()
    got = session.run(None, {"images": images})[0]
    assert np.allclose(got, predict(model, data[0], GREY), atol=1e-3)
