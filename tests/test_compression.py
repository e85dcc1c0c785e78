"""Properties over the registry of methods, and the schedule."""

import json
import math
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_pruning.utils import count_ops_and_params

from analysis.compression.registry import method, methods, register
from analysis.compression.schedule import CubicSchedule
from analysis.compression.trained import Trained
from analysis.config import Training
from analysis.graph import export_graph, fill_graph, onnx_model
from analysis.models.channels import Channels
from analysis.models.factory import create, resolve
from analysis.models.packed import pack_pairs, pack_weights, unpack_pairs
from analysis.models.spec import ModelSpec
from analysis.models.weights import (
    measured_sparsity,
    prunable,
    prunable_weights,
    stored_bytes,
)
from analysis.pruning import MaskPruning
from analysis.schedules import prune_run
from analysis.training import (
    GradualPruning,
    Lessons,
    Normalizer,
    mean_gradients,
    predict,
    stream,
    train,
)

ROOT = Path(__file__).parent.parent
PRUNING = {name: found for name, found in methods().items() if found.stage == "training"}
MASKING = [name for name, m in PRUNING.items() if m.removes == "weights" and m.takes_level]
AFTER = [name for name, found in methods().items() if found.stage == "after-training"]
GREY = Normalizer((0.5,), (0.5,), "cpu")


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return resolve("tiny_cnn", 4, 1, image_size=None, native_size=(8, 8))


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = np.arange(128) % 4
    pixels = generator.integers(0, 60, (128, 1, 8, 8)).astype(np.uint8)
    for i, label in enumerate(labels):
        pixels[i, 0, 2 * label : 2 * label + 2] += 150
    return pixels, labels.astype(np.int64)


def _trained(
    spec: ModelSpec,
    data: tuple[np.ndarray, np.ndarray],
    name: str | None = None,
    sparsity: float = 0.0,
    seed: int = 0,
) -> torch.nn.Module:
    torch.manual_seed(stream("test", seed))
    model = create(spec)
    options = Training(epochs=4, batch_size=32, prune_every=2)
    lessons = Lessons(*data, GREY)
    if name is None:
        train(model, lessons, options)
    else:
        prune_run(model, spec, method(name), sparsity, lessons, options, stream=seed)
    return model


def _images(data: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return GREY(data[0]).contiguous().numpy()


@cache
def _graph(spec: ModelSpec) -> bytes:
    return export_graph(create(spec), spec)


def _trained_run(model: torch.nn.Module, spec: ModelSpec) -> Trained:
    return Trained(model, lambda: onnx_model(model, spec, _graph(spec)))


def test_a_method_cannot_be_registered_twice() -> None:
    with pytest.raises(ValueError, match="registered already"):
        register("magnitude", stage="training", takes_level=True, summary="")(print)


def test_a_method_of_training_without_a_level_says_its_sparsity() -> None:
    with pytest.raises(ValueError, match="need it"):
        register("levelless", stage="training", takes_level=False, summary="")(print)


def test_every_method_says_what_it_does_and_stands_in_the_table() -> None:
    table = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    for name, found in methods().items():
        assert found.summary
        assert f"| `{name}" in table, name


@pytest.mark.parametrize("name", MASKING)
@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 0.9, 0.95, 1.0])
def test_measured_sparsity_is_what_was_asked(
    spec: ModelSpec, data: tuple[np.ndarray, np.ndarray], name: str, sparsity: float
) -> None:
    assert measured_sparsity(_trained(spec, data, name, sparsity)) == pytest.approx(
        sparsity, abs=0.001
    )


@pytest.mark.parametrize("name", [*MASKING, "semi-structured"])
def test_head_biases_and_norms_are_not_pruned(
    spec: ModelSpec, data: tuple[np.ndarray, np.ndarray], name: str
) -> None:
    model = _trained(spec, data, name, 0.5)
    pruned = {f"{layer}.weight" for layer in prunable(model)}
    assert pruned == {"features.0.weight", "features.3.weight", "features.6.weight"}
    for key, parameter in model.named_parameters():
        if key not in pruned:
            assert (parameter != 0).all(), key


@given(
    values=st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=60),
    sparsity=st.floats(0, 1),
)
def test_magnitude_keeps_larger_weights_than_it_removes(
    values: list[float], sparsity: float
) -> None:
    weight = torch.tensor(values)
    mask = method("magnitude").work({"layer": weight}, sparsity)["layer"]
    assert int((mask == 0).sum()) == round(sparsity * len(values))
    kept, removed = weight[mask == 1].abs(), weight[mask == 0].abs()
    assert not len(kept) or not len(removed) or kept.min() >= removed.max()


@given(
    layers=st.lists(
        st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=30), min_size=1, max_size=4
    ),
    sparsity=st.floats(0, 1),
)
def test_global_magnitude_has_one_threshold_over_all_layers(
    layers: list[list[float]], sparsity: float
) -> None:
    weights = {str(i): torch.tensor(values) for i, values in enumerate(layers)}
    masks = method("magnitude-global").work(weights, sparsity)
    weight, mask = (torch.cat([part[name] for name in weights]) for part in (weights, masks))
    assert int((mask == 0).sum()) == round(sparsity * len(weight))
    kept, removed = weight[mask == 1].abs(), weight[mask == 0].abs()
    assert not len(kept) or not len(removed) or kept.min() >= removed.max()


def test_random_masks_depend_on_the_seed_alone_and_are_nested() -> None:
    weights = {"a": torch.randn(20, 10), "b": torch.randn(30)}

    def drawn(seed: int, sparsity: float) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(seed)
        found: dict[str, torch.Tensor] = method("random").work(
            weights, sparsity, generator=generator
        )
        return found

    assert torch.equal(drawn(1, 0.5)["a"], drawn(1, 0.5)["a"])
    assert not torch.equal(drawn(1, 0.5)["a"], drawn(2, 0.5)["a"])
    assert (drawn(1, 0.9)["a"] <= drawn(1, 0.5)["a"]).all()
    assert int(drawn(1, 0.9)["b"].sum()) == 3


def test_gradient_removes_what_the_loss_does_not_depend_on() -> None:
    """One input is always 0: the largest weights, of no use, go first."""
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2, 2, bias=False))
    model[1].weight.data = torch.tensor([[0.1, 9.0], [-0.1, -9.0]])
    pixels = np.full((8, 1, 1, 2), 128, np.uint8)
    pixels[:4, ..., 0], pixels[4:, ..., 0], pixels[..., 1] = 255, 0, 0
    lessons = Lessons(pixels, np.repeat([0, 1], 4), Normalizer((0.0,), (1.0,), "cpu"))
    generator = torch.Generator().manual_seed(0)
    gradients = mean_gradients(model, lessons, Training(batch_size=8), generator)
    mask = method("gradient").work({"1": model[1].weight}, 0.5, gradients=gradients)["1"]
    assert mask.tolist() == [[1, 0], [1, 0]]
    assert method("magnitude").work({"1": model[1].weight}, 0.5)["1"].tolist() == [[0, 1], [0, 1]]


def test_looking_at_gradients_changes_neither_the_model_nor_the_random_numbers(
    spec: ModelSpec, data: tuple[np.ndarray, np.ndarray]
) -> None:
    model = create(spec).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    mean_gradients(model, Lessons(*data, GREY), Training(), torch.Generator())
    assert torch.equal(torch.rand(1), expected)
    assert model.training
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


def test_two_of_four_inputs_are_removed_and_they_are_the_smaller_ones(
    spec: ModelSpec, data: tuple[np.ndarray, np.ndarray]
) -> None:
    weights = prunable_weights(_trained(spec, data, "semi-structured", 0.5))
    assert (weights["features.0"] != 0).all()  # one input channel: no group of four
    for name in ("features.3", "features.6"):
        groups = weights[name].movedim(1, -1).reshape(-1, 4)
        assert ((groups == 0).sum(1) == 2).all()


@given(values=st.lists(st.floats(-5, 5, width=32), min_size=8, max_size=8), done=st.integers(0, 2))
def test_the_pattern_spreads_group_by_group(values: list[float], done: int) -> None:
    weight = torch.tensor(values).view(1, 8, 1, 1)
    mask = method("semi-structured").work({"a": weight}, done / 4)["a"].view(2, 4)
    assert sorted((mask == 0).sum(1).tolist()) == [0] * (2 - done) + [2] * done
    for group, kept in zip(weight.view(2, 4).abs(), mask == 1, strict=True):
        assert kept.all() or group[kept].min() >= group[~kept].max()


@pytest.mark.parametrize(
    ("share", "widths"), [(0.5, (8, 16, 32)), (0.95, (1, 2, 3)), (1, (1, 1, 1))]
)
def test_removed_channels_are_gone_from_every_tensor_that_had_them(
    spec: ModelSpec,
    data: tuple[np.ndarray, np.ndarray],
    share: float,
    widths: tuple[int, ...],
) -> None:
    model = _trained(spec, data, "structured", share)
    shapes = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    first, second, third = widths
    assert shapes["features.0.weight"] == (first, 1, 3, 3)
    assert shapes["features.3.weight"] == (second, first, 3, 3)
    assert shapes["features.7.running_var"] == (third,)
    assert shapes["fc.weight"] == (4, third)
    left = sum(weight.numel() for weight in prunable_weights(model).values())
    assert measured_sparsity(model, spec.prunable) == pytest.approx(1 - left / spec.prunable)
    assert stored_bytes(model) < stored_bytes(create(spec)) / 2


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224", "mobilenetv3_small_050"])
def test_channels_of_timm_models_are_removed_and_removed_again_from_a_copy(name: str) -> None:
    found = resolve(name, 4, 3, image_size=32, native_size=None)
    model, copy = create(found), create(found)
    channels = Channels(model, found)
    before, _ = count_ops_and_params(model, channels.example)
    channels.remove(0.25, method("structured").work)
    assert channels.remove(0.5, method("structured").work)
    assert count_ops_and_params(model, channels.example)[0] < before / 2
    Channels(copy, found).replay(json.loads(json.dumps(channels.history())))
    copy.load_state_dict(model.state_dict())
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(model.eval()(images), copy.eval()(images))


def test_the_channels_that_go_are_the_smallest(spec: ModelSpec) -> None:
    model = create(spec)
    with torch.no_grad():
        for tensor in (model.get_parameter("features.0.weight"),):
            tensor[::2] *= 100
    expected = model.get_parameter("features.0.weight")[::2].clone()
    Channels(model, spec).remove(0.5, method("structured").work)
    assert torch.equal(model.get_parameter("features.0.weight"), expected)


@given(
    final=st.floats(0, 1),
    begin=st.integers(0, 50),
    length=st.integers(0, 50),
    every=st.integers(1, 60),
)
def test_sparsity_never_falls_and_ends_as_asked(
    final: float, begin: int, length: int, every: int
) -> None:
    schedule = CubicSchedule(final, begin, begin + length, every)
    asked = [schedule.sparsity(step) for step in range(begin + length + 5)]
    assert all(later >= earlier for earlier, later in pairwise(asked))
    assert asked[-1] == final
    updates = [step for step in range(begin + length + 5) if schedule.is_update(step)]
    assert updates[0] == begin
    assert updates[-1] == begin + length


def test_the_schedule_is_the_cubic_one() -> None:
    schedule = CubicSchedule(0.8, 10, 30, 1)
    assert schedule.sparsity(9) == 0
    assert schedule.sparsity(20) == pytest.approx(0.8 * (1 - 0.5**3))


def test_a_masked_weight_keeps_its_value_and_can_come_back() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 1, bias=False))
    model[0].weight.data = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    masks = MaskPruning(model, method("magnitude"), {})
    pruning = GradualPruning(masks, CubicSchedule(0.5, 0, 4, 1))
    pruning.step(4)
    assert model(torch.ones(1, 4)).item() == 7
    model[0].weight_orig.data[0, 3] = 0.5  # type: ignore[index]
    pruning.step(4)
    assert model(torch.ones(1, 4)).item() == 5
    masks.finish()
    assert model[0].weight.tolist() == [[0, 2, 3, 0]]


def test_the_same_stream_gives_the_same_bytes_and_another_seed_does_not(
    spec: ModelSpec, data: tuple[np.ndarray, np.ndarray]
) -> None:
    torch.set_num_threads(1)
    first, again, other = (
        predict(_trained(spec, data, "magnitude", 0.5, seed), data[0], GREY) for seed in (0, 0, 1)
    )
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_streams_of_variants_and_seeds_are_all_different() -> None:
    streams = {stream(scope, seed) for scope in ("dense", "magnitude-0.90") for seed in range(50)}
    assert len(streams) == 100


# Bytes of a stored weight and of what stands beside an output channel, and how far logits move.
STORED = {
    "int8-static": (1.0, None, 0.1),
    "int8-dynamic": (1.0, None, 0.1),
    "int8-weight": (1.0, 4, 0.02),
    "int4-weight": (0.5, 4, 0.4),
    "float16": (2.0, 0, 0.005),
    "bfloat16": (2.0, 0, 0.02),
}


@pytest.mark.parametrize("name", AFTER)
def test_a_quantized_model_is_smaller_and_nearly_agrees(
    spec: ModelSpec, data: tuple[np.ndarray, np.ndarray], name: str
) -> None:
    model = _trained(spec, data)
    compressed = method(name).work(_trained_run(model, spec), _images(data))
    dense, quantized = predict(model, data[0], GREY), compressed.predict(_images(data))
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
    compressed = method(name).work(_trained_run(model, spec), np.zeros((1, 1, 8, 8), np.float32))
    assert compressed.size_bytes == packed + norms + 4 * 4
    assert compressed.compute_dtype == "float32"


@pytest.mark.parametrize(
    ("name", "dtype"), [("float16", torch.float16), ("bfloat16", torch.bfloat16)]
)
def test_half_weights_are_rounded_and_computed_with_in_float32_on_the_cpu(
    spec: ModelSpec, data: tuple[np.ndarray, np.ndarray], name: str, dtype: torch.dtype
) -> None:
    model = _trained(spec, data)
    compressed = method(name).work(_trained_run(model, spec), _images(data))
    floats = sum(t.numel() for t in model.state_dict().values() if t.is_floating_point())
    assert compressed.size_bytes == 2 * floats + 3 * 8  # three counters of batches
    assert compressed.compute_dtype == "float32"
    rounded = model.to(dtype).to(torch.float32)
    assert np.array_equal(compressed.predict(_images(data)), predict(rounded, data[0], GREY))


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
    spec: ModelSpec, data: tuple[np.ndarray, np.ndarray], pruning: str, name: str
) -> None:
    torch.manual_seed(0)
    model = create(spec)
    options = Training(schedule="oneshot")
    train(model, Lessons(*data, GREY), replace(options, epochs=2))
    prune_run(model, spec, method(pruning), 0.5, Lessons(*data, GREY), options, stream=0)
    compressed = method(name).work(_trained_run(model, spec), _images(data))
    pruned = predict(model, data[0], GREY)
    assert np.abs(pruned - compressed.predict(_images(data))).max() < 0.5 * np.abs(pruned).max()
    assert compressed.size_bytes < stored_bytes(model) * (STORED[name][0] / 4 + 0.12)


def test_a_graph_that_does_not_fit_the_weights_is_exported_anew(
    spec: ModelSpec, data: tuple[np.ndarray, np.ndarray]
) -> None:
    import onnxruntime

    model = _trained(spec, data)
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


def test_prunable_weights_are_those_of_convolutions_and_inner_linear_layers() -> None:
    spec = resolve("resnet10t", 5, 3, image_size=32, native_size=None)
    model = create(spec)
    names = set(prunable_weights(model))
    assert "fc" not in names
    assert "conv1.0" in names
    assert all("bn" not in name for name in names)
    assert spec.prunable == sum(w.numel() for w in prunable_weights(model).values())
