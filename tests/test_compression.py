"""Properties over the registry of methods, and the schedule."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.compression.masking import CubicSchedule
from analysis.compression.registry import method, methods, register
from analysis.config import Training
from analysis.models.factory import create, resolve
from analysis.models.spec import ModelSpec
from analysis.models.weights import (
    measured_sparsity,
    prunable,
    prunable_weights,
)
from analysis.training.loop import (
    GradualPruning,
    Normalizer,
    TrainingData,
    mean_gradients,
    predict,
    stream,
)
from analysis.training.pruning import MaskPruning
from tests.compressing import GREY, Data, striped_images, tiny_spec, trained

ROOT = Path(__file__).parent.parent
PRUNING = {name: found for name, found in methods().items() if found.stage == "training"}
MASKING = [name for name, m in PRUNING.items() if m.removes == "weights" and m.takes_level]


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return tiny_spec()


@pytest.fixture(scope="module")
def data() -> Data:
    return striped_images()


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
    spec: ModelSpec, data: Data, name: str, sparsity: float
) -> None:
    assert measured_sparsity(trained(spec, data, name, sparsity)) == pytest.approx(
        sparsity, abs=0.001
    )


@pytest.mark.parametrize("name", [*MASKING, "semi-structured"])
def test_head_biases_and_norms_are_not_pruned(spec: ModelSpec, data: Data, name: str) -> None:
    model = trained(spec, data, name, 0.5)
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
    lessons = TrainingData(pixels, np.repeat([0, 1], 4), Normalizer((0.0,), (1.0,), "cpu"))
    generator = torch.Generator().manual_seed(0)
    gradients = mean_gradients(model, lessons, Training(batch_size=8), generator)
    mask = method("gradient").work({"1": model[1].weight}, 0.5, gradients=gradients)["1"]
    assert mask.tolist() == [[1, 0], [1, 0]]
    assert method("magnitude").work({"1": model[1].weight}, 0.5)["1"].tolist() == [[0, 1], [0, 1]]


def test_gradient_weighs_a_gradient_by_the_weight_that_would_go() -> None:
    weights, gradients = {"a": torch.tensor([-1.0, 3.0])}, {"a": torch.tensor([2.0, 1.0])}
    mask = method("gradient").work(weights, 0.5, gradients=gradients)["a"]
    assert mask.tolist() == [0, 1]


def test_looking_at_gradients_changes_neither_the_model_nor_the_random_numbers(
    spec: ModelSpec, data: Data
) -> None:
    model = create(spec).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    mean_gradients(model, TrainingData(*data, GREY), Training(), torch.Generator())
    assert torch.equal(torch.rand(1), expected)
    assert model.training
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


def test_two_of_four_inputs_are_removed_and_they_are_the_smaller_ones(
    spec: ModelSpec, data: Data
) -> None:
    weights = prunable_weights(trained(spec, data, "semi-structured", 0.5))
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
    spec: ModelSpec, data: Data
) -> None:
    torch.set_num_threads(1)
    first, again, other = (
        predict(trained(spec, data, "magnitude", 0.5, seed), data[0], GREY) for seed in (0, 0, 1)
    )
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_streams_of_variants_and_seeds_are_all_different() -> None:
    streams = {stream(scope, seed) for scope in ("dense", "magnitude-0.90") for seed in range(50)}
    assert len(streams) == 100


def test_prunable_weights_are_those_of_convolutions_and_inner_linear_layers() -> None:
    spec = resolve("resnet10t", 5, 3, image_size=32, native_size=None)
    model = create(spec)
    names = set(prunable_weights(model))
    assert "fc" not in names
    assert "conv1.0" in names
    assert all("bn" not in name for name in names)
    assert spec.prunable == sum(w.numel() for w in prunable_weights(model).values())
