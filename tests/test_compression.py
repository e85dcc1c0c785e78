"""Properties over the registry of methods, and the schedule."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.compression.registry import method, methods, register
from analysis.compression.schedule import CubicSchedule
from analysis.compression.trained import Trained
from analysis.config import Training
from analysis.graph import export_graph, fill_graph, onnx_model
from analysis.models.factory import create, resolve
from analysis.models.spec import ModelSpec
from analysis.models.weights import (
    measured_sparsity,
    prunable,
    prunable_weights,
    stored_bytes,
)
from analysis.training import Normalizer, predict, stream, train

PRUNING = [name for name, found in methods().items() if found.stage == "training"]
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
    masks = method(name).work if name else None
    options = Training(epochs=4, batch_size=32, prune_every=2)
    train(model, *data, options, GREY, masks=masks, sparsity=sparsity)
    return model


def test_a_method_cannot_be_registered_twice() -> None:
    with pytest.raises(ValueError, match="registered already"):
        register("magnitude", stage="training", takes_level=True, summary="")(print)


def test_every_method_says_what_it_does() -> None:
    assert all(found.summary for found in methods().values())


@pytest.mark.parametrize("name", PRUNING)
@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 0.9, 0.95, 1.0])
def test_measured_sparsity_is_what_was_asked(
    spec: ModelSpec, data: tuple[np.ndarray, np.ndarray], name: str, sparsity: float
) -> None:
    assert measured_sparsity(_trained(spec, data, name, sparsity)) == pytest.approx(
        sparsity, abs=0.001
    )


@pytest.mark.parametrize("name", PRUNING)
def test_head_biases_and_norms_are_not_pruned(
    spec: ModelSpec, data: tuple[np.ndarray, np.ndarray], name: str
) -> None:
    model = _trained(spec, data, name, 0.95)
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
    from analysis.training import GradualPruning

    model = torch.nn.Sequential(torch.nn.Linear(4, 1, bias=False))
    model[0].weight.data = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    pruning = GradualPruning(model, method("magnitude").work, CubicSchedule(0.5, 0, 4, 1))
    pruning.step(4)
    assert model(torch.ones(1, 4)).item() == 7
    model[0].weight_orig.data[0, 3] = 0.5  # type: ignore[index]
    pruning.step(4)
    assert model(torch.ones(1, 4)).item() == 5
    pruning.finish()
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


@pytest.mark.parametrize("name", AFTER)
def test_a_quantized_model_is_smaller_and_nearly_agrees(
    spec: ModelSpec, data: tuple[np.ndarray, np.ndarray], name: str
) -> None:
    model = _trained(spec, data)
    images = GREY(data[0]).contiguous().numpy()
    graph = export_graph(create(spec), spec)
    compressed = method(name).work(Trained(model, lambda: onnx_model(model, spec, graph)), images)
    dense, quantized = predict(model, data[0], GREY), compressed.predict(images)
    assert compressed.size_bytes < stored_bytes(model) / 3
    assert not np.array_equal(dense, quantized)
    assert np.abs(dense - quantized).max() < 0.1 * np.abs(dense).max()
    assert (dense.argmax(1) == quantized.argmax(1)).mean() > 0.97


def test_a_sparse_model_stays_sparse_when_it_is_quantized(
    spec: ModelSpec, data: tuple[np.ndarray, np.ndarray]
) -> None:
    model = _trained(spec, data, "magnitude", 0.9)
    graph = export_graph(create(spec), spec)
    images = GREY(data[0]).contiguous().numpy()
    compressed = method("int8-static").work(
        Trained(model, lambda: onnx_model(model, spec, graph)), images
    )
    assert compressed.sparsity == pytest.approx(0.9, abs=0.001)


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
