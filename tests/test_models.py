"""Models by their timm names."""

import pytest
import torch

from analysis.errors import UserError
from analysis.models.factory import create, resolve
from analysis.models.torchvision_shim import import_timm

timm = import_timm()


def test_tiny_cnn_is_created_by_timm_like_any_other() -> None:
    model = timm.create_model("tiny_cnn", num_classes=7, in_chans=3)
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 7)
    assert "tiny_cnn" in timm.list_models()


def test_tiny_cnn_takes_the_size_of_the_data() -> None:
    assert resolve("tiny_cnn", 3, 1, image_size=None, native_size=(28, 28)).image_size == (28, 28)
    assert resolve("tiny_cnn", 3, 1, image_size=16, native_size=(28, 28)).image_size == (16, 16)
    assert resolve("tiny_cnn", 3, 3, image_size=None, native_size=None).image_size == (32, 32)


@pytest.mark.parametrize(
    ("name", "channels", "size"), [("resnet10t", 1, 32), ("vit_tiny_patch16_224", 3, 32)]
)
def test_a_timm_model_is_made_for_the_size_and_channels_asked(
    name: str, channels: int, size: int
) -> None:
    spec = resolve(name, 4, channels, image_size=size, native_size=(8, 8))
    with torch.inference_mode():
        logits = create(spec).eval()(torch.zeros(2, channels, size, size))
    assert logits.shape == (2, 4)
    assert 0 < spec.prunable < spec.parameters


def test_a_timm_model_has_the_size_it_was_designed_for_unless_asked() -> None:
    spec = resolve("mobilenetv3_small_050", 4, 3, image_size=None, native_size=(8, 8))
    assert spec.image_size == (224, 224)


def test_an_unknown_model_is_refused_with_near_names() -> None:
    with pytest.raises(UserError, match=r"did you mean .*resnet18"):
        resolve("resnet81", 4, 3, image_size=None, native_size=None)


def test_an_impossible_size_is_refused() -> None:
    with pytest.raises(UserError, match="give another --image-size"):
        resolve("vit_tiny_patch16_224", 4, 3, image_size=3, native_size=None)
