"""Structured pruning: channels are truly gone, and gone again from a copy."""

import json

import pytest
import torch
from torch_pruning.utils import count_ops_and_params

from analysis.compression.registry import method
from analysis.models.channels import Channels
from analysis.models.factory import create, resolve
from analysis.models.spec import ModelSpec
from analysis.models.weights import measured_sparsity, prunable_weights, stored_bytes
from tests.compressing import (
    Data,
    striped_images,
    tiny_spec,
    trained,
)


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return tiny_spec()


@pytest.fixture(scope="module")
def data() -> Data:
    return striped_images()


@pytest.mark.parametrize(
    ("share", "widths"), [(0.5, (8, 16, 32)), (0.95, (1, 2, 3)), (1, (1, 1, 1))]
)
def test_removed_channels_are_gone_from_every_tensor_that_had_them(
    spec: ModelSpec,
    data: Data,
    share: float,
    widths: tuple[int, ...],
) -> None:
    model = trained(spec, data, "structured", share)
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
        model.get_parameter("features.0.weight")[::2] *= 100
    expected = model.get_parameter("features.0.weight")[::2].clone()
    Channels(model, spec).remove(0.5, method("structured").work)
    assert torch.equal(model.get_parameter("features.0.weight"), expected)
